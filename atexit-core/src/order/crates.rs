//! Owns the order of crates, as the linker gives it and as `link!` states it; pure: must not know what a crate's handlers are.

use std::collections::HashMap;

use super::graph::{self, Cycles, Edge};
use super::problem::{Problem, some_of};
use super::settle;
use crate::handler::declaration::{LinkSite, Site};
use crate::handler::text::escaped;

/// What tells two linked crates apart: a library and a binary may have the same name, and so may two versions of a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

    /// Whether a `link!` in another crate can mean this one.
    fn is_library(&self, name: &str) -> bool {
        self.name == name && self.binary.is_empty()
    }
}

/// Whether two texts are equal. Those of one source are mostly the same literal, which is quicker to see.
#[inline]
pub(crate) fn same(a: &str, b: &str) -> bool {
    std::ptr::eq(a, b) || a == b
}

/// Where a crate stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rank {
    pub(crate) at: usize,
    /// Links state that it comes before the next crate with handlers; the linker may have said so, too.
    pub(crate) stated: bool,
}

/// A crate with handlers, one that says `link!`, or one that only a `link!` names.
struct Node {
    key: Option<CrateKey>,
    name: &'static str,
    has_handlers: bool,
}

/// The crates, and what is stated about them.
#[derive(Default)]
struct Crates {
    nodes: Vec<Node>,
    of: HashMap<CrateKey, usize>,
    edges: Vec<Edge>,
    /// For each edge the `link!` that states it.
    stated_by: Vec<usize>,
}

/// Ranks the crate of each handler. The handlers come in the linker's order. Adds what is wrong with the links to `problems`.
pub(crate) fn ranks(
    handlers: impl Iterator<Item = CrateKey>,
    links: &[LinkSite],
    problems: &mut Vec<Problem>,
) -> Vec<Rank> {
    let mut crates = Crates::default();
    let handlers: Vec<usize> = handlers.map(|key| crates.node(key)).collect();
    for &at in &handlers {
        crates.nodes[at].has_handlers = true;
    }
    crates.state(links, problems);
    crates.drop_contradictions(links, problems);
    // Crates without handlers come first, where they hold nothing back.
    let (with, without): (Vec<usize>, Vec<usize>) =
        (0..crates.nodes.len()).partition(|&at| crates.nodes[at].has_handlers);
    let linkers_order = [without, with].concat();
    let order = settle::settle(linkers_order, &crates.edges, &[]);
    let later = graph::neighbours(crates.nodes.len(), crates.edges.iter().copied());
    let mut next = None;
    let mut ranks = vec![Rank::default(); crates.nodes.len()];
    for (at, &node) in order.iter().enumerate().rev() {
        if crates.nodes[node].has_handlers {
            ranks[node] = Rank { at, stated: next.is_some_and(|next| leads_to(node, next, &later)) };
            next = Some(node);
        }
    }
    handlers.into_iter().map(|node| ranks[node]).collect()
}

/// Whether one item can be reached from another.
fn leads_to(from: usize, to: usize, next: &[Vec<usize>]) -> bool {
    let mut seen = vec![false; next.len()];
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        if !std::mem::replace(&mut seen[at], true) {
            open.extend(&next[at]);
        }
    }
    seen[to]
}

impl Crates {
    fn node(&mut self, key: CrateKey) -> usize {
        *self.of.entry(key).or_insert_with(|| {
            self.nodes.push(Node { key: Some(key), name: key.name, has_handlers: false });
            self.nodes.len() - 1
        })
    }

    /// Adds what the links state, and reports the crates that they name but that contribute nothing.
    fn state(&mut self, links: &[LinkSite], problems: &mut Vec<Problem>) {
        let speakers: Vec<usize> = links.iter().map(|link| self.node(CrateKey::of(&link.site))).collect();
        for (number, (link, &speaker)) in links.iter().zip(&speakers).enumerate() {
            let mut before: Vec<usize> = Vec::new();
            for &name in link.crates {
                let named = self.named(name, speaker);
                if !named.iter().any(|at| self.nodes[*at].has_handlers || speakers.contains(at)) {
                    problems.push(Problem::NoHandlers { linked: name, file: link.site.file, line: link.site.line });
                }
                let edges = named.iter().flat_map(|&late| before.iter().map(move |&early| (early, late)));
                self.edges.extend(edges.chain(named.iter().map(|&early| (early, speaker))));
                before = named;
            }
            self.stated_by.resize(self.edges.len(), number);
        }
    }

    /// All versions of the library that another crate calls by this name.
    fn named(&mut self, name: &'static str, by: usize) -> Vec<usize> {
        let known = |node: &Node| node.key.map_or(node.name == name, |key| key.is_library(name));
        let found: Vec<usize> = (0..self.nodes.len()).filter(|&at| at != by && known(&self.nodes[at])).collect();
        if !found.is_empty() {
            return found;
        }
        self.nodes.push(Node { key: None, name, has_handlers: false });
        vec![self.nodes.len() - 1]
    }

    /// Drops the edges that contradict each other, and reports which links state them.
    fn drop_contradictions(&mut self, links: &[LinkSite], problems: &mut Vec<Problem>) {
        let cycles = Cycles::find(self.nodes.len(), &self.edges);
        let mut stated_by = HashMap::new();
        for (&edge, &link) in self.edges.iter().zip(&self.stated_by) {
            stated_by.entry(edge).or_insert(link);
        }
        for cycle in &cycles.found {
            let steps = (0..cycle.len()).map(|at| {
                let edge = (cycle[at], cycle[(at + 1) % cycle.len()]);
                let link = &links[stated_by[&edge]].site;
                let (early, late) = (self.nodes[edge.0].name, self.nodes[edge.1].name);
                format!("{early} before {late} (link! at {}:{})", escaped(link.file), link.line)
            });
            let (steps, more) = some_of(steps);
            problems.push(Problem::LinkCycle { steps, more });
        }
        problems.extend(Problem::more_cycles(cycles.more));
        self.edges.retain(|&edge| !cycles.have(edge));
    }
}
