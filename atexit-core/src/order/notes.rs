//! Owns what there is to say about an order; must not know how it is found.

use std::sync::Arc;

use super::problem::Problem;
use super::why::Why;

/// What there is to say about an order: nothing, as a rule. Plans share it.
#[derive(Clone, Default)]
pub(crate) struct Notes(Option<Arc<Lists>>);

#[derive(Clone)]
pub(super) struct Lists {
    /// The reasons why constraints have moved handlers, each with a number.
    pub(super) reasons: Vec<Why>,
    /// What is wrong with the order that handlers and links ask for.
    pub(super) problems: Vec<Problem>,
    /// Puts problems into words. A program in which nothing can be wrong with the order does not have this code.
    words: fn(&[Problem]) -> Vec<String>,
}

impl Notes {
    pub(crate) const NOTHING: Self = Self(None);

    pub(crate) fn reason(&self, number: u32) -> Option<&Why> {
        self.0.as_ref()?.reasons.get(number as usize)
    }

    pub(crate) fn problems(&self) -> &[Problem] {
        match &self.0 {
            Some(lists) => &lists.problems,
            None => &[],
        }
    }

    /// The problems from this number on that are told at exit, in words.
    pub(crate) fn told_from(&self, number: usize) -> Vec<String> {
        match &self.0 {
            Some(lists) => (lists.words)(lists.problems.get(number..).unwrap_or_default()),
            None => Vec::new(),
        }
    }

    /// The lists, to add to them. Who shares them sees nothing of it.
    #[inline]
    pub(super) fn lists(&mut self) -> &mut Lists {
        let words = Problem::told;
        let none = || Arc::new(Lists { reasons: Vec::new(), problems: Vec::new(), words });
        Arc::make_mut(self.0.get_or_insert_with(none))
    }
}
