//! Owns the iterators over a plan; must not know what is planned.

use std::iter::FusedIterator;
use std::{slice, vec};

use super::{Plan, PlannedHandler};

/// An iterator over the handlers of a [`Plan`], in the order in which they run.
///
/// Made by [`Plan::iter`].
#[derive(Clone, Debug)]
#[must_use = "an iterator does nothing unless it is consumed"]
pub struct PlanIter<'a>(slice::Iter<'a, PlannedHandler>);

/// An iterator over the handlers of a [`Plan`] by value, in the order in which they run.
///
/// Made by the plan's [`IntoIterator::into_iter`].
#[derive(Clone, Debug)]
#[must_use = "an iterator does nothing unless it is consumed"]
pub struct PlanIntoIter(vec::IntoIter<PlannedHandler>);

impl Plan {
    /// The handlers, in the order in which they run.
    #[inline]
    pub fn iter(&self) -> PlanIter<'_> {
        PlanIter(self.handlers.iter())
    }
}

impl<'a> IntoIterator for &'a Plan {
    type Item = &'a PlannedHandler;
    type IntoIter = PlanIter<'a>;

    #[inline]
    fn into_iter(self) -> PlanIter<'a> {
        self.iter()
    }
}

impl IntoIterator for Plan {
    type Item = PlannedHandler;
    type IntoIter = PlanIntoIter;

    #[inline]
    fn into_iter(self) -> PlanIntoIter {
        PlanIntoIter(self.handlers.into_iter())
    }
}

macro_rules! as_the_iterator_inside {
    ($name:ident $(<$a:lifetime>)?, $item:ty) => {
        impl $(<$a>)? Iterator for $name $(<$a>)? {
            type Item = $item;

            #[inline]
            fn next(&mut self) -> Option<$item> {
                self.0.next()
            }

            #[inline]
            fn size_hint(&self) -> (usize, Option<usize>) {
                self.0.size_hint()
            }

            #[inline]
            fn nth(&mut self, n: usize) -> Option<$item> {
                self.0.nth(n)
            }
        }

        impl $(<$a>)? DoubleEndedIterator for $name $(<$a>)? {
            #[inline]
            fn next_back(&mut self) -> Option<$item> {
                self.0.next_back()
            }
        }

        impl $(<$a>)? ExactSizeIterator for $name $(<$a>)? {}
        impl $(<$a>)? FusedIterator for $name $(<$a>)? {}
    };
}

as_the_iterator_inside!(PlanIter<'a>, &'a PlannedHandler);
as_the_iterator_inside!(PlanIntoIter, PlannedHandler);
