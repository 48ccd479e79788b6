//! Owns the guard, a handler that a scope runs early; must not know how a run works.

use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};

use crate::handler::outcome::{Outcome, drop_quietly};
use crate::log::Log;
use crate::registration::{Handler, Registration};

/// Runs a function once: when the guard is dropped, or at exit, whichever is first. Made by [`guard`].
#[derive(Debug)]
#[must_use = "a guard that is not kept runs its function at once"]
pub struct ExitGuard {
    registration: Registration,
}

/// Runs `f` once: when the guard is dropped, or when the process exits first.
///
/// A destructor alone is not enough: [`std::process::exit`] and a signal skip it. A forked child does not run `f`. When the
/// guard is dropped, `f` runs on the dropping thread, and an `Err` that it returns is shown on standard error, but changes no exit status;
/// while a run
/// has started `f` already, dropping the guard does not wait for it.
///
/// Bind the guard to a name: `let _ = guard(f)` runs `f` at once.
///
/// # Panics
///
/// Dropping the guard panics if `f` does; when the thread is unwinding already, the panic hook has shown the second panic and
/// the first goes on.
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
    let registration = Handler::at(f, Location::caller()).this_process().register();
    ExitGuard { registration }
}

impl ExitGuard {
    /// Forgets the function: it will not run. What it captured is dropped.
    ///
    /// # Panics
    ///
    /// If dropping the captures does.
    pub fn cancel(self) {
        self.registration.unregister();
        // What is dropped now finds nothing to run.
    }
}

impl Drop for ExitGuard {
    fn drop(&mut self) {
        let Some(handler) = self.registration.take() else { return };
        if handler.facts().are_of_another_process() {
            std::mem::forget(handler);
            return;
        }
        let callback = handler.into_callback();
        match catch_unwind(AssertUnwindSafe(|| callback.call())) {
            Ok(None) => {}
            Ok(Some(fault)) => Log::from_environment(None).error(&fault),
            Err(payload) if std::thread::panicking() => drop_quietly(payload),
            Err(payload) => resume_unwind(payload),
        }
    }
}
