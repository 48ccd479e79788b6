//! Owns the least moves that satisfy constraints which form no cycle; pure, on plain numbers: must not know what a handler or a crate is.

use super::graph::{Edge, neighbours, step};

/// How an item came to its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Move {
    #[default]
    None,
    /// By an edge of its own, until after another item.
    Delayed,
    /// Ahead of another item.
    Pulled,
    /// Until those that are pulled ahead of it, or that it is delayed by, have waited themselves.
    Waited,
}

/// Puts `items` into an order that satisfies all edges, moving as little as possible.
///
/// First each of the `delays` holds its second item back until just after its first. Then each of the `pulls` brings its first item
/// up to just ahead of its second; where that item has to follow what comes later, the second waits for it instead. There must be no cycle.
pub(crate) fn settle(items: Vec<usize>, delays: &[Edge], pulls: &[Edge]) -> Vec<usize> {
    if delays.is_empty() && pulls.is_empty() { items } else { settle_and_tell(&items, delays, pulls).0 }
}

/// [`settle`], and how each item came to its place.
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

/// What is known of an item while the items are placed one by one, in their order.
#[derive(Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "facts, each of its own")]
struct Item {
    /// Who comes after it, in the order of the items.
    followers: Vec<usize>,
    /// Who comes before it, and whether that one is to be pulled; in the order of the items.
    needs: Vec<(usize, bool)>,
    /// So many of them, from the first on, are placed.
    met: usize,
    /// Some other item pulls it.
    is_pulled: bool,
    /// So many of them keep it from being placed, for they are not placed, and nobody pulls them or they have such needs themselves. The
    /// number never grows, so that nobody has to look at the same needs again and again.
    hindered_by: usize,
    /// Once it can be placed, it can until it is.
    is_placeable: bool,
    /// What was missing when placing it was last tried.
    blocked_by: Option<usize>,
    /// The last check that came by, and for whose sake.
    checked: usize,
    puller: Option<usize>,
    /// While it waits for what it needs, and that for what it needs in turn: the run that has it, and where in it.
    run: Option<(usize, usize)>,
    /// Its own turn has come.
    reached: bool,
    moved: Move,
    placed: bool,
}

/// What is to be done next, the last first.
enum Turn {
    /// Placing the last item of a run, after what it needs.
    Run(usize),
    /// Trying those that waited for an item.
    Followers(std::vec::IntoIter<usize>),
}

struct Settling {
    of: Vec<Item>,
    checks: usize,
    /// Each item is needed by the one before it. An item is in one run at most.
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

    /// Places an item, pulling others ahead of it, and then whoever has waited for one of them. Does nothing, not even by halves, if
    /// something has to come first that is still to come.
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

    /// A run that begins with the item: where that waits already, it is not begun anew, for all in between would be gone through again.
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

    /// Whether nothing is missing that an item, or one that is pulled with it, is held back for, but what is pulled with it.
    fn is_placeable(&mut self, start: usize) -> bool {
        let Item { hindered_by, is_placeable, .. } = self.of[start];
        // Who would be pulled with an item never changes but by being placed: what was missing is missing still.
        if hindered_by > 0 || self.missing_for(start).is_some() {
            return false;
        }
        let is_placeable = is_placeable || self.pulls_all_it_needs(start);
        self.of[start].is_placeable = is_placeable;
        is_placeable
    }

    /// Looks at all that is pulled with an item, and notes what is missing, if anything is.
    fn pulls_all_it_needs(&mut self, start: usize) -> bool {
        self.checks += 1;
        self.enter(start, None);
        let (mut open, mut held_back, mut blocked) = (vec![start], Vec::new(), Vec::new());
        self.look_at_pulled(&mut open, &mut held_back, Some(&mut blocked));
        // What one cannot be placed without is missing here, too, unless somebody else pulls it: mostly that is told without a look at more.
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

    /// Enters what the `open` ones pull, and all that this pulls in turn, but leaves out who is known to be blocked where that is asked for.
    /// Whom something is held back for comes with what that is: it may turn out to be pulled, too.
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

    /// Whether an item is pulled with the one that the check is about, as far as that has come.
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

    /// Places the item, and says who was waiting for just that.
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

    /// These do not keep others from being placed any more, nor do those who have been kept from it by these alone, if somebody pulls them.
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
