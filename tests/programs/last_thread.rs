//! Ends by its last thread, as a program in C may: `main` is C's own here, because std's would catch the unwinding of `pthread_exit`.

#![no_main]

use std::thread;
use std::time::Duration;

use atexit_core::at_exit;

#[at_exit]
fn handler() {
    println!("handler");
}

/// A thread watches the time of this one.
#[at_exit(caller_thread, time_limit = Duration::from_secs(60))]
fn watched() {
    println!("watched handler");
}

unsafe extern "C" {
    // A thread's name fits in a word on every Linux, but musl types it as a pointer, which must not go to another thread.
    safe fn pthread_self() -> usize;
    fn pthread_join(thread: usize, result: *mut *mut libc::c_void) -> libc::c_int;
}

/// # Panics
///
/// If the system does not do what POSIX says.
// SAFETY: nothing else in this program has this name.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn main() -> i32 {
    let main = pthread_self();
    drop(thread::spawn(move || {
        // SAFETY: POSIX: nothing else joins it, and it ends.
        assert_eq!(unsafe { pthread_join(main, std::ptr::null_mut()) }, 0);
        println!("main is gone");
    }));
    // SAFETY: POSIX: this frame has nothing to drop.
    unsafe { libc::pthread_exit(std::ptr::null_mut()) }
}
