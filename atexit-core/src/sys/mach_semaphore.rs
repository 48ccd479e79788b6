//! Owns a Mach semaphore, the only kind on Apple's systems that is not a file; must not know what waits at it. Written from their documentation,
//! and not tried.

use std::ffi::c_int;
use std::io;
use std::sync::Arc;

/// The name of a Mach port. A child does not inherit it.
pub(crate) struct Semaphore(u32);

unsafe extern "C" {
    static mach_task_self_: u32;
    fn semaphore_create(task: u32, semaphore: *mut u32, policy: c_int, value: c_int) -> c_int;
    fn semaphore_signal(semaphore: u32) -> c_int;
    fn semaphore_wait(semaphore: u32) -> c_int;
}

impl Semaphore {
    pub(crate) fn new() -> io::Result<Arc<Self>> {
        const FIRST_IN_FIRST_OUT: c_int = 0;
        let mut semaphore = 0;
        // SAFETY: Mach. The C library sets the task's name before any code of the program runs; the number is filled in.
        match unsafe { semaphore_create(mach_task_self_, &raw mut semaphore, FIRST_IN_FIRST_OUT, 0) } {
            0 => Ok(Arc::new(Self(semaphore))),
            _ => Err(io::ErrorKind::OutOfMemory.into()),
        }
    }

    /// Lets the thread that waits go on, or the next one that will wait; safe in a signal handler.
    pub(crate) fn post(&self) {
        // SAFETY: a system call, and nothing else.
        unsafe { semaphore_signal(self.0) };
    }

    /// Waits for a `post`. A signal handler that runs on this thread also ends the wait.
    pub(crate) fn wait(&self) {
        // SAFETY: likewise.
        unsafe { semaphore_wait(self.0) };
    }
}
