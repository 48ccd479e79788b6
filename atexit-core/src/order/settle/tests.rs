//! Owns the proof that constraints move as little as they can, by a slow and obvious reference, and that the work grows with the input.

use super::super::graph::steps_of;
use super::*;
use proptest::prelude::*;

/// The rule in plain words: recursion, and nothing remembered.
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

    /// The item, and everything that would be pulled with it.
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

/// A shuffled order, and edges that form no cycle because they all go up in another shuffled order.
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
        let settled = settle(items.clone(), &delays, &pulls).0;
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
        (&[(2, 0)], &[], &[1, 2, 0, 3]),               // 0 is delayed until just after 2
        (&[], &[(3, 1)], &[0, 3, 1, 2]),               // 3 is pulled up to just ahead of 1
        (&[(0, 3)], &[(1, 2)], &[0, 1, 2, 3]),         // both hold already
        (&[(2, 0), (2, 1)], &[], &[2, 0, 1, 3]),       // those that waited keep their order
        (&[(1, 0), (2, 1)], &[], &[2, 1, 0, 3]),       // a chain
        (&[(2, 3)], &[(3, 0)], &[1, 2, 3, 0]),         // 3 follows 2 and precedes 0: the earlier one waits
        (&[(2, 3)], &[(2, 0), (3, 0)], &[2, 3, 0, 1]), // what 3 follows is pulled with it
        (&[(3, 0)], &[(2, 0)], &[1, 2, 3, 0]),         // delays first: then nothing is left to pull
    ];
    for (delays, pulls, expected) in table {
        assert_eq!(settle(vec![0, 1, 2, 3], delays, pulls).0, expected, "{delays:?} {pulls:?}");
    }
}

/// The number of items, which are in their order; the delays; and the pulls.
type Case = (usize, Vec<Edge>, Vec<Edge>);

/// Orders with this many items, as large programs may have them, and worse ones.
fn large(count: usize) -> Vec<(&'static str, Case)> {
    let edges = |those: &dyn Fn(usize) -> Option<Edge>| (0..count).filter_map(those).collect::<Vec<Edge>>();
    let (middle, last) = (count / 2, count - 1);
    let into = |hub: usize| edges(&|item| (item != hub).then_some((item, hub)));
    let out_of = |hub: usize| edges(&|item| (item != hub).then_some((hub, item)));
    let through = || edges(&|item| (item != middle).then_some((item.max(middle), item.min(middle))));
    let chain = |step: usize| edges(&|item| Some((item, item.checked_sub(step)?)));
    let crossing = || edges(&|item| (item > 0 && item < middle).then_some((count - item, item)));
    let none = Vec::new;
    vec![
        ("all before the first", (count, none(), into(0))),
        ("all before the last", (count, none(), into(last))),
        ("the last before all", (count, none(), out_of(last))),
        ("the first after all", (count, into(0), none())),
        ("all after the last", (count, out_of(last), none())),
        ("all through one, pulled", (count, none(), through())),
        ("all through one, delayed", (count, through(), none())),
        ("a chain, pulled", (count, none(), chain(1))),
        ("a chain, delayed", (count, chain(1), none())),
        ("a ladder, pulled", (count, none(), [chain(1), chain(2)].concat())),
        ("a ladder, delayed", (count, [chain(1), chain(2)].concat(), none())),
        ("a delayed ladder with pulled rungs", (count, chain(2), chain(1))),
        ("a pulled ladder with delayed rungs", (count, chain(1), chain(2))),
        ("a pulled chain before the first", (count, none(), [into(0), chain(1)].concat())),
        ("a delayed chain before the first", (count, chain(1), into(0))),
        ("all before the first, half of them after others", (count, crossing(), into(0))),
        ("a chain, half of it after others", (count, crossing(), chain(1))),
        ("any", (count, any(count, 1), any(count, 2))),
        ("let go one by one", let_go_one_by_one(count)),
        ("released on the way", released_on_the_way(count)),
        ("held up by one that is pulled", held_up_by_one_that_is_pulled(count)),
    ]
}

/// As many edges as items. They form no cycle: they all go up in another order.
fn any(count: usize, seed: usize) -> Vec<Edge> {
    let scattered = |item: usize, salt: usize| (item + salt).wrapping_mul(0x9e37_79b1) >> 9;
    let pairs = (0..count).map(|item| (scattered(item, seed * 1000) % count, scattered(item, seed * 7777) % count));
    let up = |&(a, b): &Edge| (scattered(a, 5), a) < (scattered(b, 5), b);
    pairs.map(|(a, b)| if up(&(a, b)) { (a, b) } else { (b, a) }).filter(up).collect()
}

/// Each `x` is before 0, and after a `b` that an earlier item pulls: each turn lets one of them go.
fn let_go_one_by_one(count: usize) -> Case {
    let each =
        || (0..(count - 1) / 3).map(|number| (1 + 2 * number, 2 + 2 * number, 1 + 2 * ((count - 1) / 3) + number));
    let pulls = each().flat_map(|(puller, x, b)| [(b, puller), (x, 0)]);
    (count, each().map(|(_, x, b)| (b, x)).collect(), pulls.collect())
}

/// A chain before one item. For each of its links, another item waits that also pulls what comes before that one item.
fn released_on_the_way(count: usize) -> Case {
    let third = (count - 1) / 3;
    let each = || (0..third).map(|number| (number, third + 1 + number, 2 * third + 1 + number));
    let pulls = each().flat_map(|(waiting, x, y)| [(x, x - 1), (x, third), (y, waiting), (y, third)]);
    (count, each().map(|(waiting, x, _)| (x, waiting)).collect(), pulls.collect())
}

/// One half pulls a hub, which pulls the other half. One of that half is delayed by what the last one pulls.
fn held_up_by_one_that_is_pulled(count: usize) -> Case {
    let (hub, by, held_up) = (count / 2, count - 3, count - 2);
    let pulls = (0..hub).map(|item| (hub, item)).chain((hub + 1..by).chain([held_up]).map(|item| (item, hub)));
    (count, vec![(by, held_up)], pulls.chain([(by, count - 1)]).collect())
}

#[test]
fn the_work_grows_with_the_input_and_not_faster() {
    for count in [64, 512, 4096] {
        for (name, (count, delays, pulls)) in large(count) {
            let items: Vec<usize> = (0..count).collect();
            let size = count + delays.len() + pulls.len();
            let steps = steps_of(|| settle(items, &delays, &pulls));
            assert!(steps <= 12 * size, "{name}: {steps} steps for {size}");
        }
    }
}

#[test]
fn large_orders_agree_with_the_reference() {
    for (name, (count, delays, pulls)) in large(24) {
        let items: Vec<usize> = (0..count).collect();
        assert_eq!(settle(items.clone(), &delays, &pulls).0, Reference::settle(&items, &delays, &pulls), "{name}");
    }
}

#[test]
fn long_chains_need_no_stack() {
    let count = 100_000;
    let chain: Vec<Edge> = (1..count).map(|item| (item, item - 1)).collect();
    let reversed: Vec<usize> = (0..count).rev().collect();
    let items: Vec<usize> = (0..count).collect();
    assert_eq!(settle(items.clone(), &chain, &[]).0, reversed);
    assert_eq!(settle(items, &[], &chain).0, reversed);
}
