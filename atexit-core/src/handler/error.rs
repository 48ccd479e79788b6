//! Owns what went wrong in a handler, in words and as a status; must not know who runs handlers, or what a failure leads to.

use std::any::Any;
use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::text::indented;
use crate::sys::cast::cast;
use crate::sys::{DeadEnd, STATUS_MASK};

/// The status that std gives a process whose `main` panicked.
const PANICKED: i32 = 101;

/// What went wrong in a handler, as it returns it; displayed as its message.
///
/// For implementations of [`Outcome`](crate::Outcome), and for handlers that return `Result<(), HandlerError>`: they say with which status the
/// process is to end, and a `?` makes a `HandlerError` of what implements [`Error`], which is then its [source](Self::source). Of an error in a
/// box, or of `anyhow`'s, make one by [`new`](Self::new) and [`with_source`](Self::with_source), of a text by `new`.
///
/// # Examples
///
/// ```
/// use std::error::Error as _;
/// use std::fs::File;
///
/// use atexit_core::HandlerError;
///
/// fn save() -> Result<(), HandlerError> {
///     let file = File::create("/proc/none").map_err(|error| HandlerError::from(error).with_status(74))?;
///     file.sync_all()?;
///     Ok(())
/// }
///
/// atexit_core::register(save);
/// let report = atexit_core::run();
/// let failure = &report.failures()[0];
/// assert_eq!(failure.status(), 74);
/// assert!(failure.source().is_some_and(|error| error.is::<std::io::Error>()));
/// ```
#[derive(Clone)]
pub struct HandlerError(Box<Details>);

/// Behind a pointer, so that success costs nothing to pass on.
#[derive(Clone)]
struct Details {
    status: i32,
    message: Arc<str>,
    kind: FailureKind,
    source: Source,
}

/// An error of the program's, or none. Reports are dropped where nobody expects a panic: it shows one, and that is all.
#[derive(Clone, Default)]
struct Source(Option<Arc<dyn Error + Send + Sync>>);

impl Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Some(error) = self.0.take() {
            drop_quietly(error);
        }
    }
}

/// In which way a handler failed; displayed in a few words.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use atexit_core::{FailureKind, Handler, run};
///
/// Handler::new(|| std::thread::park()).time_limit(Duration::from_millis(1)).register();
/// let report = run();
/// assert_eq!(report.failures()[0].kind(), FailureKind::TimeLimit);
/// assert_eq!(FailureKind::TimeLimit.to_string(), "time limit");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// It returned an `Err`, or a [`HandlerError`] by an [`Outcome`](crate::Outcome) of the program's own.
    Error,
    /// It returned an [`ExitCode`](std::process::ExitCode) that is not 0.
    ExitStatus,
    /// It panicked, or the expression of its `time_limit` did, or its executor returned before it had finished.
    Panic,
    /// It exceeded its time limit.
    TimeLimit,
    /// It was still running at the deadline of the exit, or the observer was that is told of it.
    Deadline,
    /// It called [`std::process::exit`] or C's `exit`, or waited for a lock of C's, and would never have gone on.
    Stuck,
    /// It was not run, as the observer that was told of its start called C's `exit`.
    NotStarted,
    /// It is a value that was still borrowed, or still being initialized, when it was to be finished.
    InUse,
}

impl Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::ExitStatus => "exit status",
            Self::Panic => "panic",
            Self::TimeLimit => "time limit",
            Self::Deadline => "deadline",
            Self::Stuck => "stuck",
            Self::NotStarted => "not started",
            Self::InUse => "in use",
        })
    }
}

impl HandlerError {
    /// A failure with status 1, shown as `main` shows an error.
    #[must_use]
    pub fn new(message: impl Display) -> Self {
        Self::of_kind(FailureKind::Error, 1, message.to_string())
    }

    /// Sets the status that the process ends with if this is the last failure.
    ///
    /// One that a parent would read as success counts as 1.
    #[must_use]
    pub fn with_status(mut self, status: i32) -> Self {
        self.0.status = if status & STATUS_MASK == 0 { 1 } else { status };
        self
    }

    /// Adds the error that led to this one, as its [source](Self::source).
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Source(Some(Arc::from(source.into())));
        self
    }

    /// Where nobody asks for the source. It is dropped here, on the thread of the handler, whose thread-locals are there.
    pub(crate) fn without_source(mut self) -> Self {
        self.0.source = Source::default();
        self
    }

    /// The status that the process ends with if this is the last failure.
    ///
    /// Never one that a parent reads as 0; on Unix it sees the low eight bits.
    #[must_use]
    pub fn status(&self) -> i32 {
        self.0.status
    }

    /// What went wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The error that led to this one, if it is known.
    #[must_use]
    pub fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.0.as_deref().map(|source| source as _)
    }

    pub(crate) fn kind(&self) -> FailureKind {
        self.0.kind
    }

    /// From what a handler returned as its error. What is known of its type is kept; of others Rust tells no more than the text.
    pub(super) fn returned<E: Debug>(error: E) -> Self {
        let error = match cast::<E, Self>(error) {
            Ok(error) => return error,
            Err(error) => error,
        };
        let message = format!("{error:?}");
        match cast::<E, io::Error>(error) {
            Ok(error) => Self::new(message).with_source(error),
            Err(_) => Self::new(message),
        }
    }

    pub(super) fn exit_status(status: u8) -> Self {
        Self::of_kind(FailureKind::ExitStatus, status.into(), format!("returned exit status {status}"))
    }

    /// From what a handler panicked with.
    pub(crate) fn panicked(payload: Box<dyn Any + Send>) -> Self {
        let message = format!("panicked: {}", panic_message(&*payload).unwrap_or("Box<dyn Any>")); // std's words for any other payload
        drop_quietly(payload);
        Self::of_kind(FailureKind::Panic, PANICKED, message)
    }

    /// The handler was abandoned when its limit was over.
    pub(crate) fn timed_out(limit: Duration) -> Self {
        Self::of_kind(FailureKind::TimeLimit, 1, format!("exceeded its time limit of {limit:?}"))
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
        Self::of_kind(FailureKind::Stuck, 1, format!("{message}: call atexit_core::exit"))
    }

    /// The handler was running when the deadline was over.
    pub(crate) fn deadline() -> Self {
        Self::of_kind(FailureKind::Deadline, 1, "was still running at the deadline")
    }

    /// The observer was, which was told that the handler starts, or has finished.
    pub(crate) fn observer_at_deadline() -> Self {
        let message = "the observer that is told of it was still running at the deadline";
        Self::of_kind(FailureKind::Deadline, 1, message)
    }

    /// The observer has ended the process instead of returning from what was to tell it that the handler starts.
    pub(crate) fn kept_from_starting() -> Self {
        let message = "was not run: the observer that was told of its start called C's exit";
        Self::of_kind(FailureKind::NotStarted, 1, message)
    }

    /// A value that is not freed under the hands of those who borrow it.
    pub(crate) fn borrowed(times: usize) -> Self {
        let references = if times == 1 { "ExitRef" } else { "ExitRefs" };
        let message = format!("is still borrowed by {times} {references}, and so is not finished");
        Self::of_kind(FailureKind::InUse, 1, message)
    }

    /// A value whose initialization, or whose closing on another thread, has not ended in time.
    pub(crate) fn given_up(is_closing: bool) -> Self {
        let what = if is_closing { "closed" } else { "initialized" };
        Self::of_kind(FailureKind::InUse, 1, format!("was still being {what}, and is not waited for any longer"))
    }

    /// The handler has panicked, and the panic hook has not returned.
    pub(crate) fn exited_by_panic_hook() -> Self {
        Self::of_kind(FailureKind::Panic, PANICKED, "panicked, and the panic hook called C's exit")
    }

    fn of_kind(kind: FailureKind, status: i32, message: impl Into<Arc<str>>) -> Self {
        Self(Box::new(Details { status, message: message.into(), kind, source: Source::default() }))
    }

    /// What is left to show when the failure happens, as `main` would, but for lines that could pass for others. A panic was shown by the
    /// panic hook, and there is nothing to show of a status.
    pub(crate) fn announcement(&self) -> Option<String> {
        (self.0.kind == FailureKind::Error).then(|| format!("Error: {}\n", indented(&self.0.message)))
    }
}

impl Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.message)
    }
}

/// As it is displayed: a test and `main` show this.
impl Debug for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// An error that is displayed like that one, and has it as its source: for a `?` in a handler that returns `Result<(), HandlerError>`.
///
/// This is why a `HandlerError` does not implement [`Error`] itself.
impl<E: Error + Send + Sync + 'static> From<E> for HandlerError {
    fn from(error: E) -> Self {
        Self::new(&error).with_source(error)
    }
}

/// What a panic says, if it is text.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> Option<&str> {
    let literal = payload.downcast_ref::<&str>().copied();
    literal.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// What is a user's may panic when it is dropped, and so may the payload of that panic; the payload of a third is left alone.
pub(crate) fn drop_quietly<T>(value: T) {
    let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) else { return };
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_that_looks_like_success_is_none() {
        let status = |status| HandlerError::new("").with_status(status).status();
        assert_eq!([0, STATUS_MASK.wrapping_add(1), 2].map(status), [1, 1, 2]);
    }

    #[test]
    fn what_is_known_of_an_error_that_was_returned_is_kept() {
        let kept = HandlerError::returned(HandlerError::new("full").with_status(3).with_source("no space"));
        assert_eq!((kept.status(), kept.message()), (3, "full"));
        assert_eq!(kept.source().map(ToString::to_string).as_deref(), Some("no space"));

        let of_system = HandlerError::returned(io::Error::other("refused"));
        assert_eq!(of_system.message(), r#"Custom { kind: Other, error: "refused" }"#);
        assert!(of_system.source().is_some_and(<dyn Error>::is::<io::Error>));

        let text = HandlerError::returned(String::from("text").as_str());
        assert_eq!((text.status(), text.message()), (1, "\"text\""));
        assert!(text.source().is_none());
    }

    #[test]
    fn an_error_that_panics_when_it_is_dropped_does_no_harm() {
        #[derive(Debug)]
        struct Panics;
        impl Display for Panics {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                Ok(())
            }
        }
        impl Error for Panics {}
        impl Drop for Panics {
            fn drop(&mut self) {
                panic!("dropped");
            }
        }
        let error = HandlerError::returned(io::Error::other(Panics));
        drop([error.clone().without_source(), error.clone().with_source("another"), HandlerError::from(Panics), error]);
    }

    #[test]
    fn any_error_becomes_one_and_is_its_source() {
        let error = HandlerError::from(fmt::Error);
        assert_eq!(error.to_string(), fmt::Error.to_string());
        assert!(error.source().is_some_and(<dyn Error>::is::<fmt::Error>));
    }
}
