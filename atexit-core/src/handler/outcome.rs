//! Owns what a handler's return value means: success, or which failure; must not know who runs handlers, or what a failure leads to.

use std::any::Any;
use std::convert::Infallible;
use std::fmt::{Debug, Display};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

use super::text::indented;
use crate::sys::{DeadEnd, STATUS_MASK};

/// The status that std gives a process whose `main` panicked.
const PANICKED: i32 = 101;

/// A failure as a handler returns it, for implementations of [`Outcome`].
///
/// ```
/// let fault = atexit_core::Fault::new("disk full").with_status(3);
/// assert_eq!(fault.status(), 3);
/// assert_eq!(fault.message(), "disk full");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    status: i32,
    message: String,
    origin: Origin,
}

/// Who has shown the message already, and who will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// Nobody yet: it is shown as `main` would show its error.
    Error,
    /// There is nothing to show at once: `main` shows no status either.
    Status,
    /// The panic hook.
    Panic,
}

impl Fault {
    /// A failure with status 1, shown as `main` shows an error.
    #[must_use]
    pub fn new(message: impl Display) -> Self {
        Self { status: 1, message: message.to_string(), origin: Origin::Error }
    }

    /// The status that the process ends with if this is the last failure. One that a parent would read as success counts as 1.
    #[must_use]
    pub fn with_status(self, status: i32) -> Self {
        let status = if status & STATUS_MASK == 0 { 1 } else { status };
        Self { status, ..self }
    }

    /// Never one that a parent reads as 0; on Unix it sees the low eight bits.
    #[must_use]
    pub fn status(&self) -> i32 {
        self.status
    }

    /// What went wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// From what a handler panicked with.
    pub(crate) fn panicked(payload: Box<dyn Any + Send>) -> Self {
        let message = format!("panicked: {}", panic_message(&*payload).unwrap_or("Box<dyn Any>")); // std's words for any other payload
        drop_quietly(payload);
        Self { status: PANICKED, message, origin: Origin::Panic }
    }

    /// The handler was abandoned when its limit was over.
    pub(crate) fn timed_out(limit: Duration) -> Self {
        Self { status: 1, message: format!("exceeded its time limit of {limit:?}"), origin: Origin::Status }
    }

    /// The handler was abandoned because it would never have gone on.
    pub(crate) fn stuck(dead_end: DeadEnd) -> Self {
        let message = match dead_end {
            DeadEnd::Exit => {
                "called std::process::exit or C's exit, itself, by a panic hook or in the observer, and could not go on"
            }
            DeadEnd::Lock => {
                "waited in vain for a lock of C's that the exiting thread has, that of its exit or of a stream"
            }
        };
        Self { status: 1, message: format!("{message}: call atexit_core::exit"), origin: Origin::Status }
    }

    /// The handler was running when the deadline was over.
    pub(crate) fn deadline() -> Self {
        Self::of_status(1, "was still running at the deadline")
    }

    /// The observer was, which was told that the handler starts, or has finished.
    pub(crate) fn observer_at_deadline() -> Self {
        Self::of_status(1, "the observer that is told of it was still running at the deadline")
    }

    /// The observer has ended the process instead of returning from what was to tell it that the handler starts.
    pub(crate) fn kept_from_starting() -> Self {
        Self::of_status(1, "was not run: the observer that was told of its start called C's exit")
    }

    /// The handler has panicked, and the panic hook has not returned.
    pub(crate) fn exited_by_panic_hook() -> Self {
        Self::of_status(PANICKED, "panicked, and the panic hook called C's exit")
    }

    fn of_status(status: i32, message: &str) -> Self {
        Self { status, message: message.to_owned(), origin: Origin::Status }
    }

    /// What is left to show when the failure happens, as `main` would, but for lines that could pass for others.
    pub(crate) fn announcement(&self) -> Option<String> {
        (self.origin == Origin::Error).then(|| format!("Error: {}\n", indented(&self.message)))
    }
}

/// What a panic says, if it is text.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> Option<&str> {
    let literal = payload.downcast_ref::<&str>().copied();
    literal.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// A payload may panic when it is dropped, and so may the payload of that panic, which is left alone for this reason.
pub(crate) fn drop_quietly(payload: Box<dyn Any + Send>) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(payload);
    }
}

/// What a handler may return: whatever `main` may.
///
/// `()`, `!`, [`ExitCode`], and `Result<T, E>` of an outcome and of an error that is [`Debug`]. `Err` and an exit status
/// other than 0 are failures. Implement it for a type of yours to return that.
///
/// ```
/// use atexit_core::{Fault, Outcome};
///
/// struct Flushed {
///     lost: usize,
/// }
///
/// impl Outcome for Flushed {
///     fn fault(self) -> Option<Fault> {
///         (self.lost > 0).then(|| Fault::new(format_args!("{} records lost", self.lost)))
///     }
/// }
///
/// atexit_core::register(|| Flushed { lost: 0 });
/// ```
#[diagnostic::on_unimplemented(
    message = "an exit handler cannot return `{Self}`",
    label = "a handler returns `()`, `!`, `ExitCode` or `Result<T, E>` with `E: Debug`",
    note = "or a type of yours that implements `atexit_core::Outcome`"
)]
pub trait Outcome {
    /// What went wrong; `None` is success.
    fn fault(self) -> Option<Fault>;
}

impl Outcome for () {
    fn fault(self) -> Option<Fault> {
        None
    }
}

impl Outcome for ExitCode {
    fn fault(self) -> Option<Fault> {
        // It has no getter, but it can be compared.
        let status = (0..=u8::MAX).find(|&status| self == Self::from(status)).unwrap_or(u8::MAX);
        let message = format!("returned exit status {status}");
        (status != 0).then(|| Fault { status: status.into(), message, origin: Origin::Status })
    }
}

impl<T: Outcome, E: Debug> Outcome for Result<T, E> {
    fn fault(self) -> Option<Fault> {
        match self {
            Ok(value) => value.fault(),
            Err(error) => Some(Fault::new(format_args!("{error:?}"))),
        }
    }
}

/// `!`, which stable Rust cannot name here: it is what a function that never returns returns. And [`Infallible`], which
/// newer compilers take for the same type, so that it cannot have an implementation of its own.
#[diagnostic::do_not_recommend]
impl<R, Never> Outcome for R
where
    fn() -> !: FnOnce() -> Never,
    dyn Either<Never, Infallible>: Is<R>,
{
    fn fault(self) -> Option<Fault> {
        None
    }
}

/// What the implementation above asks with: `dyn Either<A, B>` is `Is<R>` if `R` is `A` or `B`, which may be the same type.
trait Either<A, B>: Is<A> + Is<B> {}
trait Is<R> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_is_read() {
        for status in 1..=u8::MAX {
            assert_eq!(ExitCode::from(status).fault().map(|fault| fault.status()), Some(status.into()));
        }
        assert_eq!(ExitCode::SUCCESS.fault(), None);
    }

    #[test]
    fn a_status_that_looks_like_success_is_none() {
        assert_eq!(Fault::new("").with_status(0).status(), 1);
        assert_eq!(Fault::new("").with_status(STATUS_MASK.wrapping_add(1)).status(), 1);
        assert_eq!(Fault::new("").with_status(2).status(), 2);
    }
}
