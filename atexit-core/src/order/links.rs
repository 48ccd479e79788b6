//! Owns the order of crates that `link!` states; pure: must not know what a crate's handlers are.

use std::any::Any;

use super::crates::{self, Crate};
use super::graph::{Cycles, Edge, Groups};
use super::notes::{Lists, Notes};
use super::problem::{Problem, some_of};
use super::settle;
use super::sort;
use crate::handler::declaration::{self, LinkSite, Site};
use crate::handler::text::escaped;

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

impl LinkSite {
    /// For the expansion of `link!`.
    #[must_use]
    #[inline]
    pub fn new(site: Site, crates: &'static [&'static str]) -> Self {
        Self { site, crates, rank }
    }
}

/// Ranks crates as the links state. It is only called through a [`LinkSite`], so programs without links do not contain this code. All of it is
/// `#[inline]`: only crates with links compile it.
#[inline]
fn rank(crates: &mut dyn Any, notes: &mut dyn Any) {
    let (Some(crates), Some(notes)) = (crates.downcast_mut::<Vec<Crate>>(), notes.downcast_mut::<Notes>()) else {
        return;
    };
    let links = sorted(&declaration::links());
    let with_handlers = crates.len();
    let mut speakers = Vec::with_capacity(links.len());
    for link in &links {
        speakers.push(crates::number(crates, &link.site));
    }
    let mut stated =
        Crates { nodes: nodes(crates, with_handlers), links: &links, edges: Vec::new(), stated_by: Vec::new() };
    notes.add(&mut |Lists { problems, .. }| {
        stated.state(&speakers, problems);
        stated.drop_contradictions(problems);
    });
    let (places, leads) = stated.places();
    for (number, ranked) in crates.iter_mut().enumerate() {
        (ranked.place, ranked.stated) = (places[number], leads[number]);
    }
}

/// Inside a crate, the linker's order changes from build to build. What is reported about the links must not change with it.
#[inline]
fn sorted(links: &[LinkSite]) -> Vec<LinkSite> {
    let order = |a: usize, b: usize| {
        let (a, b) = (&links[a].site, &links[b].site);
        (a.file, a.line, a.column, a.expansion).cmp(&(b.file, b.line, b.column, b.expansion))
    };
    let mut sorted = Vec::with_capacity(links.len());
    for key in sort::sorted(links.len(), &order) {
        sorted.push(links[key.item()]);
    }
    sorted
}

/// The crates with handlers and those that say `link!`, in the order of their numbers.
#[inline]
fn nodes(crates: &[Crate], with_handlers: usize) -> Vec<Node> {
    let mut nodes = Vec::with_capacity(crates.len());
    for (number, Crate { key, .. }) in crates.iter().enumerate() {
        let (is_library, has_handlers) = (key.binary.is_empty(), number < with_handlers);
        nodes.push(Node { name: key.name, is_library, has_handlers, contributes: true });
    }
    nodes
}

impl Crates<'_> {
    /// Adds what the links state, and reports the crates that they name but that contribute nothing.
    #[inline]
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
    #[inline]
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
    #[inline]
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
    #[inline]
    fn step(&self, early: usize, late: usize) -> String {
        let mut edge = 0;
        while self.edges[edge] != (early, late) {
            edge += 1;
        }
        let Site { file, line, .. } = self.links[self.stated_by[edge]].site;
        format!("{} before {} (link! at {}:{line})", self.nodes[early].name, self.nodes[late].name, escaped(file))
    }

    /// The place of each crate, and whether links state that it comes before the next one with handlers.
    #[inline]
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
    #[inline]
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
