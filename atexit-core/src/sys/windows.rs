//! Owns what Windows does its own way; must not know what a handler is.
//!
//! Its C runtime keeps a list of exit functions for each module, and runs none after `ExitProcess`, which is what std's `exit` calls.

pub(crate) use super::iso_c::without_posix::{
    STATUS_MASK, has_rights_of_another, install_hook, is_in_exit, watch_forks, write_stderr,
};
pub(crate) use super::iso_c::{
    exit, exit_at_once, exit_by_std, flush_and_exit as exit_in_child, in_library, is_unloaded, thread_id, vain_wait,
};

use super::Threads;

/// An exit function of a library runs under the loader's lock.
pub(crate) const THREADS: Threads = Threads::NotInExit;

pub(crate) fn process_id() -> u32 {
    std::process::id()
}

/// The older of the two C runtimes allows what C leaves undefined.
pub(crate) fn exit_again(status: i32) -> ! {
    if cfg!(target_env = "gnu") {
        exit(status)
    }
    super::iso_c::flush_and_exit(status)
}
