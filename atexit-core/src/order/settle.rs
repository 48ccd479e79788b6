//! Owns the least moves that satisfy constraints which close no circle; pure, on plain numbers: must not know what a handler or a crate is.

use super::graph::{Edge, neighbours};

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
/// up to just ahead of its second; where that item has to follow what comes later, the second waits for it instead. There must be no circle.
pub(crate) fn settle(items: Vec<usize>, delays: &[Edge], pulls: &[Edge]) -> Vec<usize> {
    if delays.is_empty() && pulls.is_empty() { items } else { settle_and_tell(&items, delays, pulls).0 }
}

/// [`settle`], and how each item came to its place.
pub(crate) fn settle_and_tell(items: &[usize], delays: &[Edge], pulls: &[Edge]) -> (Vec<usize>, Vec<Move>) {
    let (delayed, waited) = Settling::new(items, delays, &[]).settle(items);
    let (settled, mut moves) = Settling::new(&delayed, delays, pulls).settle(&delayed);
    for (now, before) in moves.iter_mut().zip(waited) {
        if *now == Move::None && before == Move::Waited {
            *now = Move::Delayed;
        }
    }
    (settled, moves)
}

/// What is known of an item while the items are placed one by one, in their order.
#[derive(Clone, Default)]
struct Item {
    /// Who comes after it, in the order of the items.
    followers: Vec<usize>,
    /// Who comes before it, and whether that one is to be pulled; in the order of the items.
    needs: Vec<(usize, bool)>,
    /// So many of them, from the first on, are placed.
    met: usize,
    /// Some other item pulls it.
    is_pulled: bool,
    /// What was missing when placing it was last tried.
    blocked_by: Option<usize>,
    /// The last check that came by, and for whose sake.
    checked: usize,
    puller: Option<usize>,
    /// Its own turn has come.
    reached: bool,
    moved: Move,
    placed: bool,
}

struct Settling {
    of: Vec<Item>,
    checks: usize,
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
            for need in 0..of[late].needs.len() {
                let (early, _) = of[late].needs[need];
                of[early].followers.push(late);
            }
        }
        Self { of, checks: 0, result: Vec::with_capacity(items.len()) }
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
        // Instead of recursion: each item with the number of those that came before it; `None` until it is known whether they can.
        let mut path = vec![(start, None)];
        while let Some((at, needs)) = path.pop() {
            if self.of[at].placed || (needs.is_none() && !self.is_placeable(at)) {
                continue;
            }
            let needs = needs.unwrap_or(0);
            if let Some(&(next, _)) = self.of[at].needs.get(needs) {
                path.extend([(at, Some(needs + 1)), (next, Some(0))]);
            } else {
                let released = self.place(at);
                path.extend(released.into_iter().rev().map(|released| (released, None)));
            }
        }
    }

    /// Whether nothing is missing that an item, or one that is pulled with it, is held back for, but what is pulled with it.
    fn is_placeable(&mut self, start: usize) -> bool {
        // Who would be pulled with an item never changes but by being placed: what was missing is missing still.
        if self.of[start].blocked_by.is_some_and(|by| !self.of[by].placed) {
            return false;
        }
        self.checks += 1;
        // Depth first, because the first thing that is missing for good ends it.
        let mut way = vec![self.enter(start, None)];
        let mut held_back = Vec::new();
        while let Some((at, next)) = way.last_mut() {
            let at = *at;
            let Some(&(need, is_pull)) = self.of[at].needs.get(*next) else {
                way.pop();
                continue;
            };
            *next += 1;
            if self.of[need].placed || self.of[need].checked == self.checks {
                continue;
            }
            if is_pull {
                way.push(self.enter(need, Some(at)));
            } else if self.of[need].is_pulled {
                held_back.push((at, need)); // unless it turns out to be pulled, too
            } else {
                self.block(at, need);
                return false;
            }
        }
        let missing = held_back.into_iter().find(|&(_, need)| self.of[need].checked != self.checks);
        if let Some((at, need)) = missing {
            self.block(at, need);
        }
        missing.is_none()
    }

    /// Begins to look at an item that `puller` would pull, with the first of its needs that is not met: those before it are forever.
    fn enter(&mut self, at: usize, puller: Option<usize>) -> (usize, usize) {
        let Item { needs, met, .. } = &self.of[at];
        let more = needs[*met..].iter().take_while(|&&(need, _)| self.of[need].placed).count();
        let item = &mut self.of[at];
        item.met += more;
        item.checked = self.checks;
        item.puller = puller;
        (at, item.met)
    }

    /// Notes what is missing, for this item and those that would pull it.
    fn block(&mut self, at: usize, missing: usize) {
        let mut blocked = Some(at);
        while let Some(at) = blocked {
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
        let mut released = std::mem::take(&mut self.of[at].followers);
        released.retain(|&follower| self.of[follower].reached);
        released
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The rule in as many words: no stack of its own, nothing remembered.
    struct Reference<'a> {
        delays: &'a [Edge],
        pulls: &'a [Edge],
        order: &'a [usize],
        reached: Vec<usize>,
        result: Vec<usize>,
    }

    impl Reference<'_> {
        fn settle(items: &[usize], delays: &[Edge], pulls: &[Edge]) -> Vec<usize> {
            let delayed = Self::pass(items, delays, &[]);
            Self::pass(&delayed, delays, pulls)
        }

        fn pass(order: &[usize], delays: &[Edge], pulls: &[Edge]) -> Vec<usize> {
            let mut this = Reference { delays, pulls, order, reached: vec![], result: vec![] };
            for &item in order {
                this.reached.push(item);
                this.visit(item);
            }
            this.result
        }

        fn missing(&self, edges: &[Edge], item: usize) -> Vec<usize> {
            let first = |&early: &usize| edges.contains(&(early, item)) && !self.result.contains(&early);
            self.order.iter().copied().filter(first).collect()
        }

        /// The item and all that would be pulled with it.
        fn with(&self, item: usize) -> Vec<usize> {
            let pulled = self.missing(self.pulls, item);
            [item].into_iter().chain(pulled.into_iter().flat_map(|pulled| self.with(pulled))).collect()
        }

        fn is_placeable(&self, item: usize) -> bool {
            let with = self.with(item);
            with.iter().flat_map(|&item| self.missing(self.delays, item)).all(|missing| with.contains(&missing))
        }

        fn visit(&mut self, item: usize) {
            if !self.result.contains(&item) && self.is_placeable(item) {
                self.place(item);
            }
        }

        fn place(&mut self, item: usize) {
            let edges = [self.delays, self.pulls].concat();
            for need in self.missing(&edges, item) {
                if !self.result.contains(&need) {
                    self.place(need);
                }
            }
            if self.result.contains(&item) {
                return;
            }
            self.result.push(item);
            for &follower in self.order {
                if edges.contains(&(item, follower)) && self.reached.contains(&follower) {
                    self.visit(follower);
                }
            }
        }
    }

    /// A shuffled order, and edges that close no circle because they all go up in another shuffled order.
    fn acyclic() -> impl Strategy<Value = (Vec<usize>, Vec<Edge>, Vec<Edge>)> {
        (1_usize..12).prop_flat_map(|count| {
            let shuffled = || Just((0..count).collect::<Vec<_>>()).prop_shuffle();
            let pairs = || prop::collection::btree_set((0..count, 0..count), 0..2 * count);
            (shuffled(), shuffled(), pairs(), pairs()).prop_map(|(items, ranks, delays, pulls)| {
                let up = |pairs: std::collections::BTreeSet<Edge>| {
                    let mut edges: Vec<Edge> = pairs.into_iter().filter(|&(a, b)| ranks[a] < ranks[b]).collect();
                    edges.dedup();
                    edges
                };
                let delays = up(delays);
                let pulls = up(pulls).into_iter().filter(|edge| !delays.contains(edge)).collect();
                (items, delays, pulls)
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn settling_agrees_with_the_reference((items, delays, pulls) in acyclic()) {
            let settled = settle(items.clone(), &delays, &pulls);
            let position = |item| settled.iter().position(|&at| at == item);
            for &(early, late) in delays.iter().chain(&pulls) {
                prop_assert!(position(early) < position(late));
            }
            prop_assert_eq!(settled, Reference::settle(&items, &delays, &pulls));
        }
    }

    #[test]
    fn what_moves_is_what_is_annotated_and_no_further_than_it_must() {
        let table: [(&[Edge], &[Edge], &[usize]); 9] = [
            (&[], &[], &[0, 1, 2, 3]),
            (&[(2, 0)], &[], &[1, 2, 0, 3]),         // 0 is delayed until just after 2
            (&[], &[(3, 1)], &[0, 3, 1, 2]),         // 3 is pulled up to just ahead of 1
            (&[(0, 3)], &[(1, 2)], &[0, 1, 2, 3]),   // both hold already
            (&[(2, 0), (2, 1)], &[], &[2, 0, 1, 3]), // those that waited keep their order
            (&[(1, 0), (2, 1)], &[], &[2, 1, 0, 3]), // a chain
            (&[(2, 3)], &[(3, 0)], &[1, 2, 3, 0]),   // 3 follows 2 and precedes 0: the earlier one waits
            (&[(2, 3)], &[(2, 0), (3, 0)], &[2, 3, 0, 1]), // what 3 follows is pulled with it
            (&[(3, 0)], &[(2, 0)], &[1, 2, 3, 0]),   // delays first: then nothing is left to pull
        ];
        for (delays, pulls, expected) in table {
            assert_eq!(settle(vec![0, 1, 2, 3], delays, pulls), expected, "{delays:?} {pulls:?}");
        }
    }

    #[test]
    fn who_waits_for_many_is_not_looked_at_from_the_start_each_time() {
        // Each of these looking at all of those would take minutes.
        let count = 200_000;
        let items: Vec<usize> = (0..count).collect();
        let last: Vec<usize> = (1..count).chain([0]).collect();
        let after_all: Vec<Edge> = (1..count).map(|item| (item, 0)).collect();
        assert_eq!(settle(items.clone(), &after_all, &[]), last);
        let all_after: Vec<Edge> = (0..count - 1).map(|item| (count - 1, item)).collect();
        let reversed: Vec<usize> = [count - 1].into_iter().chain(0..count - 1).collect();
        assert_eq!(settle(items.clone(), &all_after, &[]), reversed);
        assert_eq!(settle(items.clone(), &[], &all_after), reversed);
        // All odd ones are to come before 0, each after the even one that follows it.
        let odd = (1..count - 1).step_by(2);
        let delays: Vec<Edge> = odd.clone().map(|item| (item + 1, item)).collect();
        let pulls: Vec<Edge> = odd.clone().map(|item| (item, 0)).collect();
        let pairs = odd.flat_map(|item| [item + 1, item]);
        let expected: Vec<usize> = pairs.chain([0, count - 1]).collect();
        assert_eq!(settle(items, &delays, &pulls), expected);
    }

    #[test]
    fn long_chains_need_no_stack() {
        let count = 200_000;
        let chain: Vec<Edge> = (1..count).map(|item| (item, item - 1)).collect();
        let reversed: Vec<usize> = (0..count).rev().collect();
        let items: Vec<usize> = (0..count).collect();
        assert_eq!(settle(items.clone(), &chain, &[]), reversed);
        assert_eq!(settle(items, &[], &chain), reversed);
    }
}
