//! Owns the thread that watches handlers on the exiting thread; must not know which handlers there are, or how a process ends.

use std::sync::Arc;
use std::time::Duration;

use super::handover::{Handover, Stage};
use super::state;
use super::watch::Watch;
use crate::sys;
use crate::sys::sync::thread::JoinHandle;

/// Far more than a thread takes to start. In a forked child it may never do: newer versions of std take a lock of their own where a thread
/// starts or ends, which nobody gives back there if another thread of the parent had it.
const START: Duration = Duration::from_secs(2);

/// Watches handlers that run on the exiting thread, which cannot be taken away from them.
pub(crate) struct Watchdog {
    handover: Arc<Handover>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// `None` where no thread can be had: then nobody watches. `strike` is called when the deadline is over.
    pub(crate) fn start(mut watch: Watch, strike: fn() -> !) -> Option<Self> {
        let handover = Handover::new();
        let theirs = Arc::clone(&handover);
        let may_strike = watch.may_be_over();
        let body = move || {
            if theirs.enter(Stage::Driving) && theirs.watch_owner(&mut watch) {
                strike();
            }
        };
        let thread = sys::spawn("at_exit_watchdog", body).ok()?;
        // One that strikes never ends, and then the process does.
        let thread = if may_strike { None } else { Some(thread) };
        Some(Self { handover, thread })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // A child that the handler has forked has no watchdog, which may have held the lock.
        let thread = self.thread.take();
        if !self.handover.is_of_this_process() {
            return std::mem::forget(thread);
        }
        // A library that has called `run` may be unloaded next, and this code with it. A thread that does not start never ends.
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
