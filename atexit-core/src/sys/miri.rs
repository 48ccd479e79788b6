//! Owns what Miri offers, which interprets Rust and runs no code of a C library: there are threads, and nothing is called when the process
//! exits; must not know what a handler is.

pub(crate) use super::iso_c::without_posix::{
    STATUS_MASK, has_rights_of_another, install_hook, is_in_exit, watch_forks, write_stderr,
};
pub(crate) use super::iso_c::{
    dead_end, exit, exit_at_once, flush_and_exit as exit_again, flush_and_exit as exit_in_child, in_library,
    is_unloaded, thread_id,
};

use super::Threads;

pub(crate) const THREADS: Threads = Threads::Always;

pub(crate) fn process_id() -> u32 {
    std::process::id()
}
