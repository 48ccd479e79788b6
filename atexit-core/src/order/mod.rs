//! Owns the order in which declared handlers count as registered, and why; pure: must not know of threads, of the pending set or of a
//! run. Handlers that are registered by calls never get here.
//!
//! Between crates, `link!` and the linker decide (see `links` and `crates`). Inside a crate the linker promises nothing: there the module tree
//! and the position in the source decide. Constraints then move single handlers (see `constraints`).

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

use crate::handler::declaration::{Constrain, Declared, DeclaredHandler, Description, Link, Placed, Site};
use crates::{Crate, same};
use sort::Key;

pub(crate) use notes::Notes;

/// Declared handlers, and what is needed to order them.
#[derive(Default)]
pub(crate) struct Reading {
    entries: Vec<Entry>,
    sources: Vec<Source>,
    crates: Vec<Crate>,
    /// Moves handlers as constraints ask, if there are any.
    constrain: Option<Constrain>,
}

/// A handler, and where it is in its source. Numbers only: strings would make sorting several times slower.
struct Entry {
    handler: DeclaredHandler,
    source: usize,
    line: u32,
    /// The column, the line and column of the name, and the expansion.
    rest: (u64, u64),
}

/// The source of handlers that the linker yields one after another. There are usually many of these, and comparing is cheaper than a lookup.
struct Source {
    of_crate: usize,
    module: &'static str,
    file: &'static str,
}

impl Reading {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Makes room for so many handlers.
    pub(crate) fn reserve(&mut self, handlers: usize) {
        self.entries.reserve_exact(handlers);
    }

    /// Adds a handler. They come in the linker's order.
    pub(crate) fn add(&mut self, declared: Declared) {
        let description = declared.describe();
        let source = self.source(&description.site);
        self.entries.push(Entry::new(declared, &description, source));
        self.constrain = self.constrain.or(description.constrain);
    }

    fn source(&mut self, site: &Site) -> usize {
        if let Some(last) = self.sources.last() {
            let is_same = same(last.module, site.module) && same(last.file, site.file);
            if is_same && item(&self.crates, last.of_crate).key.is_of(site) {
                return self.sources.len() - 1;
            }
        }
        let of_crate = crates::number(&mut self.crates, site);
        self.sources.push(Source { of_crate, module: site.module, file: site.file });
        self.sources.len() - 1
    }

    /// The handlers in the order of registration. What there is to say about it is added to the notes.
    pub(crate) fn arranged(&mut self, notes: &mut Notes) -> Vec<DeclaredHandler> {
        // Programs without links do not contain the code that ranks crates as links state.
        if let Some(link) = inventory::iter::<Link>.into_iter().next() {
            ((link.describe)().rank)(&mut self.crates, notes);
        }
        let mut arranged = Vec::with_capacity(self.entries.len());
        for key in self.sorted() {
            let &Entry { mut handler, source, .. } = item(&self.entries, key.item());
            let of_crate = item(&self.sources, source).of_crate;
            handler.placed = Placed::BySource { stated: item(&self.crates, of_crate).stated };
            arranged.push(handler);
        }
        if let Some(constrain) = self.constrain {
            constrain(&mut arranged, notes);
        }
        arranged
    }

    /// The entries in the order of crates and sources.
    fn sorted(&self) -> Vec<Key> {
        let Self { entries, sources, crates, .. } = self;
        let places = sort::places(sources.len(), &|a, b| item(sources, a).order(item(sources, b), crates));
        let mut keys = Vec::with_capacity(entries.len());
        for (number, entry) in entries.iter().enumerate() {
            let place = *item(&places, entry.source) as u64;
            keys.push(Key::new((place << 32) | u64::from(entry.line), number));
        }
        sort::sort(keys, &|a, b| item(entries, a).rest.cmp(&item(entries, b).rest))
    }
}

impl Entry {
    fn new(declared: Declared, description: &Description, source: usize) -> Self {
        let &Site { line, column, name_line, name_column, expansion, .. } = &description.site;
        let pair = |high: u32, low: u32| (u64::from(high) << 32) | u64::from(low);
        let rest = (pair(column, name_line), pair(name_column, expansion));
        Self { handler: DeclaredHandler::new(declared, description), source, line, rest }
    }
}

impl Source {
    fn order(&self, other: &Self, crates: &[Crate]) -> Ordering {
        match item(crates, self.of_crate).place.cmp(&item(crates, other.of_crate).place) {
            Ordering::Equal => {}
            decided => return decided,
        }
        match module_order(self.module, other.module) {
            Ordering::Equal => self.file.cmp(other.file),
            decided => decided,
        }
    }
}

/// The item with this number, which must exist. An index would be a panic with a place in the source for each use.
#[inline]
fn item<T>(items: &[T], number: usize) -> &T {
    match items.get(number) {
        Some(item) => item,
        None => no_item(),
    }
}

#[cold]
#[inline(never)]
fn no_item() -> ! {
    panic!("there is no such item")
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
