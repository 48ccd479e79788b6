//! Owns the course of a run: how it begins, how it goes on inside C's `exit` or without its owner, and what brings about its end; must not
//! know where handlers come from, which thread runs one, or how one is called.

use std::sync::Arc;
use std::time::Duration;

mod call;
mod course;
mod deadline;
mod drive;
mod end;
mod exit_status;
mod exit_thread;
mod handover;
mod last_resort;
mod record;
mod state;
mod watch;
mod watchdog;

pub(crate) use call::{exit_handler, is_exit_request};
pub(crate) use exit_status::AskedStatus;
pub(crate) use exit_thread::forget_in_child;
pub(crate) use state::{RUN, RunState, free, is_exit_locked, is_exiting, is_idle, leave};

use crate::config::{self, Config};
use crate::handler::error::HandlerError;
use crate::log::Log;
use crate::plan;
use crate::registry;
use crate::report::{Cause, News, RunResults};
use crate::sys::sync::{Instant, park};
use crate::sys::{self, DeadEnd};
use drive::{Ends, Run, Stop};
use end::end_run;
use record::RunContext;
use state::{Begun, Claim};

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
pub(crate) fn is_cut_off() -> bool {
    registry::has_exit_begun() && !is_inside() && !is_exiting()
}

/// Another thread ends the run, and then the process.
struct OthersEnd;

/// Runs everything that is pending. Completes `results`, and returns what the status of the process should be.
fn run(cause: Cause, results: &mut RunResults) -> Result<AskedStatus, OthersEnd> {
    if is_inside() {
        return Ok(run_inside(cause, results));
    }
    let deadline = if cause.ends_process() { deadline::of_exit() } else { None };
    // A thread that is exiting, and has run all handlers, waits for nobody any more.
    let is_done = state::is_exiting() && registry::runnable() == 0;
    let (mut begun, mut result) = (Begun::Within, Err(OthersEnd));
    deadline::with_last_resort(cause, if is_done { None } else { deadline }, &mut || {
        begun = state::begin(cause.ends_process(), deadline);
        result = run_as(begun, cause, deadline, results);
        result.is_ok()
    });
    if matches!(begun, Begun::Leave(_)) && cause.is_signal() {
        park(); // another thread is about to end the process, and the signal must not cut it off
    }
    result
}

/// [`run`] for use outside of C's `exit`, where a thread can wait for another one to end the process.
pub(crate) fn run_or_park(cause: Cause, results: &mut RunResults) -> AskedStatus {
    run(cause, results).unwrap_or_else(|OthersEnd| park())
}

fn run_as(
    begun: Begun,
    cause: Cause,
    deadline: Option<Instant>,
    results: &mut RunResults,
) -> Result<AskedStatus, OthersEnd> {
    // Dropped after the end of the run: it may be the last owner of an observer, and dropping the observer's captures may call `run`.
    let context;
    let mut asked = AskedStatus::default();
    match begun {
        Begun::Leave(status) => asked.exit = Some(status),
        Begun::Within => {}
        Begun::PastDeadline => {
            // The other thread's run ends as a part of this exit, and drops what it owns before that.
            state::go_by(&new_context(cause, deadline));
            asked = deadline::end_at_deadline(results);
            state::end_by_exit();
        }
        Begun::Stuck(dead_end) => {
            context = new_context(cause, deadline);
            asked = go_on_without_owner(&context, dead_end, results)?;
            state::end_by_exit();
        }
        Begun::Mine => {
            if let Some(pending) = registry::open_run(cause.ends_process()) {
                // Read again: the program may have configured something while this thread waited.
                context = new_context(cause, deadline);
                asked = run_outside(&context, pending, results)?;
            } else {
                tell_problems(cause, None, deadline);
            }
            state::end();
        }
    }
    Ok(asked)
}

fn new_context(cause: Cause, deadline: Option<Instant>) -> Arc<RunContext> {
    Arc::new(RunContext::new(cause, Config::current(), deadline))
}

/// Goes on, as a part of this exit, with the run of another thread that waits in vain for this one. The handler that it was running has failed.
fn go_on_without_owner(
    context: &Arc<RunContext>,
    dead_end: DeadEnd,
    results: &mut RunResults,
) -> Result<AskedStatus, OthersEnd> {
    registry::revoke_lease();
    state::go_by(context);
    if let Some(label) = registry::running().1 {
        drive::abandon(context, &label, HandlerError::stuck(dead_end), Duration::ZERO).map_err(|_| OthersEnd)?;
    }
    registry::become_exit();
    finish(context, true, results)
}

fn run_outside(context: &Arc<RunContext>, pending: usize, results: &mut RunResults) -> Result<AskedStatus, OthersEnd> {
    let cause = context.cause;
    state::open(context);
    context.log.plan(plan::table::of_pending);
    tell_problems(cause, Some(context.log), context.deadline);
    // The observer is part of the run, wherever it is called.
    let lease = state::grant_lease().ok_or(OthersEnd)?;
    context.config.observe(News::RunStarted { cause, pending });
    drop(lease);
    finish(context, cause.ends_process(), results)
}

/// Runs all handlers, and ends the run.
#[inline(never)] // one copy, to keep programs small
fn finish(context: &Arc<RunContext>, at_exit: bool, results: &mut RunResults) -> Result<AskedStatus, OthersEnd> {
    match Run::new(context, Ends { strike: deadline::striker(), end_alone }).finish() {
        Ok(stayed_held) => Ok(end_run(at_exit, stayed_held, results)),
        Err(Stop::DeadlineOver) => Ok(deadline::end_at_deadline(results)),
        Err(Stop::OthersEnd) => Err(OthersEnd),
    }
}

/// Reports, once and only at an exit, what is wrong with the order that handlers and links ask for. If the run has no log yet, it is made only
/// if there is something to report.
#[inline(never)] // one copy, to keep programs small
fn tell_problems(cause: Cause, log: Option<Log>, deadline: Option<Instant>) {
    if !cause.ends_process() {
        return;
    }
    let (notes, told) = registry::take_problems();
    let problems = notes.told_from(told);
    if !problems.is_empty() {
        log.unwrap_or_else(|| config::log(deadline)).problems(&problems);
    }
}

/// Runs everything that is pending right here, inside a handler.
fn run_inside(cause: Cause, results: &mut RunResults) -> AskedStatus {
    // A handler that was abandoned meanwhile begins no run: its thread takes no further handler.
    let Some(outer) = registry::enter_run() else { return AskedStatus::default() };
    let deadline = if let Some(around) = state::context() { around.deadline } else { None };
    let context = new_context(cause, deadline);
    if !state::nest(&context) {
        return AskedStatus::default();
    }
    context.config.observe(News::RunStarted { cause, pending: registry::len() });
    call::run_all(&context, None, None);
    results.ran = registry::leave_run(outer);
    end::tell(&context, 0, false, results);
    state::close()
}

/// Runs everything that is pending because C's `exit` has called the hook. The process was about to end with `status`.
pub(crate) fn run_in_exit(status: Option<i32>) -> AskedStatus {
    state::enter_hook(status);
    registry::values::leave_initializations();
    let inside = if is_inside() { finish_inside_handler(status) } else { None };
    let result = inside.unwrap_or_else(|| run(Cause::Exit { status }, &mut RunResults::default()));
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
    if watch::is_telling() {
        call::fail_running(HandlerError::kept_from_starting()); // unless it has already ended
    } else if call::is_panic_that_exits() {
        call::fail_running(HandlerError::exited_by_panic_hook());
    } else if let Some(status) = status {
        call::note_exit(status);
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
    deadline::set();
    let Some(context) = state::context() else { return Ok(AskedStatus::default()) };
    registry::become_exit();
    let mut result = Err(OthersEnd);
    deadline::with_last_resort(context.cause, context.deadline, &mut || {
        result = finish(&context, true, &mut RunResults::default());
        result.is_ok()
    });
    if result.is_ok() {
        state::end_by_exit();
    }
    result
}

/// Runs what is left, and ends the process, in a child that a handler has forked on the exit thread.
fn end_alone() -> ! {
    let pending = state::pending_status();
    let asked = finish_on_this_thread().unwrap_or_else(|OthersEnd| park());
    sys::exit_in_child(asked.applied_to(pending).unwrap_or_default())
}
