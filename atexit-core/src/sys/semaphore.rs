//! Owns a POSIX semaphore, at which a thread waits until a signal handler wakes it; must not know what for.

use std::cell::UnsafeCell;
use std::io;
use std::mem::MaybeUninit;
use std::sync::Arc;

pub(crate) struct Semaphore(UnsafeCell<MaybeUninit<libc::sem_t>>);

// SAFETY: POSIX semaphores are made to be used from several threads.
unsafe impl Send for Semaphore {}
// SAFETY: likewise.
unsafe impl Sync for Semaphore {}

impl Semaphore {
    /// In an `Arc`, so that it does not move, as POSIX requires.
    pub(crate) fn new() -> io::Result<Arc<Self>> {
        let semaphore = Arc::new(Self(UnsafeCell::new(MaybeUninit::zeroed())));
        // SAFETY: the memory is ours, and nothing else knows it yet.
        if unsafe { libc::sem_init(semaphore.0.get().cast(), 0, 0) } == -1 {
            return Err(io::Error::last_os_error());
        }
        Ok(semaphore)
    }

    /// Lets the thread that waits go on, or the next one that will wait; safe in a signal handler.
    pub(crate) fn post(&self) {
        // SAFETY: POSIX allows it in a signal handler. The semaphore is initialized.
        unsafe { libc::sem_post(self.0.get().cast()) };
    }

    /// Waits for a `post`. A signal handler that runs on this thread also ends the wait.
    pub(crate) fn wait(&self) {
        // SAFETY: the semaphore is initialized.
        unsafe { libc::sem_wait(self.0.get().cast()) };
    }
}
