//! Owns what there is to say about an order; must not know how it is found.

use std::sync::Arc;

use super::problem::Problem;
use super::why::Why;

/// What there is to say about an order: nothing, as a rule. Plans share it.
#[derive(Clone, Default)]
pub(crate) struct Notes(Option<Arc<dyn Contents>>);

/// What notes contain: only ever [`Lists`]. A program in which there is nothing to say makes none, and so does not have their code.
trait Contents: Send + Sync {
    fn lists(&self) -> &Lists;

    /// Puts the problems from this number on into words.
    fn told_from(&self, number: usize) -> Vec<String>;
}

#[derive(Clone, Default)]
pub(super) struct Lists {
    /// The reasons why constraints have moved handlers, each with a number.
    pub(super) reasons: Vec<Why>,
    /// What is wrong with the order that handlers and links ask for.
    pub(super) problems: Vec<Problem>,
}

impl Contents for Lists {
    fn lists(&self) -> &Lists {
        self
    }

    fn told_from(&self, number: usize) -> Vec<String> {
        Problem::told(self.problems.get(number..).unwrap_or_default())
    }
}

/// A function of its own, so that the code for the lists is in this crate. If it were in the one that has constraints or links, and that is a
/// plug-in of a program that shares this crate with it, the code would be gone after the plug-in.
#[inline(never)]
fn shared(lists: Lists) -> Arc<dyn Contents> {
    Arc::new(lists)
}

impl Notes {
    pub(crate) const NOTHING: Self = Self(None);

    pub(crate) fn reason(&self, number: u32) -> Option<&Why> {
        self.0.as_ref()?.lists().reasons.get(number as usize)
    }

    pub(crate) fn problems(&self) -> &[Problem] {
        match &self.0 {
            Some(contents) => &contents.lists().problems,
            None => &[],
        }
    }

    /// The problems from this number on that are told at exit, in words.
    pub(crate) fn told_from(&self, number: usize) -> Vec<String> {
        match &self.0 {
            Some(contents) => contents.told_from(number),
            None => Vec::new(),
        }
    }

    /// Adds to the lists. Who shares them sees nothing of it.
    #[inline]
    pub(super) fn add(&mut self, add: &mut dyn FnMut(&mut Lists)) {
        let mut lists = match &self.0 {
            Some(contents) => contents.lists().clone(),
            None => Lists::default(),
        };
        add(&mut lists);
        self.0 = Some(shared(lists));
    }
}
