//! Owns which items are joined, and which of them are on cycles; pure, on plain numbers: must not know what a handler or a crate is.

/// `(a, b)`: `a` comes before `b`.
pub(super) type Edge = (usize, usize);

/// Counts a step of work, for tests of how the work grows with the input.
#[inline]
pub(super) fn step() {
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

/// The numbers of edges, grouped by the item that they begin or end at.
pub(super) struct Groups {
    members: Vec<usize>,
    /// For each item where its group begins in `members`, and then where the last one ends.
    begin: Vec<usize>,
}

impl Groups {
    /// A group keeps the order of its edges.
    #[inline]
    pub(super) fn new(count: usize, edges: &[usize], item: &dyn Fn(usize) -> usize) -> Self {
        let mut begin = vec![0; count + 1];
        for &edge in edges {
            begin[item(edge)] += 1;
        }
        // First these are the ends. Each group then grows towards its beginning.
        for item in 1..=count {
            begin[item] += begin[item - 1];
        }
        let mut members = vec![0; edges.len()];
        for &edge in edges.iter().rev() {
            let begin = &mut begin[item(edge)];
            *begin -= 1;
            members[*begin] = edge;
        }
        Self { members, begin }
    }

    /// Grouped by the item that the edges begin at.
    #[inline]
    pub(super) fn by_first(count: usize, edges: &[Edge]) -> Self {
        Self::new(count, &numbers(edges.len()), &|edge| edges[edge].0)
    }

    #[inline]
    pub(super) fn of(&self, item: usize) -> &[usize] {
        &self.members[self.begin[item]..self.begin[item + 1]]
    }

    /// One group after another, in the order of these items.
    #[inline]
    pub(super) fn listed(&self, items: &[usize]) -> Vec<usize> {
        let mut listed = Vec::with_capacity(self.members.len());
        for &item in items {
            listed.extend_from_slice(self.of(item));
        }
        listed
    }
}

/// As many numbers, from 0.
#[inline]
pub(super) fn numbers(count: usize) -> Vec<usize> {
    let mut numbers = Vec::with_capacity(count);
    for number in 0..count {
        numbers.push(number);
    }
    numbers
}

/// No item, no edge, and no number yet.
const NONE: usize = usize::MAX;

/// Numbers the items so that two have the same number if they are on one cycle (the strongly connected components, by Tarjan's
/// algorithm, without recursion: a chain may be as long as there are items).
#[inline]
fn components(count: usize, edges: &[Edge]) -> Vec<usize> {
    let next = Groups::by_first(count, edges);
    let (mut index, mut low, mut component) = (vec![NONE; count], vec![0; count], vec![NONE; count]);
    let (mut clock, mut components) = (0, 0);
    let mut open = Vec::new();
    let mut path: Vec<(usize, usize)> = Vec::new();
    for root in 0..count {
        if index[root] != NONE {
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
            if let Some(&edge) = next.of(item).get(*visited) {
                *visited += 1;
                let to = edges[edge].1;
                if index[to] == NONE {
                    path.push((to, 0));
                } else if component[to] == NONE {
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
pub(super) struct Cycles {
    /// Together they contain every edge that is on a cycle, unless there are `more`. In the order of the items; each is the shortest cycle
    /// through one of its edges.
    pub(super) found: Vec<Vec<usize>>,
    /// How many more independent cycles there are: none is a combination of others.
    pub(super) more: usize,
    component: Vec<usize>,
}

impl Cycles {
    #[inline]
    pub(super) fn find(count: usize, edges: &[Edge]) -> Self {
        let mut cycles = Self { found: Vec::new(), more: 0, component: components(count, edges) };
        let inside = cycles.inside(edges);
        if !inside.is_empty() {
            cycles.tell(&inside);
        }
        cycles
    }

    /// Whether an edge between these items is on a cycle.
    #[inline]
    pub(super) fn have(&self, (early, late): Edge) -> bool {
        self.component[early] == self.component[late]
    }

    /// The edges that are on no cycle.
    #[inline]
    pub(super) fn without(&self, edges: &[Edge]) -> Vec<Edge> {
        let mut without = Vec::new();
        for &edge in edges {
            if !self.have(edge) {
                without.push(edge);
            }
        }
        without
    }

    /// The edges that are on cycles, sorted, each once.
    #[inline]
    fn inside(&self, edges: &[Edge]) -> Vec<Edge> {
        let mut on_cycles = Vec::new();
        for (number, &edge) in edges.iter().enumerate() {
            if self.have(edge) {
                on_cycles.push(number);
            }
        }
        let mut inside = Vec::new();
        if on_cycles.is_empty() {
            return inside;
        }
        // A group keeps the order that the edges have, so they are sorted by the second item first.
        let count = self.component.len();
        let by_second = Groups::new(count, &on_cycles, &|edge| edges[edge].1);
        let by_both = Groups::new(count, &by_second.members, &|edge| edges[edge].0);
        for edge in by_both.members {
            if inside.last() != Some(&edges[edge]) {
                inside.push(edges[edge]);
            }
        }
        inside
    }

    /// Finds cycles until each of these edges is on one of them.
    #[inline]
    fn tell(&mut self, inside: &[Edge]) {
        let next = Groups::by_first(self.component.len(), inside);
        let mut told = vec![false; inside.len()];
        let mut came_by = vec![NONE; self.component.len()];
        for edge in 0..inside.len() {
            if told[edge] {
                continue;
            }
            if self.found.len() == MOST_CYCLES {
                self.more = self.independent(inside) - MOST_CYCLES;
                break;
            }
            self.found.push(cycle_through(edge, inside, &next, &mut came_by, &mut told));
        }
    }

    /// How many independent cycles there are: in each component, the number of its edges, minus that of its items, plus one. These are all
    /// edges that are on cycles, sorted.
    #[inline]
    fn independent(&self, inside: &[Edge]) -> usize {
        let mut is_counted = vec![false; self.component.len()];
        let mut count = inside.len();
        let mut last = NONE;
        for &(item, _) in inside {
            if item != last {
                last = item;
                count -= 1;
            }
            if !is_counted[self.component[item]] {
                is_counted[self.component[item]] = true;
                count += 1;
            }
        }
        count
    }
}

/// In the worst case, each cycle takes a look at all edges, so there must be a bound.
const MOST_CYCLES: usize = 100;

/// The first item of an edge, and a shortest path from the second one back to it, which exists. Marks the edges of this cycle in `told`.
/// `came_by` is lent empty, and is empty again.
#[inline]
fn cycle_through(edge: usize, edges: &[Edge], next: &Groups, came_by: &mut [usize], told: &mut [bool]) -> Vec<usize> {
    let (first, second) = edges[edge];
    let mut reached = vec![second];
    let mut looked_at = 0;
    while came_by[first] == NONE && first != second {
        for &edge in next.of(reached[looked_at]) {
            step();
            let to = edges[edge].1;
            if to != second && came_by[to] == NONE {
                came_by[to] = edge;
                reached.push(to);
            }
        }
        looked_at += 1;
    }
    told[edge] = true;
    let mut cycle = vec![first];
    let mut item = first;
    while item != second {
        let edge = came_by[item];
        told[edge] = true;
        item = edges[edge].0;
        cycle.push(item);
    }
    cycle[1..].reverse();
    for item in reached {
        came_by[item] = NONE;
    }
    cycle
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
