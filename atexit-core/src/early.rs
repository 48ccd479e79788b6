//! Owns calling early what would otherwise run at exit, outside of a run; must not know who asks for it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use crate::config::Config;
use crate::handler::error::HandlerError;
use crate::handler::executor::{self, Executor};
use crate::handler::info::HandlerInfo;
use crate::report::Failure;
use crate::runner;
use crate::sys;
use crate::sys::sync::Instant;

/// The code to call, and what is known about it.
pub(crate) struct Early<F> {
    pub(crate) code: F,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) is_async: bool,
}

/// What the code returns, or the payload that it panics with.
pub(crate) type Called = Result<Result<(), HandlerError>, Box<dyn Any + Send>>;

impl<F: FnOnce(&Executor) -> Result<(), HandlerError> + Send + 'static> Early<F> {
    /// Calls it, on this thread unless it is a future. A future is driven on another thread, because this one may already be driving futures:
    /// the program's own executors are unknown to us. Inside a handler that is not async, a future stays on this thread, too:
    /// [`exit`](crate::exit) ends a handler only on the handler's own thread.
    pub(crate) fn call(self) -> Called {
        let executor = Config::current().executor;
        let may_be_driving = executor::drives() || !runner::is_inside();
        if self.is_async && may_be_driving && sys::can_start_threads() {
            self.call_elsewhere(&executor)
        } else {
            self.call_here(&executor)
        }
    }

    fn call_here(self, executor: &Executor) -> Called {
        let Self { code, time_limit, .. } = self;
        let start = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| code(executor)))?;
        let exceeded = time_limit.filter(|&limit| result.is_ok() && start.elapsed() > limit);
        Ok(exceeded.map_or(result, |limit| Err(HandlerError::timed_out(limit))))
    }

    /// Calls it on a thread of its own, which is abandoned when the limit is over. If no thread can be started, calls it here.
    fn call_elsewhere(self, executor: &Executor) -> Called {
        let time_limit = self.time_limit;
        let place = Arc::new(Mutex::new(Some(self)));
        let taken = |place: &Mutex<Option<Self>>| place.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (theirs, their_executor) = (Arc::clone(&place), executor.clone());
        let (done, called) = mpsc::channel();
        let thread = sys::spawn("at_exit", move || {
            if let Some(early) = taken(&theirs) {
                let _ = done.send(early.call_here(&their_executor)); // if it is late, nobody listens any more
            }
        });
        let Ok(thread) = thread else {
            return taken(&place).map_or(Ok(Ok(())), |early| early.call_here(executor));
        };
        let called = match time_limit {
            Some(limit) => match called.recv_timeout(limit) {
                Ok(called) => called,
                Err(_) => return Ok(Err(HandlerError::timed_out(limit))),
            },
            None => called.recv().unwrap_or(Ok(Ok(()))),
        };
        let _ = thread.join(); // waits for its thread-locals, too; nothing of ours panics there
        called
    }
}

/// The result of a call, for the caller.
pub(crate) fn result(called: Called, handler: impl FnOnce() -> HandlerInfo) -> Result<(), Failure> {
    let result = called.unwrap_or_else(|payload| {
        if runner::is_exit(&*payload) {
            resume_unwind(payload); // this ends the handler that we are in, and is not a failure
        }
        Err(HandlerError::panicked(payload))
    });
    result.map_err(|error| Failure { handler: handler(), error })
}
