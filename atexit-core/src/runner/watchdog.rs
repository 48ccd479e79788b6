//! Owns the thread that watches handlers on the exiting thread; must not know which handlers there are, or how a process ends.

use std::sync::Arc;

use super::handover::Handover;
use super::state;
use super::watch::Watch;
use crate::sys;
use crate::sys::sync::thread::JoinHandle;

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
            if theirs.watch_owner(&mut watch) {
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
        if self.handover.is_of_this_process() {
            self.handover.dismiss();
            if state::is_exiting() {
                // It may be the last thread but this one, as an exit thread may; see `ExitThread::join`.
                thread.into_iter().for_each(state::keep);
            } else if !std::thread::panicking() {
                // A library that has called `run` may be unloaded next, and this code with it.
                let _ = thread.map(JoinHandle::join);
            }
        } else {
            std::mem::forget(thread);
        }
    }
}
