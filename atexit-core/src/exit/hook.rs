//! Owns what happens when C's `exit`, or the unloading of this library, reaches the hook, and when the hook is installed; must not know how
//! handlers are taken or run.

use std::sync::atomic::{AtomicBool, Ordering};

use super::fork::Forks;
use crate::registry;
use crate::report::{Cause, RunResults};
use crate::runner::{self, AskedStatus};
use crate::sys;

/// How many hooks are installed at a time. When C's `exit` calls a hook, the thread installs the next one. This many threads can be about to
/// do that at once before a further one finds no hook. glibc from 2.41 on lets only one thread into `exit`.
const HOOKS: usize = 8;

sys::before_main!(start);

fn start() {
    install_again();
    if sys::in_library() {
        registry::ask_for_hook(); // those above may run after the loader's own exit function
    }
    // An allocator may begin to watch forks at its first allocation, so this makes one: whoever begins later takes its locks first, and
    // releases them last.
    drop(std::hint::black_box(Box::new(0_u8)));
    sys::watch_forks::<Forks>();
}

/// Installs the full number of hooks.
pub(crate) fn install_again() {
    for _ in 0..HOOKS {
        install();
    }
}

/// Installs a hook that runs before all exit functions that are registered so far.
#[inline(never)] // one copy, to keep programs small
pub(super) fn install() {
    sys::install_hook::<Hook>();
}

/// Whether the handlers have run. `Relaxed`: it publishes nothing else, and a stale read only installs one hook too many.
pub(crate) static HOOK_DONE: AtomicBool = AtomicBool::new(false);

pub(crate) struct Hook;

impl sys::ExitHook for Hook {
    type Asked = AskedStatus;

    fn exiting(status: Option<i32>) -> Option<AskedStatus> {
        install_next();
        let asked = runner::run_in_exit(status);
        HOOK_DONE.store(true, Ordering::Relaxed);
        let asked = obey_signal(asked);
        if asked.is_nothing() { None } else { Some(asked) }
    }

    fn status(asked: AskedStatus, pending: Option<i32>) -> Option<i32> {
        let status = asked.applied_to(pending);
        if status == pending { None } else { status }
    }

    fn unloading() {
        install_next();
        let asked = runner::run_or_park(Cause::Unload, &mut RunResults::default());
        registry::free();
        runner::free();
        HOOK_DONE.store(true, Ordering::Relaxed);
        if let Some(code) = asked.exit {
            sys::exit(code);
        }
    }

    fn go_on_alone() -> bool {
        sys::MAY_BE_ALONE && super::alone::go_on() // no code for it on other systems
    }
}

/// Installs the next hook, before anything else: if a handler or another thread calls C's `exit`, it comes here again and does not skip the
/// handlers that are left. Until the handlers have run, this happens even before any lock is taken, because threads that wait for each other
/// here have used up their hooks. It installs only one: glibc 2.36 frees a block of its list twice if several threads exit at once while the
/// list is longer than its first block of 32 entries.
#[inline(never)] // one copy, to keep programs small
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

/// If a signal has arrived meanwhile, dies by it or asks for its status, so that the sender sees an effect. `exit` inside a handler takes
/// precedence. The decision stands, even if the hook is called again.
pub(super) fn obey_signal(asked: AskedStatus) -> AskedStatus {
    #[cfg(feature = "signals")]
    if let (Some(signal), None) = (super::signals::take_arrived(), asked.exit) {
        return AskedStatus { exit: Some(super::signals::die_or_status(signal)), ..asked };
    }
    asked
}
