//! Owns what this crate uses of std to wait, to meet other threads, to read the clock and to end the process; must not know what for.
//!
//! `tests/models` has another room in place of `sys`, with a file that has the same names, and decides there which thread runs when.

use std::time::Duration;

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub(crate) use super::no_clock::Instant;
pub(crate) use std::sync::atomic::AtomicU64;
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub(crate) use std::time::Instant;
pub(crate) use std::{io, thread, thread_local};

/// Waits for the end of the process. It sleeps, because std's `park` first makes a handle for a thread that is not its own.
pub(crate) fn park() -> ! {
    const LONG: Duration = Duration::from_secs(86_400);
    loop {
        thread::sleep(LONG);
    }
}

/// A function of which the compiler knows that it does not unwind: otherwise, each of its many callers would have code for that case. A panic
/// in it aborts the process, so only code belongs here that cannot panic unless this crate or std is at fault. In a model, it does unwind.
macro_rules! never_unwinds {
    ($(#[$attribute:meta])* $visibility:vis fn $($rest:tt)*) => {
        $(#[$attribute])*
        #[allow(improper_ctypes_definitions, reason = "it is called from Rust")]
        $visibility extern "C" fn $($rest)*
    };
}
pub(crate) use never_unwinds;
