//! Owns how declared handlers are collected before they join the pending set; must not know the set, which is not locked meanwhile.

use std::sync::Arc;

use crate::handler::declaration::{Declared, DeclaredHandler, Link, LinkSite};
use crate::order::problem::Problem;
use crate::order::why::Why;
use crate::order::{self, Notes};

/// The reasons why constraints have moved handlers, each with a number.
#[derive(Clone)]
pub(crate) struct Reasons(Option<Arc<Vec<Why>>>);

impl Reasons {
    fn list(&self) -> &[Why] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Why> {
        self.list().get(number as usize)
    }
}

/// How much of what is declared has been collected.
#[derive(Clone)]
pub(super) struct Seen {
    /// What `inventory` yielded first at the last collection.
    newest: Option<&'static Declared>,
    pub(super) reasons: Reasons,
}

impl Seen {
    pub(super) const NOTHING: Self = Self { newest: None, reasons: Reasons(None) };

    pub(super) fn is_everything(&self) -> bool {
        self.ends_with(inventory::iter::<Declared>.into_iter().next())
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.newest.is_none()
    }

    pub(super) fn is_as_much_as(&self, other: &Self) -> bool {
        self.ends_with(other.newest)
    }

    fn ends_with(&self, newest: Option<&'static Declared>) -> bool {
        self.newest.map(std::ptr::from_ref) == newest.map(std::ptr::from_ref)
    }
}

/// What is new in `inventory`: everything the first time, and a plug-in's handlers later.
pub(super) struct Collection {
    pub(super) before: Seen,
    pub(super) after: Seen,
    /// In the order of registration.
    pub(super) handlers: Vec<DeclaredHandler>,
    pub(super) problems: Vec<Problem>,
}

impl Collection {
    pub(super) fn since(before: Seen) -> Self {
        let declared = inventory::iter::<Declared>.into_iter();
        let fresh: Vec<&Declared> = declared.take_while(|declared| !before.ends_with(Some(declared))).collect();
        let newest = fresh.first().copied().or(before.newest);
        let fresh: Vec<Declared> = fresh.into_iter().copied().collect();
        let mut notes = Notes { reasons: before.reasons.list().to_vec(), problems: Vec::new() };
        let handlers = order::arrange(&fresh, links(), &mut notes);
        let Notes { reasons, problems } = notes;
        let reasons = Reasons((!reasons.is_empty()).then(|| Arc::new(reasons)));
        Self { before, after: Seen { newest, reasons }, handlers, problems }
    }
}

/// Everything declared that is linked in, as `inventory` yields it.
pub(crate) fn declared() -> Vec<Declared> {
    inventory::iter::<Declared>.into_iter().copied().collect()
}

pub(crate) fn links() -> Vec<LinkSite> {
    inventory::iter::<Link>.into_iter().map(|link| (link.describe)()).collect()
}
