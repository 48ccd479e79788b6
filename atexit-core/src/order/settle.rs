//! Owns the smallest moves that satisfy constraints without cycles; pure, on plain numbers: must not know what a handler or a crate is.

use super::graph::{Edge, neighbours, step};

/// How an item got to its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Move {
    #[default]
    None,
    /// It was held back by an edge of its own, until after another item.
    Delayed,
    /// It was pulled ahead of another item.
    Pulled,
    /// It was held back because an item that is pulled ahead of it, or that delays it, had to wait itself.
    Waited,
}

/// Puts `items` into an order that satisfies all edges, moving as little as possible.
///
/// First each of the `delays` holds its second item back until just after its first. Then each of the `pulls` brings its first item
/// up to just ahead of its second; if that item has to follow one that comes later, the second waits for it instead. There must be no cycle.
pub(crate) fn settle(items: Vec<usize>, delays: &[Edge], pulls: &[Edge]) -> Vec<usize> {
    if delays.is_empty() && pulls.is_empty() { items } else { settle_and_tell(&items, delays, pulls).0 }
}

/// [`settle`], and how each item got to its place.
pub(crate) fn settle_and_tell(items: &[usize], delays: &[Edge], pulls: &[Edge]) -> (Vec<usize>, Vec<Move>) {
    let unmoved = |items: &[usize]| (items.to_vec(), vec![Move::None; items.len()]);
    let pass = |items: &[usize], pulls| Settling::new(items, delays, pulls).settle(items);
    let (delayed, waited) = if delays.is_empty() { unmoved(items) } else { pass(items, &[]) };
    let (settled, mut moves) = if pulls.is_empty() { unmoved(&delayed) } else { pass(&delayed, pulls) };
    for (now, before) in moves.iter_mut().zip(waited) {
        if *now == Move::None && before == Move::Waited {
            *now = Move::Delayed;
        }
    }
    (settled, moves)
}

/// What is known about an item while the items are placed one by one, in their order.
#[derive(Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts")]
struct Item {
    /// The items that must come after it, in the order of the items.
    followers: Vec<usize>,
    /// The items that must come before it, each with whether it is to be pulled; in the order of the items.
    needs: Vec<(usize, bool)>,
    /// How many of its needs, from the first on, are placed.
    met: usize,
    /// Some other item pulls it.
    is_pulled: bool,
    /// How many of its needs keep it from being placed: they are not placed, and either nothing pulls them, or they have such needs themselves.
    /// The number never grows, so the same needs are not looked at again and again.
    hindered_by: usize,
    /// It can be placed. This stays so until it is.
    is_placeable: bool,
    /// What was missing at the last attempt to place it.
    blocked_by: Option<usize>,
    /// The last check that reached it.
    checked: usize,
    /// The item that would pull it, in that check.
    puller: Option<usize>,
    /// While it waits for its needs, and these for theirs: the run that it is in, and its place there.
    run: Option<(usize, usize)>,
    /// Its own turn has come.
    reached: bool,
    moved: Move,
    placed: bool,
}

/// What is to be done, the last one first.
enum Turn {
    /// Place the last item of a run, after what it needs.
    Run(usize),
    /// Try to place the items that waited for another one.
    Followers(std::vec::IntoIter<usize>),
}

struct Settling {
    of: Vec<Item>,
    checks: usize,
    /// In a run, each item is needed by the one before it. An item is in at most one run.
    runs: Vec<Vec<usize>>,
    result: Vec<usize>,
}

impl Settling {
    fn new(items: &[usize], delays: &[Edge], pulls: &[Edge]) -> Self {
        let mut of = vec![Item::default(); items.len()];
        let delayed_by = neighbours(items.len(), delays.iter().copied());
        let pulled_by = neighbours(items.len(), pulls.iter().copied());
        // Going through the items in their order leaves the lists in that order.
        for &early in items {
            of[early].is_pulled = !pulled_by[early].is_empty();
            for (late, is_pull) in [(&delayed_by, false), (&pulled_by, true)] {
                late[early].iter().for_each(|&late| of[late].needs.push((early, is_pull)));
            }
        }
        for &late in items {
            of[late].hindered_by = of[late].needs.len();
            for need in 0..of[late].needs.len() {
                let (early, _) = of[late].needs[need];
                of[early].followers.push(late);
            }
        }
        let mut this = Self { of, checks: 0, runs: Vec::new(), result: Vec::with_capacity(items.len()) };
        let is_free = |item: &usize| this.of[*item].needs.is_empty() && this.of[*item].is_pulled;
        this.hinder_no_more(items.iter().copied().filter(is_free).collect());
        this
    }

    fn settle(mut self, items: &[usize]) -> (Vec<usize>, Vec<Move>) {
        for &item in items {
            self.of[item].reached = true;
            self.visit(item);
            if !self.of[item].placed {
                self.of[item].moved = Move::Waited;
            }
        }
        (self.result, self.of.into_iter().map(|item| item.moved).collect())
    }

    /// Places an item, pulls others ahead of it, and then places those that waited for one of them. Does nothing at all if an item has to come
    /// first whose turn has not come.
    fn visit(&mut self, start: usize) {
        self.runs.clear();
        // Instead of recursion.
        let mut turns = Vec::new();
        self.try_to_place(start, &mut turns);
        while let Some(turn) = turns.last_mut() {
            step();
            let run = match turn {
                Turn::Run(run) => *run,
                Turn::Followers(followers) => {
                    match followers.next() {
                        Some(follower) => self.try_to_place(follower, &mut turns),
                        None => drop(turns.pop()),
                    }
                    continue;
                }
            };
            match self.runs[run].last() {
                None => drop(turns.pop()),
                Some(&at) => match self.first_need(at) {
                    Some(need) if self.of[need].run.is_some() => turns.push(Turn::Run(self.run_from(need))),
                    Some(need) => self.append(need, run),
                    None => {
                        self.runs[run].pop();
                        turns.push(Turn::Followers(self.place(at).into_iter()));
                    }
                },
            }
        }
    }

    fn try_to_place(&mut self, item: usize, turns: &mut Vec<Turn>) {
        if !self.of[item].placed && self.is_placeable(item) {
            turns.push(Turn::Run(self.run_from(item)));
        }
    }

    /// A run that begins with the item. If the item is already in a run, the rest of that run is taken over: to begin anew would go through all
    /// of it again.
    fn run_from(&mut self, item: usize) -> usize {
        let run = match self.of[item].run {
            Some((run, 0)) => return run,
            Some((run, at)) => self.runs[run].split_off(at),
            None => vec![item],
        };
        let number = self.runs.len();
        self.runs.push(Vec::new());
        for item in run {
            self.append(item, number);
        }
        number
    }

    fn append(&mut self, item: usize, run: usize) {
        step();
        self.of[item].run = Some((run, self.runs[run].len()));
        self.runs[run].push(item);
    }

    fn first_need(&mut self, at: usize) -> Option<usize> {
        while let Some(&(need, _)) = self.of[at].needs.get(self.of[at].met) {
            step();
            if !self.of[need].placed {
                return Some(need);
            }
            self.of[at].met += 1;
        }
        None
    }

    /// Whether an item can be placed now: whatever delays it, or an item that is pulled with it, is placed or is pulled with it.
    fn is_placeable(&mut self, start: usize) -> bool {
        let Item { hindered_by, is_placeable, .. } = self.of[start];
        // The items that are pulled with another one only change by being placed, so what was missing is still missing.
        if hindered_by > 0 || self.missing_for(start).is_some() {
            return false;
        }
        let is_placeable = is_placeable || self.pulls_all_it_needs(start);
        self.of[start].is_placeable = is_placeable;
        is_placeable
    }

    /// Looks at everything that is pulled with an item, and notes what is missing, if anything is.
    fn pulls_all_it_needs(&mut self, start: usize) -> bool {
        self.checks += 1;
        self.enter(start, None);
        let (mut open, mut held_back, mut blocked) = (vec![start], Vec::new(), Vec::new());
        self.look_at_pulled(&mut open, &mut held_back, Some(&mut blocked));
        // What blocks one of them is missing here, too, unless another one pulls it. Mostly this can be told without looking further.
        let by = blocked.first().and_then(|&at| self.missing_for(at));
        if let Some(by) = by.filter(|&by| !self.is_with_it(by)) {
            if blocked.iter().all(|&at| self.of[at].blocked_by == Some(by)) {
                self.block(blocked[0], by);
                return false;
            }
        }
        self.look_at_pulled(&mut blocked, &mut held_back, None);
        let missing = held_back.into_iter().find(|&(_, need)| !self.is_with_it(need));
        if let Some((at, need)) = missing {
            self.block(at, need);
        }
        missing.is_none()
    }

    /// Enters what the `open` items pull, and what this pulls in turn. With `blocked`, an item that is known to be blocked goes there, and is not
    /// followed. `held_back` gets each delayed item together with the one that delays it, which may turn out to be pulled, too.
    fn look_at_pulled(
        &mut self,
        open: &mut Vec<usize>,
        held_back: &mut Vec<Edge>,
        mut blocked: Option<&mut Vec<usize>>,
    ) {
        while let Some(at) = open.pop() {
            for index in self.of[at].met..self.of[at].needs.len() {
                step();
                let (need, is_pull) = self.of[at].needs[index];
                if self.of[need].placed || (is_pull && self.is_with_it(need)) {
                    continue;
                }
                if !is_pull {
                    held_back.push((at, need));
                    continue;
                }
                self.enter(need, Some(at));
                match &mut blocked {
                    Some(blocked) if self.missing_for(need).is_some() => blocked.push(need),
                    _ => open.push(need),
                }
            }
        }
    }

    /// What an item is known to be blocked by.
    fn missing_for(&self, item: usize) -> Option<usize> {
        self.of[item].blocked_by.filter(|&by| !self.of[by].placed)
    }

    /// Whether an item is pulled with the one that the check is about, as far as the check has got.
    fn is_with_it(&self, item: usize) -> bool {
        self.of[item].checked == self.checks
    }

    /// Begins to look at an item that `puller` would pull.
    fn enter(&mut self, at: usize, puller: Option<usize>) {
        self.first_need(at);
        self.of[at].checked = self.checks;
        self.of[at].puller = puller;
    }

    /// Notes what is missing, for this item and those that would pull it.
    fn block(&mut self, at: usize, missing: usize) {
        let mut blocked = Some(at);
        while let Some(at) = blocked {
            step();
            self.of[at].blocked_by = Some(missing);
            blocked = self.of[at].puller;
        }
    }

    /// Places the item, and returns those that were waiting for it.
    fn place(&mut self, at: usize) -> Vec<usize> {
        self.result.push(at);
        self.of[at].placed = true;
        if !self.of[at].reached {
            self.of[at].moved = Move::Pulled;
        }
        if !self.of[at].is_pulled {
            self.hinder_no_more(vec![at]);
        }
        let followers = std::mem::take(&mut self.of[at].followers);
        followers.into_iter().filter(|&follower| self.of[follower].reached).collect()
    }

    /// These no longer keep others from being placed. Nor do the items that only these have hindered, if something pulls them.
    fn hinder_no_more(&mut self, mut items: Vec<usize>) {
        while let Some(item) = items.pop() {
            for at in 0..self.of[item].followers.len() {
                step();
                let follower = self.of[item].followers[at];
                self.of[follower].hindered_by -= 1;
                if self.of[follower].hindered_by == 0 && self.of[follower].is_pulled {
                    items.push(follower);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
