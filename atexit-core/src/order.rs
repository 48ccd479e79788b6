//! Owns the order in which declared handlers count as registered; pure: must not know of threads, of the pending set or of a run.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::handler::{Description, Site};

/// Sorts what the linker yielded, crates in its order, into the order of registration.
///
/// Between crates the linker's order stands: a crate comes after those it depends on. Inside a crate the linker promises nothing:
/// there the module tree and the position in the source decide.
pub(crate) fn in_registration_order(mut declared: Vec<Description>) -> Vec<Description> {
    let ranks = crate_ranks(declared.iter().map(|description| &description.site));
    declared.sort_by(|a, b| {
        let rank = |site: &Site| ranks.get(&CrateKey::of(site));
        rank(&a.site).cmp(&rank(&b.site)).then_with(|| within_crate(&a.site, &b.site))
    });
    declared
}

/// What tells two linked crates apart: a library and a binary may have one name, and so may two versions of a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct CrateKey {
    name: &'static str,
    package: &'static str,
    binary: &'static str,
    test: bool,
}

impl CrateKey {
    fn of(site: &Site) -> Self {
        Self { name: site.crate_name(), package: site.package, binary: site.binary, test: site.test }
    }
}

fn crate_ranks<'a>(sites: impl Iterator<Item = &'a Site>) -> HashMap<CrateKey, usize> {
    let mut ranks = HashMap::new();
    for site in sites {
        let next = ranks.len();
        ranks.entry(CrateKey::of(site)).or_insert(next);
    }
    ranks
}

fn within_crate(a: &Site, b: &Site) -> Ordering {
    let position = |site: &Site| (site.file, site.line, site.column, site.name_line, site.name_column, site.expansion);
    module_order(a.module, b.module).then_with(|| position(a).cmp(&position(b)))
}

/// Siblings in alphabetical order, a module after all that is in it.
fn module_order(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split("::"), b.split("::"));
    loop {
        match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Greater,
            (Some(_), None) => return Ordering::Less,
            (Some(a), Some(b)) if a != b => return a.cmp(b),
            _ => {}
        }
    }
}
