//! Owns what a registration asks for by `before` and `after`; must not know who else is pending, nor whether it can be had.

use std::any::TypeId;
use std::sync::OnceLock;

/// One `before` or `after`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Constraint {
    pub(crate) is_before: bool,
    /// Of the function that it names.
    pub(crate) identity: TypeId,
    /// What that is called.
    pub(crate) path: &'static str,
}

/// All of one registration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Constraints {
    pub(crate) all: Vec<Constraint>,
    /// The one by which the handler stands where it does, if it is not on top.
    pub(crate) decisive: OnceLock<Constraint>,
}

impl Constraints {
    pub(crate) fn add(&mut self, constraint: Constraint) {
        if !self.all.contains(&constraint) {
            self.all.push(constraint);
        }
    }
}
