//! Owns what happens to a run at its deadline; must not know who watches the time.
//!
//! Most programs set no deadline, so only those that call [`Config::deadline`] contain this code: it leaves its functions here.

use std::time::Duration;

use super::call;
use super::end::{end_run, summarize};
use super::exit_status::AskedStatus;
use super::last_resort::LastResort;
use super::state::{self, Claim, RunState};
use super::watch;
use crate::config::{self, Config};
use crate::handler::error::HandlerError;
use crate::log::Log;
use crate::registry::{self, lease::Lease};
use crate::report::{Cause, Failure, HandlerRecord, RunResults};
use crate::sys;
use crate::sys::once_ref::OnceRef;
use crate::sys::sync::{Instant, park};

struct AtDeadline {
    with_last_resort: fn(Cause, Instant, &mut dyn FnMut() -> bool),
    set: fn(Instant),
    end: fn(&mut RunResults) -> AskedStatus,
    strike: fn() -> !,
}

static AT_DEADLINE: OnceRef<AtDeadline> = OnceRef::new();

/// A static, so that it and the functions are in this crate. If they were in the one that sets the deadline, and that is a plug-in of a program
/// that shares this crate with it, they would be gone after the plug-in.
static STEPS: AtDeadline = AtDeadline { with_last_resort: run_with_last_resort, set: state::set_deadline, end, strike };

impl Config {
    /// The deadline for the whole run at exit, also after a caught signal; `None` by default.
    ///
    /// A [`run`](crate::run) that the program calls has no deadline, and neither has the unloading of a library. The time starts when the exit
    /// reaches the handlers, and includes waiting for another thread's run. A deadline needs a thread that watches it.
    ///
    /// At the deadline no further handler starts, standard error names the handlers that were not run, and the process ends with a status other
    /// than 0 (but see [`failure_status`](Self::failure_status)). If a handler is running on the exiting thread at that moment, the process
    /// skips the functions that C code registered with `atexit`, because that thread cannot be taken away from the handler.
    ///
    /// If the process is still there half a second later, it ends at once, no matter what it waits for: a hanging observer, for example, or
    /// another thread. It says so on standard error, and names the handlers that failed or were not run, unless they have been named already.
    #[must_use]
    #[doc(alias = "timeout")]
    pub fn deadline(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.deadline = limit.into();
        AT_DEADLINE.set(&STEPS);
        self
    }
}

/// The deadline of an exit that begins now.
pub(super) fn of_exit() -> Option<Instant> {
    let deadline = config::deadline()?; // first: without one, no clock is read
    Instant::now().checked_add(deadline)
}

/// Calls `run`, and ends the process meanwhile if its deadline does not. If `run` returns `false`, another thread is to end the process, and
/// this goes on.
pub(super) fn with_last_resort(cause: Cause, deadline: Option<Instant>, run: &mut dyn FnMut() -> bool) {
    match (AT_DEADLINE.get(), deadline) {
        (Some(at_deadline), Some(deadline)) => (at_deadline.with_last_resort)(cause, deadline, run),
        _ => {
            run();
        }
    }
}

fn run_with_last_resort(cause: Cause, deadline: Instant, run: &mut dyn FnMut() -> bool) {
    let mut last_resort = None;
    if sys::can_start_threads() {
        let log = config::log(Some(deadline)); // its lines do not wait any more by then
        last_resort = LastResort::start(deadline, move || end_late(cause, log));
    }
    if !run() {
        std::mem::forget(last_resort);
    }
}

/// Ends the process because the thread that should have ended it has not done so in time.
fn end_late(cause: Cause, log: Log) {
    if state::claim_late_end() == Claim::Others {
        return;
    }
    let pending = state::pending_status().or(cause.status());
    log.late();
    state::note_not_run(registry::stop());
    let mut results = RunResults::default();
    if let Some(before) = state::end_record(RunState::outermost, &mut results) {
        summarize(log, &results, before, 0, false);
    }
    #[cfg(feature = "signals")]
    if let Cause::Signal(signal) = cause {
        sys::signal::die_by(signal);
    }
    let asked = state::asked_status_at_deadline();
    sys::exit_at_once(asked.applied_to(pending).unwrap_or_default());
}

/// From now on, the open runs have the deadline of an exit that begins now, if they had none.
pub(super) fn set() {
    if let (Some(deadline), Some(at_deadline)) = (of_exit(), AT_DEADLINE.get()) {
        (at_deadline.set)(deadline);
    }
}

/// Ends the run because its deadline is over: no further handler starts. The calling thread has claimed the end. It is the thread of the run,
/// its watchdog, or a thread that has waited for the run as long as it may.
pub(super) fn end_at_deadline(results: &mut RunResults) -> AskedStatus {
    match AT_DEADLINE.get() {
        Some(at_deadline) => (at_deadline.end)(results),
        None => AskedStatus::default(),
    }
}

fn end(results: &mut RunResults) -> AskedStatus {
    registry::revoke_lease(); // first: a handler that starts before this counts as running
    state::note_not_run(registry::stop());
    let _lease = Lease::take();
    if let (Some(context), Some(label)) = (state::context(), registry::running().1) {
        let (has_ended, is_told) = (registry::has_ended(), watch::is_telling());
        let error = if is_told { HandlerError::observer_at_deadline() } else { HandlerError::deadline() };
        let failure = Failure::new(&label, error);
        let elapsed = context.config.deadline.unwrap_or_default();
        let failed = HandlerRecord::failed(failure.clone(), elapsed);
        if !has_ended {
            state::record(failed);
            call::tell_abandoned(&context, &failure, elapsed);
        } else if is_told {
            state::record_deadline(failed); // the observer knows how it has ended
        }
    }
    end_run(true, false, results)
}

/// What a watchdog calls when the deadline is over while the exiting thread is inside a handler; it ends the process.
pub(super) fn striker() -> fn() -> ! {
    match AT_DEADLINE.get() {
        Some(at_deadline) => at_deadline.strike,
        None => park,
    }
}

fn strike() -> ! {
    if state::claim_end_at_deadline() == Claim::Others {
        park();
    }
    let pending = state::pending_status();
    let asked = end(&mut RunResults::default());
    sys::exit_at_once(asked.applied_to(pending).unwrap_or_default())
}
