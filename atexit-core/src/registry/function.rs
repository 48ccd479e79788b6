//! Owns which handlers are of one function; must not know who asks, or where they are kept.

use std::any::TypeId;

use super::collect::declared;
use crate::handler::PendingHandler;
use crate::handler::declaration::Declared;

/// A function, and its declarations.
pub(super) struct Function {
    identity: TypeId,
    declared: Vec<Declared>,
}

impl Function {
    /// Allocates, to make descriptions, so it must not be called while the set is locked. All other methods may be.
    #[inline]
    pub(super) fn new(identity: TypeId) -> Self {
        let mut own = Vec::new();
        for declared in declared() {
            if declared.describe().identity == identity {
                own.push(declared);
            }
        }
        Self { identity, declared: own }
    }

    #[inline]
    pub(super) fn is_declared(&self) -> bool {
        !self.declared.is_empty()
    }

    #[inline]
    pub(super) fn is_of(&self, handler: &PendingHandler) -> bool {
        match handler.as_declared() {
            Some(handler) => self.declared.iter().any(|declared| declared.is_same(handler.declared)),
            None => handler.identity() == Some(self.identity),
        }
    }
}
