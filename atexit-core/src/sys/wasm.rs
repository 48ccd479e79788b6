//! Owns what WebAssembly does its own way, and whatever is unknown: without threads, and with one process; must not know what a handler
//! is. And what Miri does, which interprets Rust and runs no code of a C library: there are threads, and nothing is called when the process exits.

pub(crate) use super::iso_c::by_std::{exit_by_std, thread_id, vain_wait};
pub(crate) use super::iso_c::without_posix::{
    STATUS_MASK, has_rights_of_another, in_library, install_hook, is_in_exit, is_unloaded, watch_forks, write_stderr,
};
pub(crate) use super::iso_c::{exit, exit_at_once, flush_and_exit as exit_again, flush_and_exit as exit_in_child};

pub(crate) fn can_start_threads() -> bool {
    cfg!(miri)
}

/// There is one process, and std cannot tell its number.
pub(crate) fn process_id() -> u32 {
    1
}
