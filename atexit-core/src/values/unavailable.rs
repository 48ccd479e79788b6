//! Owns why a value is not available, as a program sees it; must not know what leads to that.

use std::error::Error;
use std::fmt;

/// Says why a value in a `static` is not available.
///
/// Displayed, it is the rest of a sentence about the value, such as `is closed`.
///
/// # Examples
///
/// ```
/// use atexit_core::{DropAtExit, Unavailable};
///
/// static LOG: DropAtExit<String> = DropAtExit::empty();
///
/// assert_eq!(LOG.try_get().unwrap_err(), Unavailable::Empty);
/// LOG.set(String::from("a log")).unwrap();
/// assert_eq!(*LOG.try_get()?, "a log");
/// LOG.close()?;
/// assert_eq!(LOG.try_get().unwrap_err(), Unavailable::Closed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unavailable {
    /// The value is closed for good, or was never initialized and the process is exiting.
    Closed,
    /// Nothing has set the value, and the cell has no function that initializes it.
    Empty,
    /// Another thread is initializing the value, and this handler, or this function that C's `exit` calls, cannot wait for it: that thread is
    /// exiting and waits itself, or it takes too long.
    Initializing,
}

impl fmt::Display for Unavailable {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Closed => "is closed",
            Self::Empty => "is empty: nothing has set it",
            Self::Initializing => "is being initialized by a thread that this one cannot wait for",
        })
    }
}

impl Error for Unavailable {}
