//! Owns the guard, a handler that a scope runs early; must not know how a run works.

use std::any::Any;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use crate::config::{self, Config};
use crate::handler::PendingHandler;
use crate::handler::error::{HandlerError, drop_quietly};
use crate::handler::executor::{self, Executor};
use crate::handler::outcome::Outcome;
use crate::registration::{Handler, Registration};
use crate::report::Failure;
use crate::runner;
use crate::sys;

/// Runs a function once: when the guard is dropped or [finished](Self::finish), or at exit.
///
/// Made by [`guard()`], and with options by [`Handler::guard`].
///
/// # Examples
///
/// ```
/// use atexit_core::{ExitGuard, guard};
///
/// struct Terminal {
///     restored: ExitGuard,
/// }
///
/// let terminal = Terminal { restored: guard(|| println!("as it was")) };
/// drop(terminal); // or `std::process::exit`: it is as it was
/// ```
#[derive(Debug)]
#[must_use = "a guard that is not kept runs its function at once"]
pub struct ExitGuard {
    registration: Registration,
    is_async: bool,
}

/// Runs `f` once: when the guard is dropped, or when the process exits first.
///
/// A destructor alone is not enough: [`std::process::exit`] and a signal skip it. A forked child does not run `f`. When the
/// guard is dropped, `f` runs on the dropping thread, and an `Err` that it returns is shown on standard error, but changes no exit status:
/// [`finish`](ExitGuard::finish) says what went wrong. While a run has started `f` already, dropping the guard does not wait for it.
///
/// Bind the guard to a name: `let _ = guard(f)` runs `f` at once.
///
/// # Panics
///
/// Dropping the guard panics if `f` does; when the thread is unwinding already, the panic hook has shown the second panic and
/// the first goes on.
///
/// # Examples
///
/// ```
/// let lock = std::env::temp_dir().join("guard-example.lock");
/// std::fs::write(&lock, "")?;
/// let path = lock.clone();
/// let guard = atexit_core::guard(move || std::fs::remove_file(path));
/// assert!(lock.exists());
/// drop(guard);
/// assert!(!lock.exists());
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn guard<F, T>(f: F) -> ExitGuard
where
    F: FnOnce() -> T + Send + 'static,
    T: Outcome,
{
    Handler::at(f, Location::caller()).guard()
}

impl ExitGuard {
    /// Forgets the function, which will not run: `true` if it was pending.
    ///
    /// What it captured is dropped.
    ///
    /// # Panics
    ///
    /// If dropping the captures does.
    ///
    /// # Examples
    ///
    /// ```
    /// let guard = atexit_core::guard(|| println!("rolled back"));
    /// // …
    /// assert!(guard.cancel()); // committed
    /// ```
    pub fn cancel(self) -> bool {
        self.registration.unregister()
        // What is dropped now finds nothing to run.
    }

    /// Runs the function now, on this thread, if it is pending, and says what went wrong.
    ///
    /// An async one runs on a thread of its own: see [`Handler::guard`]. None of what went wrong is printed to standard error, except what the
    /// panic hook shows of a panic.
    ///
    /// # Errors
    ///
    /// If the function fails, panics, or exceeds its time limit. `Ok` if it was not pending: a run has started it, and reports it, or it
    /// was taken back by [`clear`](crate::clear).
    ///
    /// # Examples
    ///
    /// ```
    /// let guard = atexit_core::guard(|| std::fs::remove_file("/proc/none"));
    /// let failure = guard.finish().expect_err("there is no such file");
    /// assert_eq!(failure.kind(), atexit_core::FailureKind::Error);
    /// ```
    pub fn finish(self) -> Result<(), Failure> {
        let Some(handler) = self.take() else { return Ok(()) };
        let label = handler.label();
        let result = self.call(handler).unwrap_or_else(|payload| {
            if runner::is_exit(&*payload) {
                resume_unwind(payload); // it ends the handler around this, and is no failure
            }
            Err(HandlerError::panicked(payload))
        });
        result.map_err(|error| Failure { handler: label.info(), error })
    }

    /// Runs the function. A future is driven on another thread, for this one may be driving futures already: of the program's own nobody knows.
    /// Inside a handler that is not async it stays here, as [`exit`](crate::exit) ends the handler only on the thread that runs it.
    fn call(&self, handler: PendingHandler) -> Called {
        let executor = Config::current().executor;
        let may_be_driving = executor::drives() || !runner::is_inside();
        if self.is_async && may_be_driving && sys::can_start_threads() {
            call_elsewhere(handler, &executor)
        } else {
            call(handler, &executor)
        }
    }

    /// The function, if it is pending and this process is to run it.
    fn take(&self) -> Option<PendingHandler> {
        let handler = self.registration.take()?;
        if handler.facts().are_of_another_process() {
            std::mem::forget(handler);
            return None;
        }
        Some(handler)
    }
}

impl Drop for ExitGuard {
    fn drop(&mut self) {
        let Some(handler) = self.take() else { return };
        let label = handler.label();
        match self.call(handler) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let failure = Failure { handler: label.info(), error };
                config::log(None).failed_outside(&failure, label.has_name());
            }
            Err(payload) if std::thread::panicking() => drop_quietly(payload),
            Err(payload) => resume_unwind(payload),
        }
    }
}

/// What a function that a guard calls returns, or what it panics with.
type Called = Result<Result<(), HandlerError>, Box<dyn Any + Send>>;

fn call(handler: PendingHandler, executor: &Executor) -> Called {
    let limit = handler.time_limit();
    let start = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| handler.into_callback().call(executor)))?;
    let exceeded = limit.filter(|&limit| result.is_ok() && start.elapsed() > limit);
    Ok(exceeded.map_or(result, |limit| Err(HandlerError::timed_out(limit))))
}

/// Calls it on a thread of its own, if one can be had.
fn call_elsewhere(handler: PendingHandler, executor: &Executor) -> Called {
    let place = Mutex::new(Some(handler));
    let taken = || place.lock().unwrap_or_else(PoisonError::into_inner).take();
    let called = thread::scope(|scope| {
        let body = || taken().map(|handler| call(handler, executor));
        let thread = thread::Builder::new().name("at_exit".to_owned()).spawn_scoped(scope, body);
        thread.map_or(Ok(None), thread::ScopedJoinHandle::join)
    })?;
    called.or_else(|| taken().map(|handler| call(handler, executor))).unwrap_or(Ok(Ok(())))
}

impl Handler {
    /// Registers it and makes a guard of it, which runs it when the guard is dropped, or else at exit.
    ///
    /// It runs in this process only, as with [`this_process`](Self::this_process). See [`guard()`].
    ///
    /// Where the guard runs it, that is on the thread that drops the guard, and a time limit is reported when the function is over: it cannot
    /// be abandoned there. An async one runs on a thread of its own, for which the dropping thread waits, since that may be one of a runtime's,
    /// which drives no second future; inside a handler that is not async it runs on the thread of that. It is no handler then: [`cause`](crate::cause) and [`remaining`](crate::remaining) are `None`, and
    /// [`exit`](crate::exit) ends the process. What fails is named on standard error if it has a name, and else shown as `main` shows an error.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use atexit_core::Handler;
    ///
    /// let guard = Handler::new(|| println!("closed")).name("close the shop").time_limit(Duration::from_secs(5)).guard();
    /// assert!(guard.finish().is_ok());
    /// ```
    pub fn guard(self) -> ExitGuard {
        ExitGuard { is_async: self.is_async, registration: self.this_process().register() }
    }
}
