//! Owns the thread that ends the process soon after its deadline, whatever else waits; must not know what that is, or what is lost with it.
//!
//! # The problem
//!
//! Whoever ends a run at its deadline says what became of the handlers. An observer that is told may hang, and so may one that is told of
//! the beginning of a run, or of a handler that was abandoned; another thread, which waits for that run, then waits just as long.
//!
//! # What we do
//!
//! A thread of its own waits for the deadline, and some time longer. Nothing of a user's runs there, and it takes no lock under which anybody waits.
//!
//! # What it costs
//!
//! A thread at each exit that has a deadline.

use std::sync::Arc;
use std::time::Duration;

use super::handover::{Handover, Stage, park};
use crate::sys;
use crate::sys::sync::Instant;

/// How long after the deadline the process may take to say what became of the handlers, and to end.
const GRACE: Duration = Duration::from_millis(500);

/// While this is kept, the process ends soon after its deadline.
pub(crate) struct LastResort {
    handover: Arc<Handover>,
}

impl LastResort {
    /// `None` where no thread can be had.
    pub(crate) fn start(deadline: Instant, end: impl FnOnce() + Send + 'static) -> Option<Self> {
        let at = deadline.checked_add(GRACE)?;
        let handover = Handover::new();
        let theirs = Arc::clone(&handover);
        let body = move || {
            let left = at.saturating_duration_since(Instant::now());
            if theirs.wait_while(Stage::Starting, left) == Stage::Starting {
                end();
            }
            // The last thread of a process that returns is the one that C has call `exit`.
            park();
        };
        sys::spawn("at_exit_last_resort", body).ok()?;
        Some(Self { handover })
    }
}

impl Drop for LastResort {
    fn drop(&mut self) {
        // A child that was forked meanwhile has no such thread, which may have held the lock.
        if self.handover.is_of_this_process() {
            self.handover.dismiss();
        }
    }
}
