//! Owns why a value is not to be had, as a program learns of it; must not know how that comes.

use std::error::Error;
use std::fmt;

/// Why a value in a `static` is not to be had.
///
/// Displayed, it is a sentence of which the value is the subject.
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
    /// It is closed for good, or was never made and is not made any more: the process exits.
    Closed,
    /// Nothing has set it, and it has no function that makes it.
    Empty,
    /// Another thread is making it, for which this handler, or this function that C's `exit` calls, cannot wait: that thread exits, and waits itself, or
    /// it takes too long.
    Initializing,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Closed => "is closed",
            Self::Empty => "is empty: nothing has set it",
            Self::Initializing => "is being initialized by a thread that cannot be waited for",
        })
    }
}

impl Error for Unavailable {}
