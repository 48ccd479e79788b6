//! Owns the thread that watches handlers on the exiting thread; must not know which handlers there are, or how a process ends.

use std::sync::Arc;
use std::time::Duration;

use super::handover::{Handover, Stage};
use super::state;
use super::watch::Watch;
use crate::sys;
use crate::sys::sync::thread::JoinHandle;

/// Far more than a thread takes to start. In a forked child it may never start: newer versions of std take a lock of their own when a thread
/// starts or ends, and if another thread of the parent held it, nobody releases it in the child.
const START: Duration = Duration::from_secs(2);

/// Watches handlers that run on the exiting thread, which cannot be taken away from them.
pub(crate) struct Watchdog {
    handover: Arc<Handover>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// `None` if no thread can be started: then nobody watches. `strike` is called when the deadline is over.
    #[inline]
    pub(crate) fn start(mut watch: Watch, strike: fn() -> !) -> Option<Self> {
        let handover = Handover::new();
        let theirs = Arc::clone(&handover);
        let may_strike = watch.has_deadline();
        let body = move || {
            if theirs.announce(Stage::Driving) && theirs.watch_owner(&mut watch) {
                strike();
            }
        };
        let thread = sys::spawn("at_exit_watchdog", body)?;
        // One that may strike is not joined: it never ends, but ends the process.
        let thread = if may_strike { None } else { Some(thread) };
        Some(Self { handover, thread })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // A child that the handler has forked does not have the watchdog, which may have held the lock.
        let thread = self.thread.take();
        if !self.handover.is_of_this_process() {
            return std::mem::forget(thread);
        }
        // A library that has called `run` may be unloaded next, and this code with it, so the thread is joined. But one that does not start
        // never ends.
        let may_join = thread.is_some() && !std::thread::panicking() && !state::is_exiting();
        let joins = may_join && self.handover.outlasts(Stage::Starting, START);
        self.handover.dismiss();
        match thread {
            Some(thread) if joins => {
                let _ = thread.join();
            }
            Some(thread) => state::keep(thread),
            None => {}
        }
    }
}
