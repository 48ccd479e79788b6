//! Owns what WebAssembly and unknown systems do: there are no threads, and there is one process; must not know what a handler is. Also owns what
//! Miri does, which interprets Rust and runs no code of a C library: there are threads, and nothing is called when the process exits.

pub(crate) use super::by_std::{
    STATUS_MASK, await_end, exit_by_std, has_rights_of_another, is_in_exit, is_running, thread_id, vain_wait,
    watch_forks,
};
pub(crate) use c::{exit, exit_at_once, flush_and_exit as exit_again, flush_and_exit as exit_in_child, install_hook};

use std::io::Write as _;

use super::sync::Instant;

pub(crate) fn can_start_threads() -> bool {
    cfg!(miri)
}

/// There is one process, and std does not know its number.
pub(crate) fn process_number() -> u32 {
    1
}

pub(crate) fn in_library() -> bool {
    false
}

pub(crate) fn is_unloaded() -> bool {
    false
}

/// Does what std can do: its standard error has no buffer, and ignores a missing handle.
pub(crate) fn write_stderr(text: &str, _: Instant) -> bool {
    std::io::stderr().write_all(text.as_bytes()).is_ok()
}

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
mod c {
    pub(crate) use crate::sys::iso_c::{exit, exit_at_once, flush_and_exit};

    use std::ffi::c_int;

    use crate::sys::{ExitHook, call_at_exit};

    /// Nothing tells an exit function the status. Miri knows no exit functions.
    pub(crate) fn install_hook<H: ExitHook>() {
        unsafe extern "C" {
            safe fn atexit(hook: extern "C" fn()) -> c_int;
        }
        extern "C" fn hook<H: ExitHook>() {
            if let Some(status) = call_at_exit::<H>(None) {
                flush_and_exit(status);
            }
        }
        let _ = (H::unloading, H::go_on_alone); // never called; mentioned, so that they are not dead code
        if !cfg!(miri) {
            atexit(hook::<H>);
        }
    }
}

/// Without a C library nothing exits: the host of a module may call it again, or not.
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod c {
    pub(crate) use std::process::{exit, exit as exit_at_once, exit as flush_and_exit};

    use crate::sys::{ExitHook, call_at_exit};

    /// Mentions the hook, so that the compiler does not report it as dead code.
    pub(crate) fn install_hook<H: ExitHook>() {
        let _ = (call_at_exit::<H>, H::unloading, H::go_on_alone);
    }
}
