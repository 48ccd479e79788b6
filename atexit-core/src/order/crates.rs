//! Owns the order of crates, as the linker gives it; pure: must not know what a crate's handlers are. What `link!` states is in `links`.

use crate::handler::declaration::Site;

/// What tells two linked crates apart: a library and a binary may have the same name, and so may two versions of a library.
#[derive(PartialEq, Eq)]
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

    pub(super) fn is_of(&self, site: &Site) -> bool {
        // Not the name: that is in the module's path, which the caller has compared.
        same(self.package, site.package) && same(self.binary, site.binary) && self.test == site.test
    }
}

/// Whether two texts are equal. Those of one source are mostly the same literal, which is quicker to see.
#[inline]
pub(super) fn same(a: &str, b: &str) -> bool {
    std::ptr::eq(a, b) || a == b
}

/// A crate that contributes something.
pub(super) struct Crate {
    pub(super) key: CrateKey,
    /// Where it stands among the others.
    pub(super) place: usize,
    /// Links state that it comes before the next crate with handlers; the linker may have said so, too.
    pub(super) stated: bool,
}

/// The number of the crate that this site is in: the crates come in the linker's order, which is theirs unless links state another one. A crate
/// that is new becomes the last.
#[inline]
pub(super) fn number(crates: &mut Vec<Crate>, site: &Site) -> usize {
    let key = CrateKey::of(site);
    // Mostly it is the last one, and there are not many.
    for (number, known) in crates.iter().enumerate().rev() {
        if known.key == key {
            return number;
        }
    }
    let number = crates.len();
    crates.push(Crate { key, place: number, stated: false });
    number
}
