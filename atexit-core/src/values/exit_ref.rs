//! Owns lending a value by counted references, and taking it back when none is left; must not know who takes it back, or why.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use crate::sys::sync::{Instant, thread};

/// Owns the value, and lends it.
pub(super) struct Owner<T> {
    lent: Weak<T>,
    /// Locked only by the thread that closes the value, so it is free in a forked child, too.
    kept: Mutex<Option<Arc<T>>>,
}

/// The value is still borrowed.
pub(super) struct Borrowed {
    pub(super) times: usize,
}

impl<T> Owner<T> {
    pub(super) fn new(value: T) -> Self {
        let kept = Arc::new(value);
        Self { lent: Arc::downgrade(&kept), kept: Mutex::new(Some(kept)) }
    }

    #[inline]
    pub(super) fn borrow(&self) -> Option<ExitRef<T>> {
        self.lent.upgrade().map(ExitRef)
    }

    /// Returns the value, unless it is borrowed or was taken back.
    pub(super) fn into_value(self) -> Option<T> {
        self.kept.into_inner().unwrap_or_else(PoisonError::into_inner).and_then(Arc::into_inner)
    }

    /// Waits until the value is no longer borrowed, and takes it back; `None` if it was taken before.
    pub(super) fn take_back(&self, at_most: Duration) -> Result<Option<T>, Borrowed> {
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(shared) = kept().take() else { return Ok(None) };
        unborrowed(shared, at_most).map(Some).map_err(|(shared, times)| {
            *kept() = Some(shared);
            Borrowed { times }
        })
    }
}

/// Waits until nobody else has the value. If that takes too long, returns the shared value, and how many others have it.
fn unborrowed<T>(mut shared: Arc<T>, at_most: Duration) -> Result<T, (Arc<T>, usize)> {
    const FIRST_PAUSE: Duration = Duration::from_micros(50);
    const LONGEST_PAUSE: Duration = Duration::from_millis(2);
    let start = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        shared = match Arc::try_unwrap(shared) {
            Ok(value) => return Ok(value),
            Err(shared) => shared,
        };
        let others = Arc::strong_count(&shared) - 1;
        if others > 0 && start.elapsed() >= at_most {
            return Err((shared, others));
        }
        // Polling, because a notification would make every drop of a reference check for a waiter.
        thread::sleep(pause);
        pause = LONGEST_PAUSE.min(2 * pause);
    }
}

/// A counted reference to the value of a [`DropAtExit`](crate::DropAtExit), which keeps the value alive.
///
/// # Examples
///
/// ```
/// use atexit_core::{DropAtExit, ExitRef};
///
/// static NAMES: DropAtExit<Vec<&str>> = DropAtExit::new(|| vec!["orders", "prices"]);
///
/// let names: ExitRef<Vec<&str>> = NAMES.get();
/// assert_eq!(names.len(), 2);
/// ```
pub struct ExitRef<T>(Arc<T>);

impl<T> Deref for ExitRef<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> AsRef<T> for ExitRef<T> {
    fn as_ref(&self) -> &T {
        self
    }
}

impl<T> Clone for ExitRef<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: fmt::Debug> fmt::Debug for ExitRef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: fmt::Display> fmt::Display for ExitRef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}
