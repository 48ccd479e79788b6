//! Owns a name for each thread by which the library tells them apart; must not know what they do.
//!
//! std's own, `thread::current().id()`, makes a handle for a thread that std has not started, and loses it where thread-locals are gone.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use super::sync::{AtomicU64, thread_local};

/// Names a thread for as long as the process lives; in a forked child, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ThreadToken(u64);

thread_local! {
    // Without a destructor, so that it still serves on a thread whose other thread-locals are gone.
    static MINE: Cell<u64> = const { Cell::new(0) };
}

static LAST: AtomicU64 = AtomicU64::new(0);

impl ThreadToken {
    /// A name for a thread that is to be started, or in a test for none.
    pub(crate) fn new() -> Self {
        Self(LAST.fetch_add(1, Ordering::Relaxed) + 1)
    }

    pub(crate) fn mine() -> Self {
        if MINE.get() == 0 {
            Self::new().adopt();
        }
        Self(MINE.get())
    }

    /// Makes it the name of this thread.
    pub(crate) fn adopt(self) {
        MINE.set(self.0);
    }
}
