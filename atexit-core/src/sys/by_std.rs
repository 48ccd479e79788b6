//! Owns what std alone can find out and do; must not know which system it is on.

#[cfg(any(not(windows), miri))]
use std::time::Duration;

use super::VainWait;
#[cfg(any(not(windows), miri))]
use super::sync::thread::JoinHandle;
#[cfg(any(not(unix), target_family = "wasm", miri))]
pub(crate) use without_posix::*;

/// By std, which flushes its own buffer, and lets no second thread in.
pub(crate) fn exit_by_std(status: i32) -> ! {
    std::process::exit(status)
}

/// Does not wait: the thread may need a lock of this exit.
#[cfg(any(not(windows), miri))]
pub(crate) fn await_end(_: &JoinHandle<()>, _: Duration) {}

/// `None`: the system does not say what a thread waits for.
pub(crate) fn thread_id() -> Option<u64> {
    None
}

pub(crate) fn is_running(_: u64) -> Option<bool> {
    None
}

pub(crate) fn vain_wait(_: u64) -> Option<VainWait> {
    None
}

#[cfg(any(not(unix), target_family = "wasm", miri))]
mod without_posix {
    use crate::sys::ForkHooks;

    /// A parent sees all bits, except where Miri interprets a Unix program.
    pub(crate) const STATUS_MASK: i32 = if cfg!(unix) { 0xff } else { -1 };

    /// Nothing forks. The functions are mentioned so that the compiler does not report them as dead code.
    pub(crate) fn watch_forks<F: ForkHooks>() {
        let _ = [F::before, F::in_parent, F::in_child];
    }

    /// Nothing tells.
    pub(crate) fn is_in_exit() -> bool {
        false
    }

    /// No program file gives rights to the user who starts it.
    pub(crate) fn has_rights_of_another() -> bool {
        false
    }
}
