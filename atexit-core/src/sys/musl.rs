//! Owns how a process ends with musl; must not know what a handler is.
//!
//! # The problem
//!
//! musl does not tell an exit function the status. From 1.2.6 on, it traps an exit function that calls `exit` again with another status. And once
//! musl has called all exit functions, a new one is lost, or the thread that installs it waits forever, because the lock of their list stays
//! taken.
//!
//! # What we do
//!
//! After the exit functions, musl calls those in `.fini_array`, from the last to the first. Ours is the first, because linkers sort them by the
//! number in the name of their section. So it comes after all others. It runs the handlers that were registered since the hook was called, and
//! ends the process with the status that was asked for. In a process with shared libraries it is only the first of its own object: if there is
//! a status to end with, the functions in the `.fini_array` of other objects that musl would call later are skipped.
//!
//! Before 1.2.6, several threads may be in `exit` at once, and one that finds the list empty keeps its lock: a thread that comes back to the list
//! then waits forever. So only a thread that got to the hook through the list, and is still in the hook, adds to the list. A thread that meets
//! others in the hook ends the process at once if there is a status to end with. And no thread waits here for those that are still in the hook:
//! then what a function in `.fini_array` has registered is lost.

use std::cell::Cell;
use std::ffi::c_int;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};

use super::Linux;
use crate::sys::ExitHook;
use crate::sys::iso_c::flush_and_exit;
use crate::sys::posix::{self, STATUS_MASK, Unix as _};

// `Relaxed`: none of these publishes anything else.
static HAS_EXIT_BEGUN: AtomicBool = AtomicBool::new(false);
static THREADS_IN_HOOK: AtomicUsize = AtomicUsize::new(0);
static STATUS: AtomicI32 = AtomicI32::new(NO_STATUS);

/// A value that no parent sees.
const NO_STATUS: c_int = -1;

thread_local! {
    // Without a destructor, so that it still works when other thread-locals are gone.
    /// A flag will do: if C's `exit` is called inside the hook, only the inner hook returns, and the outer one never does.
    static IS_IN_HOOK: Cell<bool> = const { Cell::new(false) };
}

/// Calls the hook once more.
static HOOK: OnceLock<fn()> = OnceLock::new();

#[used]
// SAFETY: the section contains functions, which musl calls without arguments.
#[unsafe(link_section = ".fini_array.00000")]
static LAST: extern "C" fn() = last;

extern "C" fn last() {
    if let (Some(hook), 0) = (HOOK.get(), THREADS_IN_HOOK.load(Ordering::Relaxed)) {
        hook();
    }
    let status = STATUS.load(Ordering::Relaxed);
    if status != NO_STATUS {
        flush_and_exit(status);
    }
}

/// During an exit, installs a hook only while this thread is inside one: then exit functions are still being called.
pub(crate) fn install_hook<H: ExitHook>() {
    HOOK.get_or_init(|| || posix::exiting::<H, Linux>(Linux::status(0)));
    if !HAS_EXIT_BEGUN.load(Ordering::Relaxed) || IS_IN_HOOK.get() {
        posix::install_hook::<H, Linux>();
    }
}

pub(super) fn hook_begins() {
    HAS_EXIT_BEGUN.store(true, Ordering::Relaxed);
    if !IS_IN_HOOK.replace(true) {
        THREADS_IN_HOOK.fetch_add(1, Ordering::Relaxed);
    }
}

pub(super) fn hook_ends() {
    if IS_IN_HOOK.replace(false) {
        THREADS_IN_HOOK.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Called inside the hook.
pub(super) fn end_with(status: c_int) {
    if THREADS_IN_HOOK.load(Ordering::Relaxed) > 1 {
        flush_and_exit(status);
    }
    STATUS.store(status & STATUS_MASK, Ordering::Relaxed);
}
