//! Owns the guard, a handler that a scope runs early; must not know how a run works.

use std::panic::{Location, resume_unwind};

use crate::config;
use crate::early::{self, Called, Early};
use crate::handler::PendingHandler;
use crate::handler::error::drop_quietly;
use crate::handler::executor::Executor;
use crate::handler::outcome::Outcome;
use crate::registration::{Handler, Registration};
use crate::report::Failure;

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
        early::result(self.call(handler), || label.info())
    }

    fn call(&self, handler: PendingHandler) -> Called {
        let time_limit = handler.time_limit();
        let code = |executor: &Executor| handler.into_callback().call(executor);
        Early { code, time_limit, is_async: self.is_async }.call()
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

impl Handler {
    /// Registers it and makes a guard of it, which runs it when the guard is dropped, or else at exit.
    ///
    /// It runs in this process only, as with [`this_process`](Self::this_process). See [`guard()`].
    ///
    /// Where the guard runs it, that is on the thread that drops the guard, and a time limit is reported when the function is over: it cannot
    /// be abandoned there. An async one runs on a thread of its own, for which the dropping thread waits until the limit is over, since that may be
    /// one of a runtime's, which drives no second future; inside a handler that is not async it runs on the thread of that. It is no handler then: [`cause`](crate::cause) and [`remaining`](crate::remaining) are `None`, and
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
