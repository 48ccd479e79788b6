//! Owns what a registration asks for by `before` and `after`; must not know what else is pending, or whether the order is possible.

use std::any::TypeId;
use std::sync::OnceLock;

/// One `before` or `after`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Constraint {
    pub(crate) is_before: bool,
    /// Identifies the function that it names.
    pub(crate) identity: TypeId,
    /// The name of that function.
    pub(crate) path: &'static str,
}

/// All constraints of one registration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Constraints {
    pub(crate) all: Vec<Constraint>,
    /// The one that determines the handler's place, if it is not on top.
    pub(crate) decisive: OnceLock<Constraint>,
}

impl Constraints {
    #[inline]
    pub(crate) fn add(&mut self, constraint: Constraint) {
        if !self.all.contains(&constraint) {
            self.all.push(constraint);
        }
    }
}
