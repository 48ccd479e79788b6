//! Owns the ways out of a process: what happens when C's `exit` reaches the hook, and the calls by which a program leaves; must
//! not know how handlers are taken or run.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::platform::Leaving;
use crate::report::Report;
use crate::runner::{self, Cause};
use crate::status::Wishes;
use crate::sync::process;
use crate::{account, exit_thread, platform, registry, turn};

/// Whether the hook has run what there was. Nothing else is published with it; who reads it too late plants a hook too many.
pub(crate) static THROUGH: AtomicBool = AtomicBool::new(false);

/// C calls the hook: the process exits, and was about to end with `status`, if that is known; or `dlclose` unloads the library.
pub(crate) fn at_exit(way: Leaving, status: Option<i32>) {
    // Planted again before anything runs: a handler that calls C's `exit`, or another thread that does, comes here again
    // instead of going past the handlers that are left. At first also before anything is asked, for that takes locks: while threads
    // that have been given a hook by C wait for each other, one more thread would find none. One, and no more: glibc 2.36 frees a block of
    // its list twice if threads exit at once while the list is longer than its first block, of 32 entries.
    let through = THROUGH.load(Ordering::Relaxed);
    if !through {
        platform::plant();
    }
    let needed = registry::used_up_hook() || (turn::is_running() && !turn::is_seated());
    if through && needed {
        platform::plant();
    }
    run_at_exit(way, status);
}

fn run_at_exit(way: Leaving, status: Option<i32>) {
    if way == Leaving::Library {
        let (_, wishes) = runner::run(Cause::Unload);
        registry::free();
        THROUGH.store(true, Ordering::Relaxed);
        if let Some(code) = wishes.exit {
            platform::exit(code);
        }
        return;
    }
    let wishes = turn::is_seated().then(runner::finish_inside_handler).flatten();
    let wishes = wishes.unwrap_or_else(|| runner::run(Cause::Exit { status }).1);
    THROUGH.store(true, Ordering::Relaxed);
    die_by_signal(&wishes);
    if let Some(wished) = wishes.over(status).filter(|&wished| Some(wished) != status) {
        platform::exit_again(wished);
    }
}

/// Dies by the signal that has arrived meanwhile, if one has: whoever sent it is to see that. `exit` inside a handler beats it.
fn die_by_signal(wishes: &Wishes) {
    #[cfg(all(unix, feature = "signals"))]
    if wishes.exit.is_none() {
        crate::signals::die_if_arrived();
    }
    #[cfg(not(all(unix, feature = "signals")))]
    let _ = wishes;
}

/// Ends a child that a handler has forked on the exit thread, once it has run what was left.
pub(crate) fn end_alone() -> ! {
    let status = account::terms().and_then(|terms| terms.cause.status());
    let wishes = runner::finish_alone();
    platform::exit_again(wishes.over(status).unwrap_or_default())
}

/// Ends the process when the deadline strikes while the exiting thread is inside a handler.
pub(crate) fn strike() -> ! {
    let terms = turn::claim_end().then(account::terms).flatten();
    let Some(terms) = terms else {
        exit_thread::park(); // the run was over first
    };
    registry::unseat();
    let (_, wishes) = runner::end_account(true, runner::strike(&terms));
    platform::exit_at_once(wishes.over(terms.cause.status()).unwrap_or_default())
}

/// Runs all pending handlers now, and says what became of them. At the exit of the process nothing is left to do.
///
/// Inside a handler it runs the rest right there. From anywhere else it waits while another thread runs handlers. Handlers that
/// other threads register meanwhile stay pending. What fails is on standard error and in the [`Report`], and leaves the later exit status
/// alone. When a handler calls [`exit`], the run is finished, and then the process ends.
///
/// ```
/// atexit_core::register(|| println!("flushed"));
/// assert_eq!(atexit_core::run().ran(), 1);
/// assert_eq!(atexit_core::run().ran(), 0);
/// ```
pub fn run() -> Report {
    let (report, wishes) = runner::run(Cause::Run);
    match wishes.exit {
        Some(code) => exit(code),
        None => report,
    }
}

/// Runs all pending handlers and ends the process with status `code`, on every platform.
///
/// On Unix a parent sees the low eight bits. If a handler fails and `code` is 0, the process ends with the status of the failure.
///
/// Inside a handler it ends that handler, without a word, by unwinding; the other handlers run, and then the process ends
/// with `code`, whatever its status was going to be. The last such call wins; a failure still wins over 0. This works with
/// `panic = "abort"` too: nothing is unwound then. [`std::process::exit`] cannot do this: inside a handler it aborts or blocks for ever.
///
/// A [`catch_unwind`](std::panic::catch_unwind) in the handler ends the unwinding, but the code stands. With `panic = "abort"` locks that
/// the handler holds stay locked. In a thread that a handler has started, and when another thread is taking the process down already, this
/// waits for the end, and the code is lost. After a caught signal the process ends without the exit functions of C.
///
/// ```no_run
/// # let failed = true;
/// if failed {
///     atexit_core::exit(3);
/// }
/// ```
pub fn exit(code: i32) -> ! {
    if turn::is_seated() {
        runner::exit_handler(code);
    }
    let on_the_way_out = turn::is_exiting();
    let (_, wishes) = runner::run(Cause::Exit { status: Some(code) });
    let status = wishes.over(Some(code)).unwrap_or(code);
    die_by_signal(&wishes);
    turn::leave(status);
    if on_the_way_out {
        platform::exit(status); // std's own `exit` aborts a thread that enters it twice
    }
    process::exit(status)
}

/// Puts the hook in front of the C exit functions that were registered so far.
///
/// C's exit functions run last-in first-out, and the hook is planted before `main`. A C library that was set up in `main` and
/// cleans up by `atexit` does so before the handlers; after `arm()` it does so after them. Each call adds an entry to C's list, for
/// the life of the process.
///
/// ```
/// atexit_core::arm();
/// ```
pub fn arm() {
    platform::arm();
}
