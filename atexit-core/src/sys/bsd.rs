//! Owns what other Unix systems do, Apple's, the BSDs and Android among them; must not know what a handler is.
//!
//! What is here is written by their documentation, and not tried.

pub(crate) use super::iso_c::{
    exit, exit_at_once, exit_by_std, flush_and_exit as exit_again, flush_and_exit as exit_in_child, in_library,
    is_unloaded, thread_id, vain_wait,
};
pub(crate) use super::posix::{STATUS_MASK, has_rights_of_another, is_in_exit, process_id, watch_forks};

use super::posix::{self, Caller, Unix};
use super::sync::Instant;
use super::{ExitHook, Threads};

/// Nothing tells an exit from an unload, in which a new thread would wait for the loader's lock.
pub(crate) const THREADS: Threads = Threads::NotInExit;

struct Bsd;

impl Unix for Bsd {
    const TELLS_STATUS: bool = false;

    /// As nothing tells, it is an exit.
    fn caller() -> Caller {
        Caller::Exit
    }

    fn without_sigpipe(write: impl FnOnce()) {
        write();
    }
}

pub(crate) fn install_hook<H: ExitHook>() {
    posix::install_hook::<H, Bsd>();
}

pub(crate) fn write_stderr(text: &str, until: Instant) -> bool {
    posix::write_stderr::<Bsd>(text, until)
}
