//! Owns the calls by which a program runs its handlers, or leaves; must not know what C calls, nor how handlers are run.

mod alone;
mod fork;
pub(crate) mod hook;
#[cfg(feature = "signals")]
pub mod signals;
mod way_out;

use crate::registry;
use crate::report::{Cause, Report};
use crate::runner;
use crate::sys;

/// Runs all pending handlers now, and says what became of them.
///
/// At the exit of the process nothing is left to do. It is the program's to call, not a library's: other crates may still need what their
/// handlers tear down.
///
/// Inside a handler it runs the rest right there. From anywhere else it waits while another thread runs handlers. Handlers that
/// other threads register meanwhile stay pending. What fails is on standard error and in the [`Report`], and leaves the later exit status
/// alone. When a handler calls [`exit`], the run is finished, and then the process ends.
///
/// # Examples
///
/// ```
/// atexit_core::register(|| println!("flushed"));
/// assert_eq!(atexit_core::run().ran(), 1);
/// assert_eq!(atexit_core::run().ran(), 0);
/// ```
pub fn run() -> Report {
    let (report, asked) = runner::run_or_park(Cause::Run);
    match asked.exit {
        Some(code) => exit(code),
        None => report,
    }
}

/// Runs all pending handlers and ends the process with status `code`, on every platform.
///
/// It is the program's to call, not a library's.
///
/// On Unix a parent sees the low eight bits. If a handler fails and `code` is 0, the process ends with the status of the failure.
///
/// Inside a handler it ends that handler, without a word, by unwinding; the other handlers run, and then the process ends
/// with `code`, whatever its status was going to be. The last such call wins; a failure still wins over 0. This works with
/// `panic = "abort"` too: nothing is unwound then. [`std::process::exit`] cannot do this: on Linux, inside a handler, it aborts
/// (`caller_thread`) or blocks until that counts as a failure; elsewhere, and where the process does not exit by std, it does what C's `exit`
/// does.
///
/// A [`catch_unwind`](std::panic::catch_unwind) in the handler ends the unwinding, but the code stands. With `panic = "abort"` locks that
/// the handler holds stay locked. In a thread that a handler has started, and when another thread is taking the process down already, this
/// waits for the end, and the code is lost. After a caught signal the process ends without the exit functions of C, unless the program has
/// asked for them.
///
/// # Examples
///
/// ```no_run
/// # let failed = true;
/// if failed {
///     atexit_core::exit(3);
/// }
/// ```
pub fn exit(code: i32) -> ! {
    if runner::is_inside() {
        runner::exit_handler(code);
    }
    registry::values::leave_initializations();
    let is_in_exit = runner::is_exiting() || sys::is_in_exit();
    let (_, asked) = runner::run_or_park(Cause::Exit { status: Some(code) });
    let status = hook::obey_signal(asked).applied_to(Some(code)).unwrap_or(code);
    way_out::leave(status, is_in_exit)
}

/// Has the handlers run before the C exit functions that were registered so far.
///
/// C's exit functions run last-in first-out, and the hook that runs the handlers is planted before `main`. So a C library that was set up in
/// `main`, and cleans up by `atexit`, does so before the handlers, which may still need it. After `arm()` it does so after them. Each call adds
/// an entry to C's list, for the life of the process.
///
/// # Examples
///
/// ```
/// atexit_core::arm();
/// ```
pub fn arm() {
    hook::install();
}
