//! Owns the call of a handler, and what follows from its failure; must not know what began the run, or which thread the handler needs.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use super::handover::Handover;
use super::record::RunContext;
use super::state;
use super::watch;
use crate::handler::PendingHandler;
use crate::handler::callback::Callback;
use crate::handler::declaration::RunsOn;
use crate::handler::error::HandlerError;
use crate::handler::executor::Executor;
use crate::handler::facts::Label;
use crate::handler::info::HandlerInfo;
use crate::registry::{self, lease};
use crate::report::{Failure, HandlerEnd, HandlerRecord, News};
use crate::sys;
use crate::sys::sync::{Instant, thread_local};

/// The payload with which a handler unwinds when it calls `exit`.
struct ExitRequest {
    code: i32,
}

/// Whether this is the payload of a handler that has called `exit`.
pub(crate) fn is_exit_request(payload: &(dyn Any + Send)) -> bool {
    payload.is::<ExitRequest>()
}

/// Runs handlers on this thread until none is left that belongs here; all of them, if `only` names no thread. `false`: this thread has been
/// dismissed, and the run goes on without it.
pub(crate) fn run_all(context: &RunContext, only: Option<RunsOn>, handover: Option<&Handover>) -> bool {
    run_some(usize::MAX, context, only, handover)
}

/// The same for only the next handler, if it belongs here.
pub(crate) fn run_next(context: &RunContext, only: Option<RunsOn>) {
    run_some(1, context, only, None);
    registry::forget_running(); // what comes next may outlast a deadline, which must not make it fail
}

#[inline(never)] // one copy, to keep programs small
fn run_some(at_most: usize, context: &RunContext, only: Option<RunsOn>, handover: Option<&Handover>) -> bool {
    for _ in 0..at_most {
        // Where nobody watches, the deadline ends the run between two handlers at least, also one that a handler has called.
        if handover.is_none() && context.is_out_of_time() {
            break;
        }
        let Some(handler) = registry::take_next(only) else { break };
        if !run_one(handler, context, handover) {
            return false;
        }
    }
    true
}

/// Most handlers of an exit need only to be called: nobody asks for more than their failures, they have no limit, and a deadline is watched by the
/// thread at the other end of the handover.
#[expect(clippy::inline_always, reason = "a call would move each handler once more")]
#[inline(always)]
fn run_one(handler: PendingHandler, context: &RunContext, handover: Option<&Handover>) -> bool {
    let RunContext { config, log, records_all, deadline, .. } = context;
    let is_watched = *records_all || log.traces() || config.is_observed() || config.time_limit.is_some();
    if is_watched || handler.facts().has_time_limit || (deadline.is_some() && handover.is_none()) {
        return run_watched(handler, context, handover);
    }
    let label = handler.label();
    let ended = call(handler.into_callback(), &config.executor);
    if !lease::is_held_inline() {
        return false; // the run went on without this thread
    }
    if ended.is_err() {
        return note_end(&label, ended, Duration::ZERO, None, None, context);
    }
    true
}

#[cold]
fn run_watched(handler: PendingHandler, context: &RunContext, handover: Option<&Handover>) -> bool {
    let RunContext { config, log, records_all, .. } = context;
    let label = handler.label();
    let mut limit = config.time_limit;
    // How the expression for the limit has ended. If it panics, the handler runs without it, and the panic is its failure, unless it fails itself.
    let mut evaluated = Ok(HandlerEnd::Returned);
    if handler.facts().has_time_limit {
        evaluated = caught(|| {
            limit = handler.time_limit().or(limit);
            Ok(())
        });
        if !lease::is_held_inline() {
            return false; // the run went on without this thread
        }
        if matches!(evaluated, Ok(HandlerEnd::Exited(_))) {
            return note_end(&label, evaluated, Duration::ZERO, None, None, context); // the expression has called `exit`
        }
    }
    let is_told = log.traces() || config.is_observed();
    let start = if is_told || *records_all || limit.is_some() { Some(Instant::now()) } else { None };
    let told = if is_told { Some(tell_start(&label, context)) } else { None };
    let keeper = match (handover, limit) {
        (Some(handover), Some(limit)) if handover.set_limit(limit, &label) => Some(handover),
        _ => None,
    };
    let mut ended = call_timed(handler.into_callback(), &config.executor, start, limit);
    let elapsed = since(start);
    let mut still_limited = keeper; // of an error, the limit covers the destructor, too
    if ended.is_ok() {
        still_limited = None;
        if let Some(keeper) = keeper {
            keeper.lift_limit();
        }
        if !lease::is_held_inline() {
            return false; // the run went on without this thread
        }
        match limit {
            // It could not be abandoned, so it is reported.
            Some(limit) if elapsed > limit => ended = Err(HandlerError::timed_out(limit)),
            _ if evaluated.is_err() => ended = evaluated,
            // Nobody could watch it.
            _ if handover.is_none() && context.is_out_of_time() => ended = Err(HandlerError::deadline()),
            _ => {}
        }
    }
    note_end(&label, ended, elapsed, told.as_ref(), still_limited, context)
}

/// Tells that a handler starts. Returns what it is called then.
fn tell_start(handler: &Label, context: &RunContext) -> HandlerInfo {
    let info = handler.info();
    context.log.started(&info);
    watch::tell(&context.config, News::Started { handler: &info });
    info
}

/// Records how a handler has ended, prints it if it has failed, and tells it if its start was `told`: once, if the observer calls `exit`, too, or
/// another thread has abandoned the handler meanwhile. `false`: the run went on without this thread.
fn note_end(
    handler: &Label,
    ended: Result<HandlerEnd, HandlerError>,
    elapsed: Duration,
    told: Option<&HandlerInfo>,
    still_limited: Option<&Handover>,
    context: &RunContext,
) -> bool {
    let mut source = None;
    let (is_first, end, failure) = match ended {
        Ok(end) if context.records_all => (state::record(HandlerRecord::new(handler.clone(), elapsed, end)), end, None),
        Ok(end) => (registry::note_ended(), end, None),
        Err(mut error) => {
            if !context.records_all {
                source = error.take_source();
            }
            let failure = Failure::new(handler, error);
            let is_first = state::record(HandlerRecord::failed(failure.clone(), elapsed));
            (is_first, HandlerEnd::Failed(failure.kind()), Some(failure))
        }
    };
    if let (true, Some(failure)) = (is_first, &failure) {
        context.log.failed(failure.error());
    }
    drop(source); // now that all is known: the destructor is a user's, and may end the process
    let exceeds_limit = still_limited.is_some_and(Handover::lift_limit); // then whoever has abandoned the handler tells it
    if let (true, false, Some(handler)) = (is_first, exceeds_limit, told) {
        context.log.ended(handler, elapsed, failure.is_some());
        watch::tell(&context.config, News::Finished { handler, elapsed, end, failure: failure.as_ref() });
    }
    lease::is_held()
}

/// Calls code of a handler, and says how it has ended.
fn caught(code: impl FnOnce() -> Result<(), HandlerError>) -> Result<HandlerEnd, HandlerError> {
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(result) => result.map(|()| HandlerEnd::Returned),
        Err(payload) => unwound(payload),
    }
}

/// How a handler ends that unwinds with this payload.
fn unwound(payload: Box<dyn Any + Send>) -> Result<HandlerEnd, HandlerError> {
    match payload.downcast::<ExitRequest>() {
        Ok(request) => Ok(HandlerEnd::Exited(request.code)),
        Err(payload) => Err(HandlerError::panicked(payload)),
    }
}

/// What a thread knows about the handler that it runs.
#[derive(Clone, Copy)]
struct Times {
    /// When it began, if anybody wants to know.
    start: Option<Instant>,
    /// When its limit is over, or that of the handler around it, whichever is first.
    end: Option<Instant>,
}

thread_local! {
    static TIMES: Cell<Times> = const { Cell::new(NO_TIMES) };
}

const NO_TIMES: Times = Times { start: None, end: None };

fn since(start: Option<Instant>) -> Duration {
    if let Some(start) = start { start.elapsed() } else { Duration::ZERO }
}

fn elapsed() -> Duration {
    since(TIMES.get().start)
}

/// When the limit of the handler that this thread runs is over.
pub(crate) fn end_of_limit() -> Option<Instant> {
    TIMES.get().end
}

impl Times {
    fn within(self, start: Option<Instant>, limit: Option<Duration>) -> Self {
        let end = match (start, limit) {
            (Some(start), Some(limit)) => start.checked_add(limit),
            _ => None,
        };
        Self { start, end: watch::earlier(self.end, end) }
    }
}

fn call_timed(
    callback: Callback,
    executor: &Executor,
    start: Option<Instant>,
    limit: Option<Duration>,
) -> Result<HandlerEnd, HandlerError> {
    if start.is_none() {
        return call(callback, executor); // nobody needs the times
    }
    let outer = TIMES.get();
    TIMES.set(outer.within(start, limit));
    let ended = call(callback, executor);
    TIMES.set(outer);
    ended
}

fn call(callback: Callback, executor: &Executor) -> Result<HandlerEnd, HandlerError> {
    caught(|| callback.call(executor))
}

/// Whether the panic hook has called C's `exit`: the panic does not unwind, but would have been a failure. On the exiting thread, nothing tells
/// which panic it was.
pub(crate) fn is_panic_that_exits() -> bool {
    std::thread::panicking() && state::handover().is_some()
}

/// The running handler has called `exit`, or C's, with this code, and does not go on. If it has already ended, the observer has called it.
pub(crate) fn note_exit(code: i32) {
    note_end_of_running(Ok(HandlerEnd::Exited(code)));
}

/// The running handler has failed, and does not go on.
pub(crate) fn fail_running(error: HandlerError) {
    note_end_of_running(Err(error));
}

fn note_end_of_running(ended: Result<HandlerEnd, HandlerError>) {
    let elapsed = elapsed();
    TIMES.set(NO_TIMES); // the handlers that run next on this thread are not within its limit
    if let (Some(label), Some(context)) = (registry::running().1, state::context()) {
        note_end(&label, ended, elapsed, None, None, &context);
    }
}

/// Reports a handler that has failed because it is still running, or hangs, on another thread.
pub(crate) fn tell_abandoned(context: &RunContext, failure: &Failure, elapsed: Duration) {
    context.log.abandoned(failure.handler(), elapsed);
    let end = HandlerEnd::Failed(failure.kind());
    context.config.observe(News::Finished { handler: failure.handler(), elapsed, end, failure: Some(failure) });
}

/// Ends the handler that this thread is in; `code` becomes the status of the process.
#[inline]
pub(crate) fn exit_handler(code: i32) -> ! {
    state::ask_for_status(code);
    if !cfg!(panic = "abort") && !std::thread::panicking() {
        let request: Box<dyn Any + Send> = Box::new(ExitRequest { code });
        resume_unwind(request);
    }
    note_exit(code);
    registry::forget_running(); // what follows may be C's `exit`
    registry::values::leave_initializations();
    // Nothing can unwind here. An exit thread is parked; the exiting thread runs the rest on top of the handler's frames.
    match state::handover() {
        Some(handover) if handover.is_of_this_process() => handover.park(),
        _ => sys::exit(code),
    }
}
