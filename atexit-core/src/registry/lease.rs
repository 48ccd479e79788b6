//! Owns which thread may take handlers, and counts as inside one: the thread that holds the lease; must not know what is run, or why.
//!
//! At most one handler runs at a time. A run grants its lease to one thread after another: its own, or an exit thread. If a handler is
//! abandoned, the lease of its thread is revoked. From then on it is a thread like any other, whatever it still does. (This is known as a
//! fencing token.)

use std::cell::Cell;
use std::sync::atomic::Ordering;

use crate::sys::sync::{AtomicU64, thread_local};

thread_local! {
    // Without a destructor, so that it still works on a thread whose other thread-locals are gone.
    static MINE: Cell<u64> = const { Cell::new(NONE) };
}

const NONE: u64 = 0;

/// The lease that counts. Sequentially consistent, which costs little: it changes a few times per run. A thread that takes handlers reads it
/// under the lock of the pending set.
static GRANTED: AtomicU64 = AtomicU64::new(NONE);
static LAST: AtomicU64 = AtomicU64::new(NONE);

/// As long as this is kept, and not revoked, the thread that took it is inside the run.
pub(crate) struct Lease {
    number: u64,
    outer: u64,
}

impl Lease {
    /// Grants this thread the lease. The thread that had it loses it.
    pub(crate) fn take() -> Self {
        let outer = if is_held() { MINE.get() } else { NONE }; // one that was revoked stays revoked when this one is dropped
        let number = LAST.fetch_add(1, Ordering::SeqCst) + 1;
        MINE.set(number);
        GRANTED.store(number, Ordering::SeqCst);
        Self { number, outer }
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // In one step: another thread may revoke it, and take one of its own, at any moment.
        let _ = GRANTED.compare_exchange(self.number, self.outer, Ordering::SeqCst, Ordering::SeqCst);
        MINE.set(self.outer);
    }
}

/// Takes the lease away from the thread that holds it.
pub(crate) fn revoke() {
    GRANTED.store(NONE, Ordering::SeqCst);
}

/// Takes this lease away, if it is the one that counts.
pub(crate) fn revoke_one(number: u64) {
    let _ = GRANTED.compare_exchange(number, NONE, Ordering::SeqCst, Ordering::SeqCst);
}

/// Whether this thread is inside a handler, or inside a run between two handlers.
#[inline(never)] // one copy, to keep programs small
pub(crate) fn is_held() -> bool {
    is_held_inline()
}

/// The same where each handler passes.
#[inline]
pub(crate) fn is_held_inline() -> bool {
    let mine = MINE.get();
    mine != NONE && mine == GRANTED.load(Ordering::SeqCst)
}
