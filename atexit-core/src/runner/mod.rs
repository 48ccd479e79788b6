//! Owns the course of a run: how it begins, what is said when, and how it ends, at its deadline, too; must not know where handlers come
//! from, which thread runs one, or how one is called.

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
use crate::order::problem::Problem;
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

/// Why this handler runs: `None` outside of handlers.
///
/// It speaks of the innermost run, and only on the thread that the handler runs on.
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
pub fn cause() -> Option<Cause> {
    is_inside().then(state::context).flatten().map(|context| context.cause)
}

/// How long this handler has until its time limit or the deadline of the exit, whichever is first.
///
/// `None` outside of handlers, and where there is neither; zero when it is over. As for [`cause`], only the thread that the handler runs on
/// is inside of it. Inside a [`run`](crate::run) that a handler has called, the limit of that handler counts, too. It is meant for a handler that
/// waits for others: so it can give up in time, and say so.
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
pub fn remaining() -> Option<Duration> {
    let context = is_inside().then(state::context).flatten()?;
    let end = call::end_of_limit().into_iter().chain(context.deadline).min()?;
    Some(end.saturating_duration_since(Instant::now()))
}

/// Whether this thread is inside a handler, or in what a run does between two handlers.
pub(crate) fn is_inside() -> bool {
    registry::lease::is_held()
}

/// Whether another thread exits, and this one has no part in that.
pub(crate) fn is_cut_off() -> bool {
    registry::is_exit() && !is_inside() && !is_exiting()
}

/// What became of a run, and the status that its handlers ask for. An error: another thread ends it, and then the process.
type RunResult = Result<(Report, AskedStatus), OthersEnd>;

/// Another thread ends the run, and then the process.
struct OthersEnd;

/// Runs everything that is pending, and says what the status of the process should be after that.
fn run(cause: Cause) -> RunResult {
    if is_inside() {
        return Ok(run_inside(cause));
    }
    let deadline = if cause.ends_process() { deadline() } else { None };
    // Who has run all handlers already, and exits, waits for nobody any more.
    let is_done = state::is_exiting() && registry::runnable() == 0;
    let last_resort = if is_done { None } else { last_resort(cause, deadline) };
    match state::begin(cause.ends_process(), deadline) {
        // Another thread is about to end the process, and is not to be cut off by the signal.
        Begun::Leave(_) if matches!(cause, Cause::Signal(_)) => {
            drop(last_resort);
            park()
        }
        Begun::Leave(status) => return Ok((Report::default(), AskedStatus { exit: Some(status), failure: None })),
        Begun::PastDeadline => {
            // The other run ends as a part of this exit.
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
    // Dropped after the end of the run: it may be the last that owns an observer, whose captures may run handlers when they are dropped.
    let context;
    let result = if let Some(pending) = registry::open_run(cause.ends_process()) {
        // What was configured while this thread waited counts, too.
        context = Arc::new(RunContext::new(cause, Config::current(), deadline));
        disarm_unless_others_end(last_resort, run_outside(&context, pending))?
    } else {
        tell_problems(cause, || config::log(deadline));
        Default::default()
    };
    state::end();
    Ok(result)
}

/// The same outside of C's `exit`, where a thread can wait for another one to end the process.
pub(crate) fn run_or_park(cause: Cause) -> (Report, AskedStatus) {
    run(cause).unwrap_or_else(|OthersEnd| park())
}

/// Goes on with the run of another thread that waits in vain for this one, as a part of this exit. What that thread was running has failed.
fn go_on_without_owner(context: &Arc<RunContext>, dead_end: DeadEnd) -> RunResult {
    registry::revoke_lease();
    state::go_by(context);
    if let Some(label) = registry::running().1 {
        let failure = Failure { handler: label.info(), error: HandlerError::stuck(dead_end) };
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

/// What ends the process if its deadline does not.
fn last_resort(cause: Cause, deadline: Option<Instant>) -> Option<LastResort> {
    let deadline = deadline.filter(|_| sys::can_start_threads())?;
    let log = config::log(Some(deadline)); // whose lines do not wait any more when it comes to that
    LastResort::start(deadline, move || end_late(cause, log))
}

/// While another thread is to end the process, the last resort stays.
fn disarm_unless_others_end(last_resort: Option<LastResort>, result: RunResult) -> RunResult {
    if result.is_err() {
        std::mem::forget(last_resort);
    }
    result
}

/// Ends the process although somebody is about to do so who has not managed to in time.
fn end_late(cause: Cause, log: Log) {
    if state::is_over() {
        return; // what C's `exit` calls else is none of the deadline's business
    }
    log.late();
    state::note_not_run(registry::stop());
    if let Some(Told { report, before, too_late, stayed_held }) =
        state::end_record(RunState::outermost, RunEnd::default())
    {
        let Heard { failures, not_run } = before.unwrap_or_default();
        log.summary(&report.failures[failures..], &report.not_run[not_run..], too_late, stayed_held);
    }
    #[cfg(feature = "signals")]
    if let Cause::Signal(signal) = cause {
        sys::signal::die_by(signal);
    }
    let asked = state::asked_status_at_deadline();
    sys::exit_at_once(asked.applied_to(cause.status()).unwrap_or_default());
}

/// Of an exit that begins now.
fn deadline() -> Option<Instant> {
    Config::current().deadline.and_then(|limit| Instant::now().checked_add(limit))
}

fn run_outside(context: &Arc<RunContext>, pending: usize) -> RunResult {
    let cause = context.cause;
    state::open(context);
    context.log.plan(plan::plan);
    tell_problems(cause, || context.log);
    // The observer is part of the run, wherever it is called.
    let lease = state::grant_lease().ok_or(OthersEnd)?;
    context.config.observe(|| Event::RunStarted { cause, pending });
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

/// Says at an exit, once, what handlers and links ask for that cannot be had.
fn tell_problems(cause: Cause, log: impl FnOnce() -> Log) {
    let mut problems = if cause.ends_process() { registry::take_problems() } else { Vec::new() };
    problems.retain(|problem| !matches!(problem, Problem::NoHandlers { .. }));
    if !problems.is_empty() {
        log().problems(&problems);
    }
}

/// A run inside a handler takes place right there.
fn run_inside(cause: Cause) -> (Report, AskedStatus) {
    // Nothing is set aside, or told, for a handler that was abandoned meanwhile: its thread takes no other one.
    let Some(outer) = registry::enter_run() else { return Default::default() };
    let deadline = state::context().and_then(|context| context.deadline);
    let context = Arc::new(RunContext::new(cause, Config::current(), deadline));
    if !state::nest(&context) {
        return Default::default();
    }
    context.config.observe(|| Event::RunStarted { cause, pending: registry::len() });
    call::run_all(&context, None, None);
    let ran = registry::leave_run(outer);
    let end = RunEnd { ran, ..RunEnd::default() };
    let Some(told) = state::end_record(RunState::innermost_if_leased, end) else { return Default::default() };
    tell(&context, told, state::unnest)
}

/// Runs everything that is pending because C's `exit` has called the hook, and the process was about to end with `status`.
pub(crate) fn run_in_exit(status: Option<i32>) -> AskedStatus {
    state::enter_hook(status);
    registry::values::leave_initializations();
    let inside = if is_inside() { finish_inside_handler(status) } else { None };
    let result = inside.unwrap_or_else(|| run(Cause::Exit { status }).map(|(_, asked)| asked));
    // The other thread cannot end the process while this one is inside C's `exit`, which may let in one thread only.
    let asked = result.unwrap_or_else(|OthersEnd| AskedStatus { exit: Some(state::await_leave()), failure: None });
    match state::go_on_in_exit() {
        Claim::Mine => asked,
        Claim::Others => park(),
    }
}

/// Runs what is left from inside a handler that never returns, because it has called C's `exit`, with this status, where that is known.
/// `None`: it has been abandoned meanwhile.
fn finish_inside_handler(status: Option<i32>) -> Option<Result<AskedStatus, OthersEnd>> {
    let takes_over = state::handover().map_or_else(is_inside, |handover| handover.take_over());
    if !takes_over {
        return None;
    }
    match watch::event_being_told() {
        Some(HandlerEvent::Started) => call::fail_running(HandlerError::kept_from_starting()),
        None if call::is_panic_that_exits() => call::fail_running(HandlerError::exited_by_panic_hook()),
        _ => status.into_iter().for_each(call::note_exit),
    }
    registry::forget_running(); // it is over: a deadline is no failure of it
    Some(finish_on_this_thread())
}

/// Goes on with the run of another thread; this one takes the process down now.
fn finish_on_this_thread() -> Result<AskedStatus, OthersEnd> {
    if state::take_over() == Claim::Others {
        return Err(OthersEnd);
    }
    // A run that was none of an exit is part of one now.
    deadline().into_iter().for_each(state::set_deadline);
    let Some(context) = state::context() else { return Ok(AskedStatus::default()) };
    registry::become_exit();
    let last_resort = last_resort(context.cause, context.deadline);
    let (_, asked) = disarm_unless_others_end(last_resort, finish(&context, true))?;
    state::end_by_exit();
    Ok(asked)
}

/// Ends the process in a child that a handler has forked on the exit thread, once it has run what was left.
fn end_alone() -> ! {
    let pending = state::pending_status();
    let asked = finish_on_this_thread().unwrap_or_else(|OthersEnd| park());
    sys::exit_in_child(asked.applied_to(pending).unwrap_or_default())
}

/// Ends the outermost run, whatever is still open inside it. This thread has claimed that.
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

/// Ends the run because its deadline is over: nothing starts any more. Whoever calls this has claimed the end, be it the thread of the
/// run, its watchdog, or another one that has waited for it as long as it may.
fn end_at_deadline() -> (Report, AskedStatus) {
    registry::revoke_lease(); // first: what starts until then is running
    state::note_not_run(registry::stop());
    let _lease = Lease::take();
    if let (Some(context), Some(label)) = (state::context(), registry::running().1) {
        let event = watch::event_being_told();
        let error = if event.is_some() { HandlerError::observer_at_deadline() } else { HandlerError::deadline() };
        let failure = Failure { handler: label.info(), error };
        let elapsed = context.config.deadline.unwrap_or_default();
        let failed = HandlerRecord::failed(failure.clone(), elapsed);
        // Of a handler that has finished the observer knows, and so does the record.
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

/// Says what became of a run, the observer once, then lets `close` take its record, and says what handlers and observers have asked for.
fn tell(context: &RunContext, told: Told, close: fn() -> Option<RunRecord>) -> (Report, AskedStatus) {
    let Told { report, before, too_late, stayed_held } = told;
    if context.cause == Cause::Unload {
        let _ = report.handlers(); // the code that says which they were goes away
    }
    let Heard { failures, not_run } = before.unwrap_or_default();
    context.log.summary(&report.failures[failures..], &report.not_run[not_run..], too_late, stayed_held);
    if before.is_none() {
        context.config.observe(|| Event::RunFinished { report: report.clone() });
    }
    let asked = close().map(|record| record.asked_status());
    (report, asked.unwrap_or_default())
}
