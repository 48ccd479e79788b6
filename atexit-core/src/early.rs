//! Owns calling what would run at exit before that, on the thread that asks for it, outside of a run; must not know who asks.

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

/// What is to be called, and what is known of it.
pub(crate) struct Early<F> {
    pub(crate) code: F,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) is_async: bool,
}

/// What it returns, or what it panics with.
pub(crate) type Called = Result<Result<(), HandlerError>, Box<dyn Any + Send>>;

impl<F: FnOnce(&Executor) -> Result<(), HandlerError> + Send + 'static> Early<F> {
    /// Calls it. A future is driven on another thread, for this one may be driving futures already: of the program's own nobody knows.
    /// Inside a handler that is not async it stays here, as [`exit`](crate::exit) ends the handler only on the thread that runs it.
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

    /// Calls it on a thread of its own, if one can be had, which is abandoned when the limit is over.
    fn call_elsewhere(self, executor: &Executor) -> Called {
        let time_limit = self.time_limit;
        let place = Arc::new(Mutex::new(Some(self)));
        let taken = |place: &Mutex<Option<Self>>| place.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (theirs, their_executor) = (Arc::clone(&place), executor.clone());
        let (done, called) = mpsc::channel();
        let thread = sys::spawn("at_exit", move || {
            if let Some(early) = taken(&theirs) {
                let _ = done.send(early.call_here(&their_executor)); // nobody listens any more if it is late
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
        let _ = thread.join(); // its thread-locals included; nothing of ours panics there
        called
    }
}

/// What became of it, as a caller learns of it.
pub(crate) fn result(called: Called, handler: impl FnOnce() -> HandlerInfo) -> Result<(), Failure> {
    let result = called.unwrap_or_else(|payload| {
        if runner::is_exit(&*payload) {
            resume_unwind(payload); // it ends the handler around this, and is no failure
        }
        Err(HandlerError::panicked(payload))
    });
    result.map_err(|error| Failure { handler: handler(), error })
}
