//! Owns a name for each thread, by which the library tells threads apart; must not know what they do.
//!
//! std's own name, `thread::current().id()`, creates a handle for a thread that std has not started, and loses it when thread-locals are gone.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use super::sync::{AtomicU64, never_unwinds, thread_local};

/// Names a thread as long as the process lives, and also in a forked child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ThreadToken(u64);

thread_local! {
    // Without a destructor, so that it still works on a thread whose other thread-locals are gone.
    static MINE: Cell<u64> = const { Cell::new(0) };
}

static LAST: AtomicU64 = AtomicU64::new(0);

impl ThreadToken {
    /// A name for a thread that is about to be started, or, in a test, for no thread.
    pub(crate) fn new() -> Self {
        Self(LAST.fetch_add(1, Ordering::Relaxed) + 1)
    }

    #[inline]
    pub(crate) fn mine() -> Self {
        Self(number())
    }

    /// Gives this thread the name.
    pub(crate) fn adopt(self) {
        MINE.set(self.0);
    }
}

never_unwinds! {
    #[inline(never)] // one copy, to keep programs small
    fn number() -> u64 {
        if MINE.get() == 0 {
            ThreadToken::new().adopt();
        }
        MINE.get()
    }
}
