//! Owns the thread that ends the process soon after its deadline, no matter what still waits; must not know what that is, or what is lost.
//!
//! # The problem
//!
//! The thread that ends a run at its deadline reports what happened to the handlers. An observer that receives this may hang, and so may one
//! that learns of the start of a run, or of an abandoned handler. Another thread that waits for the run then waits just as long.
//!
//! # What we do
//!
//! A separate thread waits for the deadline, and some time longer. It runs no code of a user, and takes no lock that a waiting thread holds.
//!
//! # What it costs
//!
//! One thread for each exit that has a deadline.

use std::sync::Arc;
use std::time::Duration;

use super::handover::{Handover, Stage};
use crate::sys;
use crate::sys::sync::{Instant, park};

/// How long after the deadline the process may take to report what happened to the handlers, and to end.
const GRACE: Duration = Duration::from_millis(500);

/// As long as this is kept, the process ends soon after its deadline.
pub(crate) struct LastResort {
    handover: Arc<Handover>,
}

impl LastResort {
    /// `None` if no thread can be started.
    pub(crate) fn start(deadline: Instant, end: impl FnOnce() + Send + 'static) -> Option<Self> {
        let at = deadline.checked_add(GRACE)?;
        let handover = Handover::new();
        let theirs = Arc::clone(&handover);
        let body = move || {
            let left = at.saturating_duration_since(Instant::now());
            if theirs.wait_while(Stage::Starting, left) == Stage::Starting {
                end();
            }
            // It never returns: if it were the last thread of the process, C would call `exit` on it.
            park();
        };
        sys::spawn("at_exit_last_resort", body)?;
        Some(Self { handover })
    }
}

impl Drop for LastResort {
    fn drop(&mut self) {
        // A child that was forked meanwhile does not have this thread, which may have held the lock.
        if self.handover.is_of_this_process() {
            self.handover.dismiss();
        }
    }
}
