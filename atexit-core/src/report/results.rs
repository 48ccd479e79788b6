//! Owns what a run that is over has to tell, as it was recorded; must not know who learns of it.

use std::sync::Arc;
use std::time::Duration;

use super::failure::Failure;
use super::handlers::HandlerRecord;
use crate::handler::info::HandlerInfo;

/// What happened in a run. A `Report` is made of it only where a program gets one.
#[derive(Clone, Default)]
pub(crate) struct RunResults {
    pub(crate) ran: usize,
    /// The handlers that have ended: all of them, or only those that failed.
    pub(crate) handlers: Vec<HandlerRecord>,
    pub(crate) not_run: Option<NotRun>,
    pub(crate) elapsed: Duration,
}

/// The handlers that the deadline kept from running; at least one.
pub(crate) type NotRun = Arc<Vec<HandlerInfo>>;

impl RunResults {
    pub(crate) fn failures(&self) -> Vec<&Failure> {
        let mut failures = Vec::new();
        for handler in &self.handlers {
            failures.extend(handler.failure());
        }
        failures
    }

    /// Puts all names into words.
    #[inline]
    pub(crate) fn make_names(&mut self) {
        for handler in &mut self.handlers {
            handler.make_name();
        }
    }

    pub(crate) fn not_run(&self) -> &[HandlerInfo] {
        match &self.not_run {
            Some(not_run) => not_run,
            None => &[],
        }
    }
}
