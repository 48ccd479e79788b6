//! Owns the call of a handler, and what becomes of its failure, wherever that happens; must not know what began the run, or which thread it
//! needs.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use super::handover::Handover;
use super::record::RunContext;
use super::state;
use super::watch::{self, HandlerEvent};
use crate::handler::PendingHandler;
use crate::handler::callback::Callback;
use crate::handler::declaration::RunsOn;
use crate::handler::outcome::Fault;
use crate::registry::{self, lease};
use crate::report::{Event, Failure};
use crate::sys;
use crate::sys::sync::Instant;

/// What a handler unwinds with when it calls `exit`.
struct ExitRequest;

/// Runs handlers on this thread until none is left that belongs here; all of them, if `only` names no thread. `false`: this thread has been
/// dismissed by whoever keeps the time, at the `handover`.
pub(crate) fn run_all(context: &RunContext, only: Option<RunsOn>, handover: Option<&Handover>) -> bool {
    while let Some(handler) = registry::take_next(only) {
        if !run_one(handler, context, handover) {
            return false;
        }
    }
    true
}

/// The same for the next handler only, which need not belong here.
pub(crate) fn run_next(context: &RunContext, only: Option<RunsOn>) {
    if let Some(handler) = registry::take_next(only) {
        run_one(handler, context, None);
    }
}

fn run_one(handler: PendingHandler, context: &RunContext, handover: Option<&Handover>) -> bool {
    let RunContext { config, log, .. } = context;
    let Ok(limit) = time_limit(&handler) else { return true };
    let limit = limit.or(config.time_limit);
    let is_observed = log.traces() || config.is_observed();
    let start = (is_observed || limit.is_some()).then(Instant::now);
    let label = handler.label();
    let info = is_observed.then(|| label.info());
    if let Some(handler) = &info {
        log.started(handler);
        watch::tell(HandlerEvent::Started, || config.observe(|| Event::Started { handler: handler.clone() }));
    }
    let keeper = handover.filter(|handover| limit.is_some_and(|limit| handover.set_limit(limit, handler.label())));
    let mut fault = call(handler.into_callback());
    if keeper.is_some_and(|keeper| !keeper.lift_limit()) || !lease::is_held() {
        return false; // the run went on without this thread
    }
    let elapsed = start.map(|start| start.elapsed()).unwrap_or_default();
    if let Some(limit) = limit.filter(|&limit| fault.is_none() && elapsed > limit) {
        fault = Some(Fault::timed_out(limit)); // where it could not be abandoned, it is reported
    }
    let failure = fault.map(|fault| Failure { handler: label.info(), fault });
    let has_failed = failure.is_some();
    if let Some(failure) = &failure {
        log.fault(&failure.fault);
        state::fail(failure.clone());
    }
    if let Some(handler) = info {
        log.ended(&handler, elapsed, has_failed);
        watch::tell(HandlerEvent::Finished, || config.observe(|| Event::Finished { handler, elapsed, failure }));
    }
    if has_failed {
        registry::forget_running(); // a deadline that is over by now is no second failure of it
    }
    true
}

/// The limit that the handler itself asks for, if it asks for one. If the expression panics, that is a failure, and the handler runs
/// without; if it calls `exit`, that has ended the handler, and there is nothing to run.
fn time_limit(handler: &PendingHandler) -> Result<Option<Duration>, ExitRequest> {
    if !handler.facts().has_time_limit {
        return Ok(None);
    }
    match catch_unwind(AssertUnwindSafe(|| handler.time_limit())) {
        Ok(limit) => Ok(limit),
        Err(payload) if payload.is::<ExitRequest>() => Err(ExitRequest),
        Err(payload) => {
            state::fail(Failure { handler: handler.label().info(), fault: Fault::panicked(payload) });
            Ok(None)
        }
    }
}

fn call(callback: Callback) -> Option<Fault> {
    match catch_unwind(AssertUnwindSafe(|| callback.call())) {
        Ok(fault) => fault,
        Err(payload) if payload.is::<ExitRequest>() => None,
        Err(payload) => Some(Fault::panicked(payload)),
    }
}

/// A panic hook that exits keeps a panic from unwinding, which would have been a failure. On the exiting thread nobody can tell which panic.
pub(crate) fn note_panic_that_exits() {
    if std::thread::panicking() && state::handover().is_some() {
        fail_running(Fault::exited_by_panic_hook());
    }
}

/// The handler that is running has failed, and does not go on.
pub(crate) fn fail_running(fault: Fault) {
    if let Some(label) = registry::running().1 {
        state::fail(Failure { handler: label.info(), fault });
    }
}

/// Tells of a handler that has failed by still running, or hanging, on another thread.
pub(crate) fn tell_abandoned(context: &RunContext, failure: Failure, elapsed: Duration) {
    let handler = failure.handler.clone();
    context.log.abandoned(&handler, elapsed);
    context.config.observe(|| Event::Finished { handler, elapsed, failure: Some(failure) });
}

/// Ends the handler that this thread is in; `code` becomes the status of the process.
pub(crate) fn exit_handler(code: i32) -> ! {
    state::ask_for_status(code);
    if !cfg!(panic = "abort") && !std::thread::panicking() {
        let request: Box<dyn Any + Send> = Box::new(ExitRequest);
        resume_unwind(request);
    }
    // Nothing can unwind here. An exit thread is left standing; the exiting thread runs the rest above the handler's frames.
    match state::handover().filter(|handover| handover.is_of_this_process()) {
        Some(handover) => handover.park(),
        None => sys::exit(code),
    }
}
