//! Owns the guard: a handler that the end of a scope runs early; must not know how a run works.

use std::panic::{Location, resume_unwind};

use crate::config;
use crate::early::{self, Called, Early};
use crate::handler::PendingHandler;
use crate::handler::error::drop_quietly;
use crate::handler::outcome::Outcome;
use crate::registration::{Handler, Registration};
use crate::report::Failure;

/// Runs a function once: when the guard is dropped or [finished](Self::finish), or at exit.
///
/// Make one with [`guard()`], or with [`Handler::guard`] to set options.
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
#[doc(alias = "defer")]
#[derive(Debug)]
#[must_use = "a guard that is not kept runs its function at once"]
pub struct ExitGuard {
    registration: Registration,
    is_async: bool,
}

/// Runs `f` once: when the guard is dropped, or at exit if that comes first.
///
/// A destructor alone is not enough: [`std::process::exit`] and signals skip it. A forked child does not run `f`. When the
/// guard is dropped, `f` runs on the dropping thread; if it returns an `Err`, this is printed to standard error, but the exit status stays:
/// [`finish`](ExitGuard::finish) returns the failure instead. If a run has already started `f`, dropping the guard does not wait for it.
///
/// Bind the guard to a name: `let _ = guard(f)` runs `f` at once.
///
/// # Panics
///
/// Dropping the guard panics if `f` does. If the thread is already unwinding, the panic hook shows the second panic and the first one
/// continues.
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
#[doc(alias = "cleanup")]
#[doc(alias = "defer")]
#[doc(alias = "destructor")]
#[doc(alias = "finalizer")]
#[doc(alias = "scopeguard")]
#[track_caller]
pub fn guard<F, T>(f: F) -> ExitGuard
where
    F: FnOnce() -> T + Send + 'static,
    T: Outcome,
{
    Handler::at(f, Location::caller()).guard()
}

impl ExitGuard {
    /// Cancels the function: `true` if it was pending and will not run.
    ///
    /// Its captures are dropped.
    ///
    /// # Panics
    ///
    /// If dropping the captures panics.
    ///
    /// # Examples
    ///
    /// ```
    /// let guard = atexit_core::guard(|| println!("rolled back"));
    /// // …
    /// assert!(guard.cancel()); // committed
    /// ```
    #[inline]
    pub fn cancel(self) -> bool {
        self.registration.unregister()
        // `self` is dropped here, and finds nothing to run.
    }

    /// Runs the function now, on this thread, if it is pending, and returns its failure.
    ///
    /// An async function runs on a thread of its own: see [`Handler::guard`]. A failure is not printed to standard error, although the panic
    /// hook still shows a panic.
    ///
    /// # Errors
    ///
    /// If the function fails, panics, or exceeds its time limit. It is `Ok` if the function was not pending: either a run has started it and
    /// reports it, or [`clear`](crate::clear) has removed it.
    ///
    /// # Examples
    ///
    /// ```
    /// let guard = atexit_core::guard(|| std::fs::remove_file("/proc/none"));
    /// let failure = guard.finish().expect_err("there is no such file");
    /// assert_eq!(failure.kind(), atexit_core::FailureKind::Error);
    /// ```
    #[inline]
    pub fn finish(self) -> Result<(), Failure> {
        let Some(handler) = self.take() else { return Ok(()) };
        let label = handler.label();
        early::result(self.call(handler), &label)
    }

    #[inline]
    fn call(&self, handler: PendingHandler) -> Called {
        Early { time_limit: handler.time_limit(), code: handler.into_callback(), is_async: self.is_async }.call()
    }

    /// Takes the function, if it is pending and may run in this process.
    #[inline]
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
    #[inline]
    fn drop(&mut self) {
        let Some(handler) = self.take() else { return };
        let label = handler.label();
        match self.call(handler) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let failure = Failure::new(&label, error);
                config::log(None).failed_outside(&failure, label.has_name());
            }
            Err(payload) if std::thread::panicking() => drop_quietly(payload),
            Err(payload) => resume_unwind(payload),
        }
    }
}

impl Handler {
    /// Registers it, and returns a guard that runs it when dropped, or at exit if that comes first.
    ///
    /// It runs in this process only, as with [`this_process`](Self::this_process). See [`guard()`].
    ///
    /// The guard runs it on the thread that drops the guard. It cannot be abandoned there: if it exceeds its time limit, that is reported once
    /// it returns. An async function runs on a thread of its own, because the dropping thread may belong to a runtime, which cannot drive a
    /// second future; the dropping thread waits for it up to the time limit. Inside a handler that is not async, it stays on that handler's
    /// thread.
    ///
    /// Unless the guard is dropped inside a handler, its function does not count as one: [`cause`](crate::cause) and
    /// [`remaining`](crate::remaining) are `None`, and [`exit`](crate::exit) ends the process. If it fails, standard error
    /// names it if it has a name; otherwise the error is shown as `main` shows one.
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
    #[doc(alias = "defer")]
    #[doc(alias = "scopeguard")]
    #[inline]
    pub fn guard(self) -> ExitGuard {
        ExitGuard { is_async: self.is_async, registration: self.this_process().register() }
    }
}
