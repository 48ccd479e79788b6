//! Owns the place of a registered handler that asks for `before` or `after`, and which of these are not met; must not know what is done then.
//!
//! The handler that is registered last runs first, so `before` holds by itself or not at all. `after` puts a handler lower, just below the lowest
//! of those that it has to follow. No other handler moves.

use std::fmt;
use std::ops::Range;

use super::function::Function;
use super::stacks::{Handle, Stacks};
use crate::handler::PendingHandler;
use crate::handler::constraints::{Constraint, Constraints};
use crate::handler::facts::Label;
use crate::handler::info::HandlerInfo;
use crate::handler::text::escaped;

/// Where a handler may stand. All stacks are in the order of running.
pub(super) struct Place {
    /// The stacks of its phase, which run one after the other.
    pub(super) own: Range<usize>,
    /// The stacks that the current run takes handlers from; the others are for handlers that come late for it.
    pub(super) open: Range<usize>,
}

/// What is found out about the constraints of one handler.
pub(super) struct Placing<'a> {
    constraints: &'a Constraints,
    found: Vec<Found>,
}

/// What is found out about one of them.
struct Found {
    constraint: Constraint,
    function: Function,
    is_pending: bool,
    /// The highest of its handlers in the phase of the one that is placed, by how many handlers are above it.
    highest: Option<usize>,
    obstacle: Option<Obstacle>,
}

/// What keeps a constraint from being met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    NoHandler,
    Phase,
    /// One of the two is late for the current run, and will run when that is over.
    Late,
    /// Another constraint, an `after`.
    Other(&'static str),
}

/// A constraint that is not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unmet {
    handler: HandlerInfo,
    constraint: Constraint,
    obstacle: Obstacle,
}

impl<'a> Placing<'a> {
    #[inline]
    pub(super) fn new(constraints: &'a Constraints) -> Self {
        let mut found = Vec::new();
        for &constraint in &constraints.all {
            let function = Function::new(constraint.identity);
            found.push(Found { constraint, function, is_pending: false, highest: None, obstacle: None });
        }
        Self { constraints, found }
    }

    /// Finds the handler just below which the new one goes. `None`: it goes on top. Allocates nothing.
    pub(super) fn find<const STACKS: usize>(
        &mut self,
        handlers: &Stacks<PendingHandler, STACKS>,
        place: &Place,
    ) -> Option<Handle> {
        let mut lowest = None;
        let mut height = 0;
        handlers.visit(&mut |stack, handle, handler| {
            for found in &mut self.found {
                if !found.function.is_of(handler) {
                    continue;
                }
                let constraint = found.constraint;
                found.is_pending = true;
                if place.own.contains(&stack) {
                    found.highest = found.highest.or(Some(height));
                    if !constraint.is_before {
                        lowest = Some((height, handle, constraint));
                    }
                } else if constraint.is_before == (stack < place.own.start) {
                    found.obstacle = Some(place.obstacle(stack));
                }
            }
            height += 1;
        });
        let (height, above, decisive) = lowest?;
        for found in &mut self.found {
            if found.constraint.is_before && matches!(found.highest, Some(highest) if highest <= height) {
                found.obstacle = Some(Obstacle::Other(decisive.path));
            }
        }
        let _ = self.constraints.decisive.set(decisive); // it is registered once
        Some(above)
    }

    #[inline]
    pub(super) fn unmet(&self, label: &Label) -> Vec<Unmet> {
        let mut unmet = Vec::new();
        for found in &self.found {
            let is_handler = found.is_pending || found.function.is_declared();
            let obstacle = if is_handler { found.obstacle } else { Some(Obstacle::NoHandler) };
            if let Some(obstacle) = obstacle {
                unmet.push(Unmet { handler: label.info(), constraint: found.constraint, obstacle });
            }
        }
        unmet
    }
}

impl Place {
    /// Why a handler on another stack is on the wrong side.
    #[inline]
    fn obstacle(&self, stack: usize) -> Obstacle {
        let is_same_run = self.open.contains(&stack) == self.open.contains(&self.own.start);
        if is_same_run { Obstacle::Phase } else { Obstacle::Late }
    }
}

impl fmt::Display for Unmet {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { handler, constraint: Constraint { is_before, path, .. }, obstacle } = self;
        let path = escaped(path);
        let side = if *is_before { "before" } else { "after" };
        write!(f, "{handler} asks to run {side} {path}")?;
        match obstacle {
            Obstacle::NoHandler => f.write_str(", which is neither declared nor pending"),
            Obstacle::Phase => write!(f, ", which is in {} phase", if *is_before { "an earlier" } else { "a later" }),
            Obstacle::Late => {
                let who = if *is_before { "but" } else { "which" };
                write!(f, ", {who} came too late for the run that is under way")
            }
            Obstacle::Other(other) => {
                let other = escaped(other);
                write!(f, " and after {other}, but {path} does not run after {other}")
            }
        }
    }
}
