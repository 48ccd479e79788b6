//! Owns calling early what would otherwise run at exit, outside of a run; must not know who asks for it.
//!
//! Few programs do this, so all of it is inline: only a crate that uses it has the code.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::config::Config;
use crate::handler::callback::Callback;
use crate::handler::error::{HandlerError, Quiet};
use crate::handler::executor::{self, Executor};
use crate::handler::facts::Label;
use crate::report::Failure;
use crate::runner;
use crate::sys;
use crate::sys::sync::{Instant, thread_local};

/// The code to call, and what is known about it.
pub(crate) struct Early {
    pub(crate) code: Callback,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) is_async: bool,
}

/// What the code returns, or the payload that it panics with.
pub(crate) type Called = Result<Result<(), HandlerError>, Box<dyn Any + Send>>;

impl Early {
    /// Calls it, on this thread unless it is a future. A future is driven on another thread, because this one may already be driving futures:
    /// the program's own executors are unknown to us. Inside a handler that is not async, a future stays on this thread, too:
    /// [`exit`](crate::exit) ends a handler only on the handler's own thread.
    #[inline]
    pub(crate) fn call(self) -> Called {
        let executor = Config::current().executor;
        let may_be_driving = executor::is_driving() || !runner::is_inside();
        if self.is_async && may_be_driving && sys::can_start_threads() {
            self.call_elsewhere(&executor)
        } else {
            self.call_here(&executor)
        }
    }

    #[inline]
    fn call_here(self, executor: &Executor) -> Called {
        let Self { code, time_limit, .. } = self;
        let start = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| code.call(executor)))?;
        match time_limit {
            Some(limit) if result.is_ok() && start.elapsed() > limit => Ok(Err(HandlerError::timed_out(limit))),
            _ => Ok(result),
        }
    }

    /// Calls it on a thread of its own, which is abandoned when the limit is over. If no thread can be started, calls it here.
    #[inline]
    fn call_elsewhere(self, executor: &Executor) -> Called {
        let (start, limit) = (Instant::now(), self.time_limit.unwrap_or(Duration::MAX));
        let meeting = Arc::new(Meeting {
            progress: Mutex::new(Progress { asked: Some(self), called: None, is_over: false, is_given_up: false }),
            changed: Condvar::new(),
        });
        let (theirs, their_executor) = (Arc::clone(&meeting), executor.clone());
        let thread = sys::spawn("at_exit", move || {
            let end = EndOfLocals(Arc::clone(&theirs));
            let _ = END_OF_LOCALS.try_with(move |at_end| at_end.set(Some(end))); // a new thread has its locals
            theirs.call(&their_executor);
        });
        if thread.is_none() {
            meeting.call(executor);
        }
        let called = meeting.wait(start, limit, |progress| progress.called.take());
        let Some(called) = called else { return Ok(Err(HandlerError::timed_out(limit))) };
        if let Some(thread) = thread {
            // Its thread-locals have the rest of the time: the destructor of one may hang. The call itself was in time.
            if meeting.wait(start, limit, |progress| progress.is_over.then_some(())).is_some() {
                let _ = thread.join(); // nothing of ours panics there
            }
        }
        called
    }
}

/// Where the thread that asks for a call meets the one that makes it.
struct Meeting {
    progress: Mutex<Progress>,
    changed: Condvar,
}

struct Progress {
    asked: Option<Early>,
    called: Option<Called>,
    /// The thread-locals of the thread are gone.
    is_over: bool,
    /// The limit is over, and nobody looks any more.
    is_given_up: bool,
}

/// Its drop says that all thread-locals are gone: it is used first, so it is dropped last.
struct EndOfLocals(Arc<Meeting>);

impl Drop for EndOfLocals {
    #[inline]
    fn drop(&mut self) {
        self.0.lock().is_over = true;
        self.0.changed.notify_one();
    }
}

thread_local! {
    static END_OF_LOCALS: Cell<Option<EndOfLocals>> = const { Cell::new(None) };
}

impl Meeting {
    #[inline]
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    fn call(&self, executor: &Executor) {
        let asked = self.lock().asked.take();
        let called = asked.map(|early| early.call_here(executor));
        let mut progress = self.lock();
        if progress.is_given_up {
            drop(progress);
            drop(Quiet::new(called)); // a user's code, which may need thread-locals, so not as late as the rest of this
        } else {
            progress.called = called;
            self.changed.notify_one();
        }
    }

    /// Waits until `look` finds something. `None`: it takes longer than `limit`.
    #[inline]
    fn wait<T>(&self, start: Instant, limit: Duration, look: impl Fn(&mut Progress) -> Option<T>) -> Option<T> {
        let mut progress = self.lock();
        loop {
            if let Some(found) = look(&mut progress) {
                return Some(found);
            }
            let Some(left) = limit.checked_sub(start.elapsed()) else {
                progress.is_given_up = true;
                return None;
            };
            progress = self.changed.wait_timeout(progress, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The result of a call, for the caller.
#[inline]
pub(crate) fn result(called: Called, label: &Label) -> Result<(), Failure> {
    let error = match called {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error,
        // This ends the handler that we are in, and is not a failure.
        Err(payload) if runner::is_exit_request(&*payload) => resume_unwind(payload),
        Err(payload) => HandlerError::panicked(payload),
    };
    Err(Failure::new(label, error))
}
