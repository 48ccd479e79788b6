//! Owns how declared handlers are collected before they join the pending set; must not know the set, which is not locked meanwhile.

use crate::handler::declaration::{Declared, DeclaredHandler};
use crate::order::{Notes, Reading};

/// How much of what is declared has been collected.
#[derive(Clone)]
pub(super) struct Seen {
    /// What `inventory` yielded first at the last collection.
    newest: Option<&'static Declared>,
    /// What there is to say about the order of all that.
    pub(super) notes: Notes,
}

impl Seen {
    pub(super) const NOTHING: Self = Self { newest: None, notes: Notes::NOTHING };

    pub(super) fn is_everything(&self) -> bool {
        is_same(self.newest, inventory::iter::<Declared>.into_iter().next())
    }
}

fn is_same(one: Option<&'static Declared>, other: Option<&'static Declared>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => std::ptr::eq(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// What is new in `inventory`: everything the first time, and a plug-in's handlers later.
pub(super) struct Collection {
    before: Option<&'static Declared>,
    seen: Seen,
    /// In the order of registration.
    pub(super) handlers: Vec<DeclaredHandler>,
}

impl Collection {
    pub(super) fn since(mut seen: Seen) -> Self {
        let before = seen.newest;
        let mut reading = Reading::default();
        reading.reserve(inventory::iter::<Declared>.into_iter().count());
        for declared in inventory::iter::<Declared> {
            if is_same(before, Some(declared)) {
                break;
            }
            if reading.is_empty() {
                seen.newest = Some(declared);
            }
            reading.add(*declared);
        }
        let handlers = reading.arranged(&mut seen.notes);
        Self { before, seen, handlers }
    }

    pub(super) fn is_first(&self) -> bool {
        self.before.is_none()
    }

    /// Whether nobody has collected anything since this was begun. If so, it counts as seen.
    pub(super) fn succeeds(&mut self, seen: &mut Seen) -> bool {
        let is_next = is_same(self.before, seen.newest);
        if is_next {
            std::mem::swap(seen, &mut self.seen);
        }
        is_next
    }
}

/// Everything declared that is linked in, as `inventory` yields it.
#[inline]
pub(crate) fn declared() -> Vec<Declared> {
    let mut all = Vec::new();
    for declared in inventory::iter::<Declared> {
        all.push(*declared);
    }
    all
}
