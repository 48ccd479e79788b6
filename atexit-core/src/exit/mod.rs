//! Owns the functions with which a program runs its handlers or exits; must not know what C calls, or how handlers are run.

mod alone;
mod fork;
pub(crate) mod hook;
#[cfg(feature = "signals")]
pub mod signals;
mod way_out;

use crate::registry;
use crate::report::{Cause, Report, RunResults};
use crate::runner;
use crate::sys;

/// Runs all pending handlers now, and reports what happened to them.
///
/// They do not run again at exit. Only a program should call this, never a library: other crates may still need what their handlers tear
/// down.
///
/// Inside a handler, it runs the remaining handlers right there. Elsewhere, it first waits for a run of another thread to end. Handlers that
/// other threads register meanwhile stay pending. Failures are printed to standard error and are in the [`Report`]; they do not change the
/// later exit status. If a handler calls [`exit`], the run is completed, and then the process ends with that code, even if it is 0 and a handler of
/// the run has failed.
///
/// # Examples
///
/// ```
/// atexit_core::register(|| println!("flushed"));
/// assert_eq!(atexit_core::run().ran(), 1);
/// assert_eq!(atexit_core::run().ran(), 0);
/// ```
#[inline]
pub fn run() -> Report {
    let mut results = RunResults::default();
    match runner::run_or_park(Cause::Run, &mut results).exit {
        Some(code) => exit(code),
        None => Report::new(results),
    }
}

/// Runs all pending handlers and ends the process with status `code`, on every platform.
///
/// Only a program should call this, never a library.
///
/// On Unix, a parent sees the low eight bits of the status. If a handler fails and `code` is 0, the process ends with the status of the failure.
///
/// Inside a handler, it ends that handler by unwinding, and prints nothing. The other handlers run, and then the process ends with `code`,
/// whatever its status was going to be. The last such call wins; a failure at exit still wins over 0. This also works with `panic = "abort"`,
/// where nothing unwinds. [`std::process::exit`] cannot do this: on Linux, inside a handler, it aborts (`caller_thread`) or blocks until that counts
/// as a failure; elsewhere, and if the process does not exit by std, it does what C's `exit` does.
///
/// A [`catch_unwind`](std::panic::catch_unwind) in the handler stops the unwinding, but the code still counts. With `panic = "abort"`, locks
/// that the handler holds stay locked. On a thread that a handler has started, and while another thread is already ending the process, this
/// waits for the end, and the code is lost. After a caught signal, the process ends without C's exit functions, unless the program has asked
/// for them.
///
/// # Examples
///
/// ```no_run
/// # let failed = true;
/// if failed {
///     atexit_core::exit(3);
/// }
/// ```
#[doc(alias = "shutdown")]
#[inline]
pub fn exit(code: i32) -> ! {
    if runner::is_inside() {
        runner::exit_handler(code);
    }
    registry::values::leave_initializations();
    let is_in_exit = runner::is_exiting() || sys::is_in_exit();
    let asked = runner::run_or_park(Cause::Exit { status: Some(code) }, &mut RunResults::default());
    let status = hook::obey_signal(asked).applied_to(Some(code)).unwrap_or(code);
    way_out::leave(status, is_in_exit)
}

/// Makes the handlers run before all C exit functions that are registered so far.
///
/// C's exit functions run last in, first out, and the hook that runs the handlers is installed before `main`. So a C library that is set up in
/// `main` and cleans up with `atexit` does so before the handlers, which may still need it. After `arm()`, it cleans up after them. Each call
/// adds an entry to C's list for the life of the process.
///
/// # Examples
///
/// ```
/// atexit_core::arm();
/// ```
pub fn arm() {
    hook::install();
}
