//! Owns the order in which declared handlers count as registered, and why; pure: must not know of threads, of the pending set or of a
//! run. Handlers that are registered by calls never get here.
//!
//! Between crates, `link!` and the linker decide (see `links` and `crates`). Inside a crate the linker promises nothing: there the module tree
//! and the position in the source decide. Constraints then move single handlers (see `constraints`).

use std::any::Any;
use std::cmp::Ordering;

mod constraints;
pub(crate) mod crates;
mod graph;
mod links;
mod notes;
pub(crate) mod problem;
mod settle;
mod sort;
pub(crate) mod why;

use crate::handler::declaration::{Declared, DeclaredHandler, LinkSite, Placed, Site};
use constraints::Constraining;
use crates::{CrateKey, Rank, ranks, same};
use sort::Key;

pub(crate) use notes::Notes;

/// Puts the declared handlers, which come in the linker's order, into the order of registration.
pub(crate) fn arrange(declared: &[Declared], links: Vec<LinkSite>, notes: &mut Notes) -> Vec<DeclaredHandler> {
    let Reading { handlers, positions, sources, crates, constrain } = Reading::of(declared);
    // The most common case needs none of the following, nor the memory pages that this code is on.
    if handlers.len() <= 1 && links.is_empty() && constrain.is_none() {
        return handlers;
    }
    let ranks = ranks(crates, links, notes);
    let order = |a: usize, b: usize| sources[a].order(&sources[b], &ranks);
    let places = sort::places(sources.len(), &order);
    let mut keys = Vec::with_capacity(handlers.len());
    for (item, position) in positions.iter().enumerate() {
        keys.push(Key { number: ((places[position.source] as u64) << 32) | u64::from(position.line), item });
    }
    sort::sort(&mut keys, &|a, b| positions[a].rest.cmp(&positions[b].rest));
    let mut arranged = Vec::with_capacity(handlers.len());
    for Key { item, .. } in keys {
        let stated = ranks[sources[positions[item].source].of_crate].stated;
        let mut handler = handlers[item];
        handler.placed = Placed::BySource { stated };
        arranged.push(handler);
    }
    let Some(constrain) = constrain else { return arranged };
    let mut constraining = Constraining { handlers: arranged, notes: std::mem::take(notes) };
    constrain(&mut constraining);
    *notes = constraining.notes;
    constraining.handlers
}

/// The source of handlers that the linker yields one after another. There are usually many of these, and comparing is cheaper than a lookup.
struct Source {
    of_crate: usize,
    module: &'static str,
    file: &'static str,
}

impl Source {
    fn order(&self, other: &Self, ranks: &[Rank]) -> Ordering {
        match ranks[self.of_crate].at.cmp(&ranks[other.of_crate].at) {
            Ordering::Equal => {}
            decided => return decided,
        }
        match module_order(self.module, other.module) {
            Ordering::Equal => self.file.cmp(other.file),
            decided => decided,
        }
    }
}

/// Where a handler is. Numbers only: strings would make sorting several times slower.
struct Position {
    source: usize,
    line: u32,
    /// The column, the line and column of the name, and the expansion.
    rest: u128,
}

impl Position {
    fn new(source: usize, site: &Site) -> Self {
        let high = (u64::from(site.column) << 32) | u64::from(site.name_line);
        let low = (u64::from(site.name_column) << 32) | u64::from(site.expansion);
        let rest = (u128::from(high) << 64) | u128::from(low);
        Self { source, line: site.line, rest }
    }
}

/// What is needed to order handlers.
struct Reading {
    handlers: Vec<DeclaredHandler>,
    /// One for each handler.
    positions: Vec<Position>,
    sources: Vec<Source>,
    /// Those of sources that the linker yields one after another.
    crates: Vec<CrateKey>,
    /// Moves them as constraints ask, if there are any.
    constrain: Option<fn(&mut dyn Any)>,
}

impl Reading {
    fn of(declared: &[Declared]) -> Self {
        let mut this = Self {
            handlers: Vec::with_capacity(declared.len()),
            positions: Vec::with_capacity(declared.len()),
            sources: Vec::new(),
            crates: Vec::new(),
            constrain: None,
        };
        for &declared in declared {
            let description = declared.describe();
            let source = this.source(&description.site);
            this.positions.push(Position::new(source, &description.site));
            this.handlers.push(DeclaredHandler::new(declared, &description));
            this.constrain = this.constrain.or(description.constrain);
        }
        this
    }

    fn source(&mut self, site: &Site) -> usize {
        if let (Some(last), Some(key)) = (self.sources.last(), self.crates.last()) {
            if same(last.module, site.module) && same(last.file, site.file) && key.is_of(site) {
                return self.sources.len() - 1;
            }
        }
        let key = CrateKey::of(site);
        if self.crates.last() != Some(&key) {
            self.crates.push(key);
        }
        self.sources.push(Source { of_crate: self.crates.len() - 1, module: site.module, file: site.file });
        self.sources.len() - 1
    }
}

/// Siblings in alphabetical order, a module after everything in it.
fn module_order(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && a.get(at) == b.get(at) {
        at += 1;
    }
    // The end of a name comes before any letter. There, a module in it comes before the module.
    let next = |path: &[u8]| match path.get(at) {
        Some(b':') => 0,
        None => 1,
        Some(&byte) => 2 + u32::from(byte),
    };
    next(a).cmp(&next(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_compare_by_their_names_one_after_the_other() {
        let paths = [
            "a", "a::b", "a::b::c", "a::b1", "a::c", "a1", "a1::b", "a_", "a_::b", "ab", "ab::a", "b", "b::a", "é",
            "é::a",
        ];
        // Each ends with what comes after all names.
        let names = |path: &'static str| path.split("::").chain(["\u{10ffff}"]).collect::<Vec<_>>();
        for a in paths {
            for b in paths {
                assert_eq!(module_order(a, b), names(a).cmp(&names(b)), "{a} {b}");
            }
        }
    }
}
