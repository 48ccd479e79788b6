//! Owns what happens when C's `exit`, or the unloading of this library, reaches the hook, and when it is installed; must not know how
//! handlers are taken or run.

use std::sync::atomic::{AtomicBool, Ordering};

use super::fork::Forks;
use crate::registry;
use crate::report::Cause;
use crate::runner::{self, AskedStatus};
use crate::sys;

/// How many hooks are installed at a time. A thread that C's `exit` calls a hook on installs the next one: so many threads can be about
/// to do that at a time without yet another one finding no hook. glibc from 2.41 on lets only one thread into `exit`.
const HOOKS: usize = 8;

sys::before_main!(start);

fn start() {
    install_again();
    if sys::in_library() {
        registry::ask_for_hook(); // these may stand behind the loader's own exit function
    }
    // An allocator may watch forks itself from its first allocation on: who begins later takes its locks first, and gives them back last.
    drop(std::hint::black_box(Box::new(0_u8)));
    sys::watch_forks::<Forks>();
}

/// Installs as many hooks as threads may meet there.
pub(crate) fn install_again() {
    (0..HOOKS).for_each(|_| install());
}

/// Puts a hook in front of all exit functions that were registered so far.
pub(super) fn install() {
    sys::install_hook::<Hook>();
}

/// The handlers have run. Nothing else is published with it: a stale read only installs a hook too many.
pub(crate) static HOOK_DONE: AtomicBool = AtomicBool::new(false);

pub(crate) struct Hook;

impl sys::ExitHook for Hook {
    type Asked = AskedStatus;

    fn exiting(status: Option<i32>) -> Option<AskedStatus> {
        install_next();
        let asked = runner::run_in_exit(status);
        HOOK_DONE.store(true, Ordering::Relaxed);
        let asked = obey_signal(asked);
        (asked != AskedStatus::default()).then_some(asked)
    }

    fn status(asked: AskedStatus, pending: Option<i32>) -> Option<i32> {
        asked.applied_to(pending).filter(|&status| Some(status) != pending)
    }

    fn unloading() {
        install_next();
        let (_, asked) = runner::run_or_park(Cause::Unload);
        registry::free();
        runner::free();
        HOOK_DONE.store(true, Ordering::Relaxed);
        if let Some(code) = asked.exit {
            sys::exit(code);
        }
    }

    fn go_on_alone() -> bool {
        super::alone::go_on()
    }
}

/// Installs the next hook, before all else: a handler that calls C's `exit`, or another thread that does, comes here again instead of
/// going past the handlers that are left. Until they have run, it comes even before any lock is taken: threads that wait for each
/// other here have used up their hooks. It is one, and no more: glibc 2.36 frees a block of its list twice if threads exit at
/// once while the list is longer than its first block, of 32 entries.
fn install_next() {
    let is_done = HOOK_DONE.load(Ordering::Relaxed);
    if !is_done {
        install();
    }
    let is_needed = registry::use_up_hook() || (!runner::is_idle() && !runner::is_inside());
    if is_done && is_needed {
        install();
    }
}

/// Dies by the signal that has arrived meanwhile, if one has, or leaves with its status: whoever sent it is to see that. `exit` inside a
/// handler beats it. What is decided here stays so, also where the hook is called again.
pub(super) fn obey_signal(asked: AskedStatus) -> AskedStatus {
    #[cfg(feature = "signals")]
    if let (Some(signal), None) = (super::signals::take_arrived(), asked.exit) {
        return AskedStatus { exit: Some(super::signals::die_or_status(signal)), ..asked };
    }
    asked
}
