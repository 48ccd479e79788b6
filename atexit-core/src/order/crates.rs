//! Owns the order of crates, as the linker gives it and as `link!` states it; pure: must not know what a crate's handlers are.

use super::graph::{self, Cycles, Edge, Groups};
use super::problem::{Problem, some_of};
use super::settle;
use super::sort;
use crate::handler::declaration::{LinkSite, Site};
use crate::handler::text::escaped;

/// What tells two linked crates apart: a library and a binary may have the same name, and so may two versions of a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CrateKey {
    name: &'static str,
    package: &'static str,
    binary: &'static str,
    test: bool,
}

impl CrateKey {
    pub(crate) fn of(site: &Site) -> Self {
        Self { name: site.crate_name(), package: site.package, binary: site.binary, test: site.test }
    }

    pub(crate) fn is_of(&self, site: &Site) -> bool {
        // Not the name: that is in the module's path, which the caller has compared.
        same(self.package, site.package) && same(self.binary, site.binary) && self.test == site.test
    }
}

/// Whether two texts are equal. Those of one source are mostly the same literal, which is quicker to see.
#[inline]
pub(crate) fn same(a: &str, b: &str) -> bool {
    std::ptr::eq(a, b) || a == b
}

/// Where a crate stands.
#[derive(Clone, Copy)]
pub(crate) struct Rank {
    pub(crate) at: usize,
    /// Links state that it comes before the next crate with handlers; the linker may have said so, too.
    pub(crate) stated: bool,
}

/// A crate with handlers, one that says `link!`, or one that only a `link!` names.
struct Node {
    name: &'static str,
    /// Whether a `link!` in another crate can mean it.
    is_library: bool,
    has_handlers: bool,
    /// It has handlers or says `link!`.
    contributes: bool,
}

/// The crates, and what is stated about them.
struct Crates<'a> {
    nodes: Vec<Node>,
    links: &'a [LinkSite],
    edges: Vec<Edge>,
    /// For each edge the `link!` that states it.
    stated_by: Vec<usize>,
}

/// Ranks these crates, which come in the linker's order, and perhaps more than once. Adds what is wrong with the links to `problems`.
pub(super) fn ranks(mut keys: Vec<CrateKey>, links: &[LinkSite], problems: &mut Vec<Problem>) -> Vec<Rank> {
    let with_handlers = keys.len();
    for link in links {
        keys.push(CrateKey::of(&link.site));
    }
    let (nodes, mut of) = nodes(&keys, with_handlers);
    let speakers = of.split_off(with_handlers);
    // Without links, the crates keep their order.
    let (mut places, mut stated) = (graph::numbers(nodes.len()), vec![false; nodes.len()]);
    if !links.is_empty() {
        let mut crates = Crates { nodes, links, edges: Vec::new(), stated_by: Vec::new() };
        crates.state(&speakers, problems);
        crates.drop_contradictions(problems);
        (places, stated) = crates.places();
    }
    let mut ranks = Vec::with_capacity(of.len());
    for node in of {
        ranks.push(Rank { at: places[node], stated: stated[node] });
    }
    ranks
}

/// A node for each crate, in the order of the keys, the first of which are those of crates with handlers; and the node of each key.
fn nodes(keys: &[CrateKey], with_handlers: usize) -> (Vec<Node>, Vec<usize>) {
    const NONE: usize = usize::MAX;
    let places = sort::places(keys.len(), &|a, b| keys[a].cmp(&keys[b]));
    let mut node_at = vec![NONE; keys.len()];
    let (mut nodes, mut of) = (Vec::new(), Vec::with_capacity(keys.len()));
    for (number, key) in keys.iter().enumerate() {
        let node = &mut node_at[places[number]];
        if *node == NONE {
            *node = nodes.len();
            let (is_library, has_handlers) = (key.binary.is_empty(), number < with_handlers);
            nodes.push(Node { name: key.name, is_library, has_handlers, contributes: true });
        }
        of.push(*node);
    }
    (nodes, of)
}

impl Crates<'_> {
    /// Adds what the links state, and reports the crates that they name but that contribute nothing.
    fn state(&mut self, speakers: &[usize], problems: &mut Vec<Problem>) {
        for (number, link) in self.links.iter().enumerate() {
            let speaker = speakers[number];
            let mut before: Vec<usize> = Vec::new();
            for &linked in link.crates {
                let named = self.named(linked, speaker);
                let mut contributes = false;
                for &node in &named {
                    contributes |= self.nodes[node].contributes;
                    self.edges.push((node, speaker));
                    for &early in &before {
                        self.edges.push((early, node));
                    }
                }
                if !contributes {
                    problems.push(Problem::NoHandlers { linked, file: link.site.file, line: link.site.line });
                }
                before = named;
            }
            self.stated_by.resize(self.edges.len(), number);
        }
    }

    /// All versions of the library that another crate calls by this name.
    fn named(&mut self, name: &'static str, by: usize) -> Vec<usize> {
        let mut found = Vec::new();
        for (at, node) in self.nodes.iter().enumerate() {
            if at != by && node.is_library && node.name == name {
                found.push(at);
            }
        }
        if found.is_empty() {
            found.push(self.nodes.len());
            self.nodes.push(Node { name, is_library: true, has_handlers: false, contributes: false });
        }
        found
    }

    /// Drops the edges that contradict each other, and reports which links state them.
    fn drop_contradictions(&mut self, problems: &mut Vec<Problem>) {
        let cycles = Cycles::find(self.nodes.len(), &self.edges);
        for cycle in &cycles.found {
            let (shown, more) = some_of(cycle);
            let mut steps = Vec::with_capacity(shown.len());
            for (at, &early) in shown.iter().enumerate() {
                steps.push(self.step(early, cycle[(at + 1) % cycle.len()]));
            }
            problems.push(Problem::LinkCycle { steps, more });
        }
        Problem::more_cycles(cycles.more, problems);
        self.edges = cycles.without(&self.edges);
    }

    /// A step of a cycle, and the first link that states it.
    fn step(&self, early: usize, late: usize) -> String {
        let mut edge = 0;
        while self.edges[edge] != (early, late) {
            edge += 1;
        }
        let Site { file, line, .. } = self.links[self.stated_by[edge]].site;
        format!("{} before {} (link! at {}:{line})", self.nodes[early].name, self.nodes[late].name, escaped(file))
    }

    /// The place of each crate, and whether links state that it comes before the next one with handlers.
    fn places(&self) -> (Vec<usize>, Vec<bool>) {
        let count = self.nodes.len();
        let mut linkers_order = Vec::with_capacity(count);
        // Crates without handlers come first, where they hold nothing back.
        for &has_handlers in &[false, true] {
            for (node, of) in self.nodes.iter().enumerate() {
                if of.has_handlers == has_handlers {
                    linkers_order.push(node);
                }
            }
        }
        let (order, _) = settle::settle(linkers_order, &self.edges, &[]);
        let later = Groups::by_first(count, &self.edges);
        let (mut places, mut stated) = (vec![0; count], vec![false; count]);
        let mut last = None;
        for (place, &node) in order.iter().enumerate() {
            places[node] = place;
            if self.nodes[node].has_handlers {
                if let Some(last) = last {
                    stated[last] = self.leads_to(last, node, &later);
                }
                last = Some(node);
            }
        }
        (places, stated)
    }

    /// Whether one crate can be reached from another.
    fn leads_to(&self, from: usize, to: usize, later: &Groups) -> bool {
        let mut seen = vec![false; self.nodes.len()];
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            if !seen[at] {
                seen[at] = true;
                for &edge in later.of(at) {
                    open.push(self.edges[edge].1);
                }
            }
        }
        seen[to]
    }
}
