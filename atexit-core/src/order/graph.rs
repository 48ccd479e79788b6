//! Owns which items are joined, and which of them are on cycles; pure, on plain numbers: must not know what a handler or a crate is.

use std::collections::HashSet;

/// `(a, b)`: `a` comes before `b`.
pub(crate) type Edge = (usize, usize);

/// Counts a step of work, for tests of how the work grows with the input.
pub(crate) fn step() {
    #[cfg(test)]
    STEPS.set(STEPS.get() + 1);
}

#[cfg(test)]
std::thread_local! {
    static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// How many steps something takes.
#[cfg(test)]
pub(super) fn steps_of<T>(work: impl FnOnce() -> T) -> usize {
    STEPS.set(0);
    work();
    STEPS.get()
}

/// The items that each item is joined to, from the first of each pair to the second.
pub(crate) fn neighbours(count: usize, pairs: impl Iterator<Item = Edge>) -> Vec<Vec<usize>> {
    let mut lists = vec![Vec::new(); count];
    for (from, to) in pairs {
        lists[from].push(to);
    }
    lists
}

/// Numbers the items so that two have the same number if they are on one cycle (the strongly connected components, by Tarjan's
/// algorithm, without recursion: a chain may be as long as there are items).
fn components(count: usize, edges: &[Edge]) -> Vec<usize> {
    const NEW: usize = usize::MAX;
    let next = neighbours(count, edges.iter().copied());
    let (mut index, mut low, mut component) = (vec![NEW; count], vec![0; count], vec![NEW; count]);
    let (mut clock, mut components) = (0, 0);
    let mut open = Vec::new();
    let mut path: Vec<(usize, usize)> = Vec::new();
    for root in 0..count {
        if index[root] != NEW {
            continue;
        }
        path.push((root, 0));
        while let Some((item, visited)) = path.last_mut() {
            let item = *item;
            if *visited == 0 {
                (index[item], low[item]) = (clock, clock);
                clock += 1;
                open.push(item);
            }
            step();
            if let Some(&to) = next[item].get(*visited) {
                *visited += 1;
                if index[to] == NEW {
                    path.push((to, 0));
                } else if component[to] == NEW {
                    low[item] = low[item].min(index[to]);
                }
                continue;
            }
            path.pop();
            if let Some(&(parent, _)) = path.last() {
                low[parent] = low[parent].min(low[item]);
            }
            if low[item] == index[item] {
                while let Some(member) = open.pop() {
                    component[member] = components;
                    if member == item {
                        break;
                    }
                }
                components += 1;
            }
        }
    }
    component
}

/// Which edges are on cycles, and some of these cycles.
pub(crate) struct Cycles {
    /// Together they contain every edge that is on a cycle, unless there are `more`. In the order of the items; each is the shortest cycle
    /// through one of its edges.
    pub(crate) found: Vec<Vec<usize>>,
    /// How many more independent cycles there are: none is a combination of others.
    pub(crate) more: usize,
    component: Vec<usize>,
}

impl Cycles {
    pub(crate) fn find(count: usize, edges: &[Edge]) -> Self {
        let component = components(count, edges);
        let mut inside: Vec<Edge> = edges.iter().copied().filter(|&(a, b)| component[a] == component[b]).collect();
        inside.sort_unstable();
        inside.dedup();
        let mut search = Search::new(neighbours(count, inside.iter().copied()));
        let mut told = vec![false; inside.len()];
        let (mut found, mut more) = (Vec::new(), 0);
        for (at, &(first, second)) in inside.iter().enumerate() {
            if told[at] {
                continue;
            }
            if found.len() == MOST_CYCLES {
                more = independent_cycles(&inside, &component) - found.len();
                break;
            }
            let cycle = search.cycle_through(first, second);
            for (step, &early) in cycle.iter().enumerate() {
                let edge = (early, cycle[(step + 1) % cycle.len()]);
                inside.binary_search(&edge).map(|at| told[at] = true).ok();
            }
            found.push(cycle);
        }
        Self { found, more, component }
    }

    /// Whether an edge between these items is on a cycle.
    pub(crate) fn have(&self, (early, late): Edge) -> bool {
        self.component[early] == self.component[late]
    }
}

/// In the worst case, each cycle takes a look at all edges, so there must be a bound.
const MOST_CYCLES: usize = 100;

/// How many independent cycles there are: in each component, the number of its edges, minus that of its items, plus one. All edges are on
/// cycles, and none occurs twice.
fn independent_cycles(edges: &[Edge], component: &[usize]) -> usize {
    let distinct = |numbers: Vec<usize>| numbers.into_iter().collect::<HashSet<_>>().len();
    let items = distinct(edges.iter().map(|edge| edge.0).collect());
    let components = distinct(edges.iter().map(|edge| component[edge.0]).collect());
    edges.len() + components - items
}

/// Looks for shortest paths, again and again.
struct Search {
    next: Vec<Vec<usize>>,
    came_from: Vec<Option<usize>>,
}

impl Search {
    fn new(next: Vec<Vec<usize>>) -> Self {
        Self { came_from: vec![None; next.len()], next }
    }

    /// The first item of an edge, and a shortest path from the second one back to it, which exists.
    fn cycle_through(&mut self, first: usize, second: usize) -> Vec<usize> {
        let Self { next, came_from } = self;
        let mut reached = vec![second];
        let mut looked_at = 0;
        while came_from[first].is_none() && first != second {
            let item = reached[looked_at];
            looked_at += 1;
            for &to in &next[item] {
                step();
                if to != second && came_from[to].is_none() {
                    came_from[to] = Some(item);
                    reached.push(to);
                }
            }
        }
        let mut cycle: Vec<usize> = std::iter::successors(Some(first), |&item| came_from[item]).collect();
        cycle[1..].reverse();
        for item in reached {
            came_from[item] = None;
        }
        cycle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_cycle_is_found_exactly_where_there_is_one(
            (count, edges) in (1_usize..10).prop_flat_map(|count| {
                (Just(count), prop::collection::vec((0..count, 0..count), 0..2 * count))
            })
        ) {
            // Reachability, by closing the relation.
            let mut reaches = vec![vec![false; count]; count];
            for &(a, b) in &edges {
                reaches[a][b] = true;
            }
            for via in 0..count {
                for a in 0..count {
                    for b in 0..count {
                        reaches[a][b] |= reaches[a][via] && reaches[via][b];
                    }
                }
            }
            let component = components(count, &edges);
            for a in 0..count {
                for b in 0..count {
                    prop_assert_eq!(component[a] == component[b], a == b || (reaches[a][b] && reaches[b][a]));
                }
            }
            let cycles = Cycles::find(count, &edges);
            for cycle in &cycles.found {
                for (at, &item) in cycle.iter().enumerate() {
                    prop_assert!(edges.contains(&(item, cycle[(at + 1) % cycle.len()])));
                }
            }
            let told = |&(a, b): &Edge| {
                cycles.found.iter().any(|cycle| {
                    (0..cycle.len()).any(|at| (cycle[at], cycle[(at + 1) % cycle.len()]) == (a, b))
                })
            };
            for &(a, b) in &edges {
                prop_assert_eq!(told(&(a, b)), reaches[b][a]);
                prop_assert_eq!(cycles.have((a, b)), reaches[b][a]);
            }
        }
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let count = 100_000;
        let chain: Vec<Edge> = (1..count).map(|item| (item, item - 1)).collect();
        assert_eq!(Cycles::find(count, &chain).found.len(), 0);
    }

    #[test]
    fn a_hundred_cycles_are_told_and_the_rest_is_counted() {
        let pairs = |count: usize| (0..count).flat_map(|pair| [(2 * pair, 2 * pair + 1), (2 * pair + 1, 2 * pair)]);
        let selves = |count: usize| (0..count).map(|item| (item, item));
        // All before the first, and back.
        let star = |count: usize| (1..=count).flat_map(|item| [(item, 0), (0, item)]);
        let ring = |count: usize| (0..count).map(move |item| ((item + 1) % count, item));
        let chords = |count: usize| ring(count).chain((2..count).map(|item| (0, item)));
        let table: [(usize, Vec<Edge>, usize, usize); 10] = [
            (200, pairs(100).collect(), 100, 0),
            (202, pairs(101).collect(), 100, 1),
            (300, pairs(150).chain(pairs(150)).collect(), 100, 50),
            (150, selves(150).collect(), 100, 50),
            (151, star(150).collect(), 100, 50),
            (1000, ring(1000).collect(), 1, 0),
            (1000, chords(1000).collect(), 100, 898),
            (101, chords(101).collect(), 99, 0),
            (4, (0..4).flat_map(|a| (0..4).map(move |b| (a, b))).filter(|(a, b)| a != b).collect(), 6, 0),
            (3, vec![(0, 1), (1, 2)], 0, 0),
        ];
        for (number, (count, edges, found, more)) in table.into_iter().enumerate() {
            let cycles = Cycles::find(count, &edges);
            assert_eq!((cycles.found.len(), cycles.more), (found, more), "{number}");
        }
    }

    #[test]
    fn cycles_that_overlap_take_a_look_at_all_for_each_that_is_told_and_no_more() {
        for count in [500, 2000, 8000] {
            let ring = (0..count).map(|item| ((item + 1) % count, item));
            let edges: Vec<Edge> = ring.chain((2..count).map(|item| (0, item))).collect();
            let size = count + edges.len();
            let steps = steps_of(|| Cycles::find(count, &edges));
            assert!(steps <= (MOST_CYCLES + 5) * size, "{steps} steps for {size}");
        }
    }
}
