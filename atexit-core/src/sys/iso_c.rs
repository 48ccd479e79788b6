//! Owns what every C library offers, and what can be said where a system offers no more; must not know which system it is on.

use std::ffi::{c_int, c_void};

unsafe extern "C" {
    #[link_name = "exit"]
    fn c_exit(status: c_int) -> !;
    fn fflush(stream: *mut c_void) -> c_int;
    fn _exit(status: c_int) -> !;
}

/// Not through std, whose own `exit` aborts the second time that a thread enters it.
pub(crate) fn exit(status: i32) -> ! {
    // SAFETY: ISO C: `exit` may be called from anywhere but an exit function; this crate calls it there, by `exit_again`, only where the
    // C library at hand allows it.
    unsafe { c_exit(status) }
}

#[cfg(all(unix, not(any(target_family = "wasm", miri))))]
pub(crate) fn address_of_exit() -> usize {
    c_exit as *const () as usize
}

/// Flushes C's buffers and ends the process, for C libraries that do not let an exit function call `exit`.
pub(crate) fn flush_and_exit(status: i32) -> ! {
    // SAFETY: ISO C: a null stream means all of them.
    unsafe { fflush(std::ptr::null_mut()) };
    exit_at_once(status)
}

pub(crate) fn exit_at_once(status: i32) -> ! {
    // SAFETY: POSIX: `_exit` may be called at any time. The C runtime of Windows has it, too.
    unsafe { _exit(status) }
}

/// What systems do that are no Unix, and Miri.
#[cfg(any(not(unix), target_family = "wasm", miri))]
pub(crate) mod without_posix {
    use std::ffi::c_int;
    use std::io::Write as _;

    use crate::sys::sync::Instant;
    use crate::sys::{ExitHook, ForkHooks, call_at_exit};

    /// A parent sees all of a status, unless what is interpreted is a Unix.
    pub(crate) const STATUS_MASK: i32 = if cfg!(unix) { 0xff } else { -1 };

    /// Nothing tells an exit function the status, or an exit from an unload. Miri knows no exit functions.
    pub(crate) fn install_hook<H: ExitHook>() {
        unsafe extern "C" {
            safe fn atexit(hook: extern "C" fn()) -> c_int;
        }
        extern "C" fn hook<H: ExitHook>() {
            call_at_exit::<H>(None);
        }
        if !cfg!(miri) {
            atexit(hook::<H>);
        }
    }

    pub(crate) fn in_library() -> bool {
        false
    }

    pub(crate) fn is_unloaded() -> bool {
        false
    }

    /// Nothing forks. That these would be called keeps the compiler from calling them dead code.
    pub(crate) fn watch_forks<F: ForkHooks>() {
        let _ = [F::before, F::in_parent, F::in_child];
    }

    /// Nothing tells.
    pub(crate) fn is_in_exit() -> bool {
        false
    }

    /// No file gives rights to whoever starts it.
    pub(crate) fn has_rights_of_another() -> bool {
        false
    }

    /// As far as std goes: its standard error has no buffer and swallows a missing handle.
    pub(crate) fn write_stderr(text: &str, _: Instant) -> bool {
        std::io::stderr().write_all(text.as_bytes()).is_ok()
    }
}

/// What can be said of a system that tells no more than std knows.
#[cfg(any(not(target_os = "linux"), at_exit_as_bsd, miri))]
pub(crate) mod by_std {
    /// Through std, which flushes its own buffer, and lets no second thread in.
    pub(crate) fn exit_by_std(status: i32) -> ! {
        std::process::exit(status)
    }

    /// What a thread waits for cannot be asked.
    pub(crate) fn thread_id() -> Option<u64> {
        None
    }

    pub(crate) fn vain_wait(_: u64) -> Option<crate::sys::VainWait> {
        None
    }
}
