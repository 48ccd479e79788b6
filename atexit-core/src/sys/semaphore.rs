//! Owns a semaphore of POSIX, at which a thread waits until a signal handler wakes it; must not know what for.

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
    /// It does not move any more, as POSIX wants it.
    pub(crate) fn new() -> io::Result<Arc<Self>> {
        let semaphore = Arc::new(Self(UnsafeCell::new(MaybeUninit::zeroed())));
        // SAFETY: the memory is ours, and nobody else knows it yet.
        if unsafe { libc::sem_init(semaphore.0.get().cast(), 0, 0) } == -1 {
            return Err(io::Error::last_os_error());
        }
        Ok(semaphore)
    }

    /// Lets the thread go on that waits, or the next that does; fit for a signal handler.
    pub(crate) fn post(&self) {
        // SAFETY: POSIX: it may be called in a signal handler. The semaphore is initialised.
        unsafe { libc::sem_post(self.0.get().cast()) };
    }

    /// Waits for a `post`. A signal handler that runs on this thread ends it, too.
    pub(crate) fn wait(&self) {
        // SAFETY: the semaphore is initialised.
        unsafe { libc::sem_wait(self.0.get().cast()) };
    }
}
