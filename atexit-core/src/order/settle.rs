//! Owns the smallest moves that satisfy constraints without cycles; pure, on plain numbers: must not know what a handler or a crate is.

use super::graph::{Edge, Groups, step};

/// How an item got to its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Move {
    #[default]
    None,
    /// It was held back by an edge of its own, until after another item.
    Delayed,
    /// It was pulled ahead of another item.
    Pulled,
    /// It was held back because an item that is pulled ahead of it, or that delays it, had to wait itself.
    Waited,
}

/// Puts `items` into an order that satisfies all edges, moving as little as possible, and tells how each item got to its place.
///
/// First each of the `delays` holds its second item back until just after its first. Then each of the `pulls` brings its first item
/// up to just ahead of its second; if that item has to follow one that comes later, the second waits for it instead. There must be no cycle.
#[inline]
pub(super) fn settle(mut items: Vec<usize>, delays: &[Edge], pulls: &[Edge]) -> (Vec<usize>, Vec<Move>) {
    let mut moves = vec![Move::None; items.len()];
    if !delays.is_empty() {
        items = Settling::new(&items, delays, &[]).settle(&items, &mut moves);
        for moved in &mut moves {
            if *moved == Move::Waited {
                *moved = Move::Delayed;
            }
        }
    }
    if !pulls.is_empty() {
        items = Settling::new(&items, delays, pulls).settle(&items, &mut moves);
    }
    (items, moves)
}

/// What is known about an item while the items are placed one by one, in their order.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts")]
struct Item {
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
    placed: bool,
}

/// What is to be done, the last one first.
enum Turn {
    /// Place the last item of a run, after what it needs.
    Run(usize),
    /// Try to place the items that waited for this one, from the `next` of them on.
    Followers { of: usize, next: usize },
}

struct Settling {
    of: Vec<Item>,
    /// The delays, and then the pulls.
    edges: Vec<Edge>,
    delays: usize,
    /// The edges to each item, from those that must come before it, in the order of the items.
    needs: Groups,
    /// The edges from each item, to those that must come after it, in the order of the items.
    followers: Groups,
    checks: usize,
    /// In a run, each item is needed by the one before it. An item is in at most one run.
    runs: Vec<Vec<usize>>,
    result: Vec<usize>,
}

impl Settling {
    #[inline]
    fn new(items: &[usize], delays: &[Edge], pulls: &[Edge]) -> Self {
        let mut edges = delays.to_vec();
        edges.extend_from_slice(pulls);
        // Going through the items in their order leaves the groups in that order.
        let by_first = Groups::by_first(items.len(), &edges);
        let needs = Groups::new(items.len(), &by_first.listed(items), &|edge| edges[edge].1);
        let followers = Groups::new(items.len(), &needs.listed(items), &|edge| edges[edge].0);
        let mut of = Vec::with_capacity(items.len());
        for item in 0..items.len() {
            of.push(Item { hindered_by: needs.of(item).len(), ..Item::default() });
        }
        for &(early, _) in pulls {
            of[early].is_pulled = true;
        }
        let (checks, runs, result) = (0, Vec::new(), Vec::with_capacity(items.len()));
        let mut this = Self { of, edges, delays: delays.len(), needs, followers, checks, runs, result };
        let mut free = Vec::new();
        for &item in items {
            if this.needs.of(item).is_empty() && this.of[item].is_pulled {
                free.push(item);
            }
        }
        this.hinder_no_more(free);
        this
    }

    #[inline]
    fn settle(mut self, items: &[usize], moves: &mut [Move]) -> Vec<usize> {
        for &item in items {
            self.of[item].reached = true;
            self.visit(item, moves);
            if !self.of[item].placed {
                moves[item] = Move::Waited;
            }
        }
        self.result
    }

    /// Places an item, pulls others ahead of it, and then places those that waited for one of them. Does nothing at all if an item has to come
    /// first whose turn has not come.
    #[inline]
    fn visit(&mut self, start: usize, moves: &mut [Move]) {
        self.runs.clear();
        // Instead of recursion.
        let mut turns = Vec::new();
        self.try_to_place(start, &mut turns);
        while let Some(turn) = turns.last_mut() {
            step();
            match turn {
                Turn::Followers { of, next } => match self.followers.of(*of).get(*next) {
                    None => drop(turns.pop()),
                    Some(&edge) => {
                        *next += 1;
                        self.try_to_place(self.edges[edge].1, &mut turns);
                    }
                },
                &mut Turn::Run(run) => match self.runs[run].last() {
                    None => drop(turns.pop()),
                    Some(&at) => match self.first_need(at) {
                        Some(need) if self.of[need].run.is_some() => turns.push(Turn::Run(self.run_from(need))),
                        Some(need) => self.append(need, run),
                        None => {
                            self.runs[run].pop();
                            self.place(at, moves);
                            turns.push(Turn::Followers { of: at, next: 0 });
                        }
                    },
                },
            }
        }
    }

    #[inline]
    fn try_to_place(&mut self, item: usize, turns: &mut Vec<Turn>) {
        if self.of[item].reached && !self.of[item].placed && self.is_placeable(item) {
            turns.push(Turn::Run(self.run_from(item)));
        }
    }

    /// A run that begins with the item. If the item is already in a run, the rest of that run is taken over: to begin anew would go through all
    /// of it again.
    #[inline]
    fn run_from(&mut self, item: usize) -> usize {
        let number = self.runs.len();
        let rest = match self.of[item].run {
            Some((run, 0)) => return run,
            Some((run, at)) => self.runs[run].split_off(at),
            None => vec![item],
        };
        self.runs.push(Vec::new());
        for item in rest {
            self.append(item, number);
        }
        number
    }

    #[inline]
    fn append(&mut self, item: usize, run: usize) {
        step();
        self.of[item].run = Some((run, self.runs[run].len()));
        self.runs[run].push(item);
    }

    #[inline]
    fn first_need(&mut self, at: usize) -> Option<usize> {
        while let Some(&edge) = self.needs.of(at).get(self.of[at].met) {
            step();
            let need = self.edges[edge].0;
            if !self.of[need].placed {
                return Some(need);
            }
            self.of[at].met += 1;
        }
        None
    }

    /// Whether an item can be placed now: whatever delays it, or an item that is pulled with it, is placed or is pulled with it.
    #[inline]
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
    #[inline]
    fn pulls_all_it_needs(&mut self, start: usize) -> bool {
        self.checks += 1;
        self.enter(start, None);
        let (mut open, mut held_back, mut blocked) = (vec![start], Vec::new(), Vec::new());
        self.look_at_pulled(&mut open, &mut held_back, Some(&mut blocked));
        if let Some(by) = self.missing_for_all(&blocked) {
            self.block(blocked[0], by);
            return false;
        }
        self.look_at_pulled(&mut blocked, &mut held_back, None);
        for (at, need) in held_back {
            if !self.is_with_it(need) {
                self.block(at, need);
                return false;
            }
        }
        true
    }

    /// What blocks one of them is missing here, too, unless another one pulls it. Mostly this can be told without looking further: when the
    /// same item blocks them all.
    #[inline]
    fn missing_for_all(&self, blocked: &[usize]) -> Option<usize> {
        let by = self.missing_for(*blocked.first()?)?;
        for &at in blocked {
            if self.of[at].blocked_by != Some(by) {
                return None;
            }
        }
        if self.is_with_it(by) { None } else { Some(by) }
    }

    /// Enters what the `open` items pull, and what this pulls in turn. With `blocked`, an item that is known to be blocked goes there, and is not
    /// followed. `held_back` gets each delayed item together with the one that delays it, which may turn out to be pulled, too.
    #[inline]
    fn look_at_pulled(
        &mut self,
        open: &mut Vec<usize>,
        held_back: &mut Vec<Edge>,
        mut blocked: Option<&mut Vec<usize>>,
    ) {
        while let Some(at) = open.pop() {
            for index in self.of[at].met..self.needs.of(at).len() {
                step();
                let edge = self.needs.of(at)[index];
                let (need, is_pull) = (self.edges[edge].0, edge >= self.delays);
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
    #[inline]
    fn missing_for(&self, item: usize) -> Option<usize> {
        let by = self.of[item].blocked_by?;
        if self.of[by].placed { None } else { Some(by) }
    }

    /// Whether an item is pulled with the one that the check is about, as far as the check has got.
    #[inline]
    fn is_with_it(&self, item: usize) -> bool {
        self.of[item].checked == self.checks
    }

    /// Begins to look at an item that `puller` would pull.
    #[inline]
    fn enter(&mut self, at: usize, puller: Option<usize>) {
        self.first_need(at);
        self.of[at].checked = self.checks;
        self.of[at].puller = puller;
    }

    /// Notes what is missing, for this item and those that would pull it.
    #[inline]
    fn block(&mut self, at: usize, missing: usize) {
        let mut blocked = Some(at);
        while let Some(at) = blocked {
            step();
            self.of[at].blocked_by = Some(missing);
            blocked = self.of[at].puller;
        }
    }

    #[inline]
    fn place(&mut self, at: usize, moves: &mut [Move]) {
        self.result.push(at);
        self.of[at].placed = true;
        if !self.of[at].reached {
            moves[at] = Move::Pulled;
        }
        if !self.of[at].is_pulled {
            self.hinder_no_more(vec![at]);
        }
    }

    /// These no longer keep others from being placed. Nor do the items that only these have hindered, if something pulls them.
    #[inline]
    fn hinder_no_more(&mut self, mut items: Vec<usize>) {
        while let Some(item) = items.pop() {
            for &edge in self.followers.of(item) {
                step();
                let follower = &mut self.of[self.edges[edge].1];
                follower.hindered_by -= 1;
                if follower.hindered_by == 0 && follower.is_pulled {
                    items.push(self.edges[edge].1);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
