//! Owns what can be said and done where a system offers no more than std; must not know which system it is on.

#[cfg(any(not(windows), miri))]
use std::time::Duration;

use super::VainWait;
#[cfg(any(not(windows), miri))]
use super::sync::thread::JoinHandle;
#[cfg(any(not(unix), target_family = "wasm", miri))]
pub(crate) use without_posix::*;

/// Through std, which flushes its own buffer, and lets no second thread in.
pub(crate) fn exit_by_std(status: i32) -> ! {
    std::process::exit(status)
}

/// Nobody is waited for who may need a lock of this exit.
#[cfg(any(not(windows), miri))]
pub(crate) fn await_end(_: &JoinHandle<()>, _: Duration) {}

/// What a thread waits for cannot be asked.
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

    /// A parent sees all of a status, unless what is interpreted is a Unix.
    pub(crate) const STATUS_MASK: i32 = if cfg!(unix) { 0xff } else { -1 };

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
}
