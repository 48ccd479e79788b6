//! Owns what Windows does its own way; must not know what a handler is.
//!
//! Its C runtime keeps a list of exit functions for each module, and runs none after `ExitProcess`, which is what std's `exit` calls.

pub(crate) use super::iso_c::by_std::{exit_by_std, thread_id, vain_wait};
pub(crate) use super::iso_c::without_posix::{
    STATUS_MASK, has_rights_of_another, in_library, install_hook, is_in_exit, is_unloaded, watch_forks, write_stderr,
};
pub(crate) use super::iso_c::{exit, exit_at_once, flush_and_exit as exit_in_child};

/// An exit function of a library runs under the loader's lock.
pub(crate) fn can_start_threads() -> bool {
    false
}

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
