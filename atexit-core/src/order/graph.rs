//! Owns which items are joined, and which of them go round in circles; pure, on plain numbers: must not know what a handler or a crate is.

use std::collections::VecDeque;

/// `(a, b)`: `a` comes before `b`.
pub(crate) type Edge = (usize, usize);

/// The items that each item is joined to, from the first of each pair to the second.
pub(crate) fn neighbours(count: usize, pairs: impl Iterator<Item = Edge>) -> Vec<Vec<usize>> {
    let mut lists = vec![Vec::new(); count];
    for (from, to) in pairs {
        lists[from].push(to);
    }
    lists
}

/// Numbers the items so that two have the same number if they are on one circle (the strongly connected components, by Tarjan's
/// algorithm, without recursion: a chain may be as long as there are items).
pub(crate) fn components(count: usize, edges: &[Edge]) -> Vec<usize> {
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

/// Circles that together have every edge which is on one, in the order of the items; each the shortest through an edge.
pub(crate) fn circles(count: usize, edges: &[Edge]) -> Vec<Vec<usize>> {
    let component = components(count, edges);
    let mut inside: Vec<Edge> = edges.iter().copied().filter(|&(a, b)| component[a] == component[b]).collect();
    inside.sort_unstable();
    inside.dedup();
    let next = neighbours(count, inside.iter().copied());
    let mut told = vec![false; inside.len()];
    let mut circles = Vec::new();
    for (at, &(first, second)) in inside.iter().enumerate() {
        if !told[at] {
            let circle = circle_through(first, second, &next);
            for (step, &early) in circle.iter().enumerate() {
                let edge = (early, circle[(step + 1) % circle.len()]);
                inside.binary_search(&edge).map(|at| told[at] = true).ok();
            }
            circles.push(circle);
        }
    }
    circles
}

/// The first item of an edge, and a shortest way from the second back to it, which exists.
fn circle_through(first: usize, second: usize, next: &[Vec<usize>]) -> Vec<usize> {
    let mut came_from = vec![None; next.len()];
    let mut queue = VecDeque::from([second]);
    while let Some(item) = queue.pop_front() {
        for &to in &next[item] {
            if to != second && came_from[to].is_none() {
                came_from[to] = Some(item);
                queue.push_back(to);
            }
        }
    }
    let mut circle: Vec<usize> = std::iter::successors(Some(first), |&item| came_from[item]).collect();
    circle[1..].reverse();
    circle
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_circle_is_found_exactly_where_there_is_one(
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
            let circles = circles(count, &edges);
            for circle in &circles {
                for (at, &item) in circle.iter().enumerate() {
                    prop_assert!(edges.contains(&(item, circle[(at + 1) % circle.len()])));
                }
            }
            let told = |&(a, b): &Edge| {
                circles.iter().any(|circle| {
                    (0..circle.len()).any(|at| (circle[at], circle[(at + 1) % circle.len()]) == (a, b))
                })
            };
            for &(a, b) in &edges {
                prop_assert_eq!(told(&(a, b)), reaches[b][a]);
            }
        }
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let count = 200_000;
        let chain: Vec<Edge> = (1..count).map(|item| (item, item - 1)).collect();
        assert_eq!(circles(count, &chain).len(), 0);
    }
}
