//! Owns how a process ends with musl; must not know what a handler is.
//!
//! # The problem
//!
//! musl tells an exit function no status. From 1.2.6 on it traps an exit function that calls `exit` again to give another one. And once
//! musl is through with the exit functions, a new one is lost, or whoever installs it waits forever, as the lock of their list stays taken.
//!
//! # What we do
//!
//! After the exit functions musl calls those of `.fini_array`, from the last to the first. Ours is the first: linkers sort them by the
//! number in the name of their section. It runs the handlers that were registered since the hook was called, and ends the process with the
//! status that was asked for, when all else has had its turn. In a process with shared libraries it is the first of its own object only:
//! where there is a status to end with, what the others have in their `.fini_array`, and musl calls later, is skipped.
//!
//! Before 1.2.6 several threads may be in `exit` at once, and one that finds the list empty keeps its lock: who comes back to the list then
//! waits forever. So only a thread that the list has brought to the hook, and that is still there, adds to the list; one that meets others in
//! the hook ends the process at once where there is a status to end with; and none waits here for those that are still in the hook: then what
//! a function of `.fini_array` has registered is lost.

use std::cell::Cell;
use std::ffi::c_int;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};

use super::Linux;
use crate::sys::ExitHook;
use crate::sys::iso_c::flush_and_exit;
use crate::sys::posix::{self, STATUS_MASK, Unix as _};

// Nothing else is published with any of these.
static HAS_EXIT_BEGUN: AtomicBool = AtomicBool::new(false);
static THREADS_IN_HOOK: AtomicUsize = AtomicUsize::new(0);
static STATUS: AtomicI32 = AtomicI32::new(NO_STATUS);

/// None that a parent sees.
const NO_STATUS: c_int = -1;

thread_local! {
    // Without a destructor, so that it still serves when the others are gone.
    /// Where C's `exit` is called inside the hook, the first hook to return is the last: the others never do.
    static IS_IN_HOOK: Cell<bool> = const { Cell::new(false) };
}

/// Calls the hook once more.
static HOOK: OnceLock<fn()> = OnceLock::new();

#[used]
// SAFETY: the section holds functions, which musl calls without arguments.
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

/// In an exit, only while this thread is inside the hook: then the exit functions are not over.
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

/// From inside the hook.
pub(super) fn end_with(status: c_int) {
    if THREADS_IN_HOOK.load(Ordering::Relaxed) > 1 {
        flush_and_exit(status);
    }
    STATUS.store(status & STATUS_MASK, Ordering::Relaxed);
}
