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
        match &self.0 {
            Some(reasons) => reasons,
            None => &[],
        }
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
        match (self.newest, newest) {
            (Some(one), Some(other)) => std::ptr::eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
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
        let mut newest = before.newest;
        let mut fresh = Vec::new();
        for declared in inventory::iter::<Declared> {
            if before.ends_with(Some(declared)) {
                break;
            }
            if fresh.is_empty() {
                newest = Some(declared);
            }
            fresh.push(*declared);
        }
        let mut notes = Notes { reasons: before.reasons.list().to_vec(), problems: Vec::new() };
        let handlers = order::arrange(&fresh, links(), &mut notes);
        let Notes { reasons, problems } = notes;
        let reasons = Reasons(if reasons.is_empty() { None } else { Some(Arc::new(reasons)) });
        Self { before, after: Seen { newest, reasons }, handlers, problems }
    }
}

/// Everything declared that is linked in, as `inventory` yields it.
pub(crate) fn declared() -> Vec<Declared> {
    let mut all = Vec::new();
    for declared in inventory::iter::<Declared> {
        all.push(*declared);
    }
    all
}

pub(crate) fn links() -> Vec<LinkSite> {
    let mut all = Vec::new();
    for link in inventory::iter::<Link> {
        all.push((link.describe)());
    }
    all
}
