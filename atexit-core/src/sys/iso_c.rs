//! Owns what every C library offers; must not know which system it is on.

use std::ffi::{c_int, c_void};

unsafe extern "C" {
    #[link_name = "exit"]
    fn c_exit(status: c_int) -> !;
    fn fflush(stream: *mut c_void) -> c_int;
}

/// Not by std, whose own `exit` aborts when a thread enters it twice.
#[inline]
pub(crate) fn exit(status: i32) -> ! {
    // SAFETY: ISO C: `exit` may be called anywhere except in an exit function. This crate calls it there, by `exit_again`, only if the C library
    // allows it.
    unsafe { c_exit(status) }
}

#[cfg(all(unix, not(any(target_family = "wasm", miri))))]
pub(crate) fn address_of_exit() -> usize {
    c_exit as *const () as usize
}

/// Flushes C's streams.
#[inline]
pub(crate) fn flush() {
    // SAFETY: ISO C: a null stream means all of them.
    unsafe { fflush(std::ptr::null_mut()) };
}

/// Flushes C's streams and ends the process, for C libraries that do not let an exit function call `exit`.
#[cfg(any(not(windows), miri))]
#[inline]
pub(crate) fn flush_and_exit(status: i32) -> ! {
    flush();
    exit_at_once(status)
}

#[cfg(any(not(windows), miri))]
#[inline]
pub(crate) fn exit_at_once(status: i32) -> ! {
    unsafe extern "C" {
        fn _exit(status: c_int) -> !;
    }
    // SAFETY: POSIX: `_exit` may be called at any time.
    unsafe { _exit(status) }
}
