//! Owns the course of a run: how it begins, what it reports and when, and how it ends, also at its deadline; must not know where handlers
//! come from, which thread runs one, or how one is called.

use std::sync::Arc;
use std::time::Duration;

mod call;
mod course;
mod drive;
mod exit_status;
mod exit_thread;
mod handover;
mod last_resort;
mod record;
mod state;
mod watch;
mod watchdog;

pub(crate) use call::{exit_handler, is_exit};
pub(crate) use exit_status::AskedStatus;
pub(crate) use exit_thread::forget_in_child;
pub(crate) use handover::park;
pub(crate) use state::{RUN, RunState, free, is_exit_locked, is_exiting, is_idle, leave};

use crate::config::{self, Config};
use crate::handler::error::HandlerError;
use crate::log::Log;
use crate::plan;
use crate::registry::{self, lease::Lease};
use crate::report::{Cause, Event, Failure, HandlerRecord, Report};
use crate::sys::sync::Instant;
use crate::sys::{self, DeadEnd};
use drive::{Ends, Run, Stop};
use last_resort::LastResort;
use record::{Heard, RunContext, RunEnd, RunRecord, Told};
use state::{Begun, Claim};
use watch::HandlerEvent;

/// Returns why the current handler runs; `None` outside of handlers.
///
/// In nested runs, this is the cause of the innermost one. Only the handler's own thread counts as inside it.
///
/// # Examples
///
/// ```
/// use atexit_core::{Cause, cause, register, run};
///
/// register(|| assert_eq!(cause(), Some(Cause::Run)));
/// assert!(run().is_success());
/// assert_eq!(cause(), None);
/// ```
#[must_use]
#[inline] // as all that few programs call: only those have its code
pub fn cause() -> Option<Cause> {
    if is_inside() { state::context().map(|context| context.cause) } else { None }
}

/// Returns how much time the current handler has until its time limit or the deadline of the exit, whichever comes first.
///
/// `None` outside of handlers, and if there is neither; zero when the time is over. As with [`cause`], only the handler's own thread counts as
/// inside it. Inside a [`run`](crate::run) that a handler has called, the limit of that handler counts, too. Use this in a handler that waits
/// for others, so that it can give up in time, and say so.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use atexit_core::{Handler, remaining, run};
///
/// Handler::new(|| assert!(remaining() <= Some(Duration::from_secs(5)))).time_limit(Duration::from_secs(5)).register();
/// assert!(run().is_success());
/// assert_eq!(remaining(), None);
/// ```
#[must_use]
#[doc(alias = "timeout")]
#[inline] // as above
pub fn remaining() -> Option<Duration> {
    let context = if is_inside() { state::context() } else { None };
    let end = watch::earlier(call::end_of_limit(), context?.deadline)?;
    Some(end.saturating_duration_since(Instant::now()))
}

/// Whether this thread is inside a handler, or inside a run between two handlers.
pub(crate) fn is_inside() -> bool {
    registry::lease::is_held()
}

/// Whether another thread is exiting, and this one has no part in that.
#[inline]
pub(crate) fn is_cut_off() -> bool {
    registry::is_exit() && !is_inside() && !is_exiting()
}

/// The report of a run, and the status that its handlers ask for; or an error if another thread ends it.
type RunResult = Result<(Report, AskedStatus), OthersEnd>;

/// Another thread ends the run, and then the process.
struct OthersEnd;

/// Runs everything that is pending. Returns the report, and what the status of the process should be.
fn run(cause: Cause) -> RunResult {
    if is_inside() {
        return Ok(run_inside(cause));
    }
    let deadline = if cause.ends_process() { deadline() } else { None };
    // A thread that is exiting, and has run all handlers, waits for nobody any more.
    let is_done = state::is_exiting() && registry::runnable() == 0;
    let last_resort = if is_done { None } else { last_resort(cause, deadline) };
    match state::begin(cause.ends_process(), deadline) {
        // Another thread is about to end the process. The signal must not cut it off.
        Begun::Leave(_) if matches!(cause, Cause::Signal(_)) => {
            drop(last_resort);
            park()
        }
        Begun::Leave(status) => return Ok((Report::default(), AskedStatus { exit: Some(status), failure: None })),
        Begun::PastDeadline => {
            // The other thread's run ends as a part of this exit.
            state::go_by(&Arc::new(RunContext::new(cause, Config::current(), deadline)));
            let result = end_at_deadline();
            state::end_by_exit();
            return Ok(result);
        }
        Begun::Within => return disarm_unless_others_end(last_resort, Ok(Default::default())),
        Begun::Stuck(dead_end) => {
            let context = Arc::new(RunContext::new(cause, Config::current(), deadline));
            return disarm_unless_others_end(last_resort, go_on_without_owner(&context, dead_end));
        }
        Begun::Mine => {}
    }
    // Dropped after the end of the run: it may be the last owner of an observer, and dropping the observer's captures may call `run`.
    let context;
    let result = if let Some(pending) = registry::open_run(cause.ends_process()) {
        // Read again: the program may have configured something while this thread waited.
        context = Arc::new(RunContext::new(cause, Config::current(), deadline));
        disarm_unless_others_end(last_resort, run_outside(&context, pending))?
    } else {
        tell_problems(cause, &|| config::log(deadline));
        Default::default()
    };
    state::end();
    Ok(result)
}

/// [`run`] for use outside of C's `exit`, where a thread can wait for another one to end the process.
pub(crate) fn run_or_park(cause: Cause) -> (Report, AskedStatus) {
    run(cause).unwrap_or_else(|OthersEnd| park())
}

/// Goes on, as a part of this exit, with the run of another thread that waits in vain for this one. The handler that it was running has failed.
fn go_on_without_owner(context: &Arc<RunContext>, dead_end: DeadEnd) -> RunResult {
    registry::revoke_lease();
    state::go_by(context);
    if let Some(label) = registry::running().1 {
        let failure = Failure::new(&label, HandlerError::stuck(dead_end));
        if state::abandon(failure.clone(), Duration::ZERO) == Claim::Others {
            return Err(OthersEnd);
        }
        let _lease = state::grant_lease().ok_or(OthersEnd)?;
        call::tell_abandoned(context, failure, Duration::ZERO);
    }
    registry::become_exit();
    let result = finish(context, true)?;
    state::end_by_exit();
    Ok(result)
}

/// Starts what ends the process if its deadline does not.
fn last_resort(cause: Cause, deadline: Option<Instant>) -> Option<LastResort> {
    let deadline = deadline?;
    if !sys::can_start_threads() {
        return None;
    }
    let log = config::log(Some(deadline)); // its lines do not wait any more by then
    LastResort::start(deadline, move || end_late(cause, log))
}

/// Keeps the last resort only if another thread is to end the process.
fn disarm_unless_others_end(last_resort: Option<LastResort>, result: RunResult) -> RunResult {
    if result.is_err() {
        std::mem::forget(last_resort);
    }
    result
}

/// Ends the process because the thread that should have ended it has not done so in time.
fn end_late(cause: Cause, log: Log) {
    if state::is_over() {
        return; // the deadline does not cover what else C's `exit` calls
    }
    log.late();
    state::note_not_run(registry::stop());
    if let Some(Told { report, before, too_late, stayed_held }) =
        state::end_record(RunState::outermost, RunEnd::default())
    {
        let Heard { failures, not_run } = before.unwrap_or_default();
        log.summary(&report.failures()[failures..], &report.not_run()[not_run..], too_late, stayed_held);
    }
    #[cfg(feature = "signals")]
    if let Cause::Signal(signal) = cause {
        sys::signal::die_by(signal);
    }
    let asked = state::asked_status_at_deadline();
    sys::exit_at_once(asked.applied_to(cause.status()).unwrap_or_default());
}

/// The deadline of an exit that begins now.
fn deadline() -> Option<Instant> {
    let at_most = Config::current().deadline?;
    Instant::now().checked_add(at_most)
}

fn run_outside(context: &Arc<RunContext>, pending: usize) -> RunResult {
    let cause = context.cause;
    state::open(context);
    context.log.plan(plan::table::of_pending);
    tell_problems(cause, &|| context.log);
    // The observer is part of the run, wherever it is called.
    let lease = state::grant_lease().ok_or(OthersEnd)?;
    context.config.observe(&Event::RunStarted { cause, pending });
    drop(lease);
    finish(context, cause.ends_process())
}

/// Runs all handlers, and ends the run.
fn finish(context: &Arc<RunContext>, at_exit: bool) -> RunResult {
    match Run::new(context, Ends { strike, end_alone }).finish() {
        Ok(end) => Ok(end_run(at_exit, end)),
        Err(Stop::DeadlineOver) => Ok(end_at_deadline()),
        Err(Stop::OthersEnd) => Err(OthersEnd),
    }
}

/// Reports, once and only at an exit, what is wrong with the order that handlers and links ask for.
fn tell_problems(cause: Cause, log: &dyn Fn() -> Log) {
    if !cause.ends_process() {
        return;
    }
    let (notes, told) = registry::take_problems();
    let problems = notes.told_from(told);
    if !problems.is_empty() {
        log().problems(&problems);
    }
}

/// Runs everything that is pending right here, inside a handler.
fn run_inside(cause: Cause) -> (Report, AskedStatus) {
    // A handler that was abandoned meanwhile begins no run: its thread takes no further handler.
    let Some(outer) = registry::enter_run() else { return Default::default() };
    let deadline = if let Some(around) = state::context() { around.deadline } else { None };
    let context = Arc::new(RunContext::new(cause, Config::current(), deadline));
    if !state::nest(&context) {
        return Default::default();
    }
    context.config.observe(&Event::RunStarted { cause, pending: registry::len() });
    call::run_all(&context, None, None);
    let ran = registry::leave_run(outer);
    let end = RunEnd { ran, ..RunEnd::default() };
    let Some(told) = state::end_record(RunState::innermost_if_leased, end) else { return Default::default() };
    tell(&context, told, state::unnest)
}

/// Runs everything that is pending because C's `exit` has called the hook. The process was about to end with `status`.
pub(crate) fn run_in_exit(status: Option<i32>) -> AskedStatus {
    state::enter_hook(status);
    registry::values::leave_initializations();
    let inside = if is_inside() { finish_inside_handler(status) } else { None };
    let result = inside.unwrap_or_else(|| run(Cause::Exit { status }).map(|(_, asked)| asked));
    // The other thread cannot end the process while this one is inside C's `exit`, which may let in only one thread.
    let asked = result.unwrap_or_else(|OthersEnd| AskedStatus { exit: Some(state::await_leave()), failure: None });
    match state::go_on_in_exit() {
        Claim::Mine => asked,
        Claim::Others => park(),
    }
}

/// Runs the remaining handlers from inside one that has called C's `exit`, and so never returns. `status` is what it called it with, if that is
/// known. `None`: this handler has been abandoned meanwhile.
fn finish_inside_handler(status: Option<i32>) -> Option<Result<AskedStatus, OthersEnd>> {
    let takes_over = match state::handover() {
        Some(handover) => handover.take_over(),
        None => is_inside(),
    };
    if !takes_over {
        return None;
    }
    match watch::event_being_told() {
        Some(HandlerEvent::Started) => call::fail_running(HandlerError::kept_from_starting()),
        None if call::is_panic_that_exits() => call::fail_running(HandlerError::exited_by_panic_hook()),
        _ => {
            if let Some(status) = status {
                call::note_exit(status);
            }
        }
    }
    registry::forget_running(); // it is over, so the deadline cannot make it fail
    Some(finish_on_this_thread())
}

/// Goes on with the run of another thread. From now on, this thread is the one that ends the process.
fn finish_on_this_thread() -> Result<AskedStatus, OthersEnd> {
    if state::take_over() == Claim::Others {
        return Err(OthersEnd);
    }
    // The run is part of an exit now, even if it was not before.
    if let Some(deadline) = deadline() {
        state::set_deadline(deadline);
    }
    let Some(context) = state::context() else { return Ok(AskedStatus::default()) };
    registry::become_exit();
    let last_resort = last_resort(context.cause, context.deadline);
    let (_, asked) = disarm_unless_others_end(last_resort, finish(&context, true))?;
    state::end_by_exit();
    Ok(asked)
}

/// Runs what is left, and ends the process, in a child that a handler has forked on the exit thread.
fn end_alone() -> ! {
    let pending = state::pending_status();
    let asked = finish_on_this_thread().unwrap_or_else(|OthersEnd| park());
    sys::exit_in_child(asked.applied_to(pending).unwrap_or_default())
}

/// Ends the outermost run, even if runs inside it are still open. This thread has claimed the end.
fn end_run(at_exit: bool, end: RunEnd) -> (Report, AskedStatus) {
    let _lease = Lease::take();
    state::abandon_nested();
    let (ran, too_late) = registry::close_run(at_exit);
    let end = RunEnd { ran, too_late, ..end };
    let (Some(context), Some(told)) = (state::context(), state::end_record(RunState::outermost, end)) else {
        return Default::default();
    };
    tell(&context, told, state::close)
}

/// Ends the run because its deadline is over: no further handler starts. The calling thread has claimed the end. It is the thread of the run,
/// its watchdog, or a thread that has waited for the run as long as it may.
fn end_at_deadline() -> (Report, AskedStatus) {
    registry::revoke_lease(); // first: a handler that starts before this counts as running
    state::note_not_run(registry::stop());
    let _lease = Lease::take();
    if let (Some(context), Some(label)) = (state::context(), registry::running().1) {
        let event = watch::event_being_told();
        let error = if event.is_some() { HandlerError::observer_at_deadline() } else { HandlerError::deadline() };
        let failure = Failure::new(&label, error);
        let elapsed = context.config.deadline.unwrap_or_default();
        let failed = HandlerRecord::failed(failure.clone(), elapsed);
        // A handler that has finished is known to the observer, and has a record.
        if event == Some(HandlerEvent::Finished) {
            state::record_instead(failed);
        } else {
            state::record(failed);
            call::tell_abandoned(&context, failure, elapsed);
        }
    }
    end_run(true, RunEnd::default())
}

/// Ends the process when the deadline strikes while the exiting thread is inside a handler.
fn strike() -> ! {
    if state::claim_end_at_deadline() == Claim::Others {
        park();
    }
    let pending = state::pending_status();
    let (_, asked) = end_at_deadline();
    sys::exit_at_once(asked.applied_to(pending).unwrap_or_default())
}

/// Reports what happened in a run, to the observer only once. Then lets `close` take the record, and returns the status that handlers and
/// observers have asked for.
fn tell(context: &RunContext, told: Told, close: fn() -> Option<RunRecord>) -> (Report, AskedStatus) {
    let Told { report, before, too_late, stayed_held } = told;
    let Heard { failures, not_run } = before.unwrap_or_default();
    context.log.summary(&report.failures()[failures..], &report.not_run()[not_run..], too_late, stayed_held);
    if before.is_none() {
        context.config.observe(&Event::RunFinished { report: report.clone() });
    }
    match close() {
        Some(record) => (report, record.asked_status()),
        None => (report, AskedStatus::default()),
    }
}
