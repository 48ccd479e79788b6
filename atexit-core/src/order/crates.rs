//! Owns the order of crates, as the linker gives it; pure: must not know what a crate's handlers are. What `link!` states is in `links`.

use super::notes::Notes;
use super::problem::Problem;
use super::sort;
use crate::handler::declaration::{LinkSite, Site};

/// What tells two linked crates apart: a library and a binary may have the same name, and so may two versions of a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CrateKey {
    pub(super) name: &'static str,
    package: &'static str,
    pub(super) binary: &'static str,
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

/// Crates in the linker's order, and what is to be found out.
pub(super) struct Ranking {
    pub(super) keys: Vec<CrateKey>,
    pub(super) links: Vec<LinkSite>,
    /// One for each of the keys.
    pub(super) ranks: Vec<Rank>,
    /// What is wrong with the links is added here.
    pub(super) problems: Vec<Problem>,
}

/// Ranks these crates, which come in the linker's order, and perhaps more than once.
pub(super) fn ranks(keys: Vec<CrateKey>, links: Vec<LinkSite>, notes: &mut Notes) -> Vec<Rank> {
    let mut ranks = Vec::with_capacity(keys.len());
    if let Some(&LinkSite { rank, .. }) = links.first() {
        let mut ranking = Ranking { keys, links, ranks, problems: std::mem::take(&mut notes.problems) };
        rank(&mut ranking);
        notes.problems = ranking.problems;
        return ranking.ranks;
    }
    for at in numbers(&keys) {
        ranks.push(Rank { at, stated: false });
    }
    ranks
}

/// Numbers the crates in the order in which they come first.
pub(super) fn numbers(keys: &[CrateKey]) -> Vec<usize> {
    const NONE: usize = usize::MAX;
    let places = sort::places(keys.len(), &|a, b| keys[a].cmp(&keys[b]));
    let mut number_at = vec![NONE; keys.len()];
    let mut next = 0;
    let mut numbers = Vec::with_capacity(keys.len());
    for place in places {
        if number_at[place] == NONE {
            number_at[place] = next;
            next += 1;
        }
        numbers.push(number_at[place]);
    }
    numbers
}
