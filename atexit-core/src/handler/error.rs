//! Owns what went wrong in a handler, as a message and as a status; must not know who runs handlers, or what a failure leads to.

use std::any::Any;
use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::duration::exact;
use super::text::{indented, text};
use crate::sys::cast::cast;
use crate::sys::{DeadEnd, STATUS_MASK};

/// The status that std gives a process whose `main` panicked.
const PANICKED: i32 = 101;

/// The error that a handler returns, with the exit status it asks for; displayed as its message.
///
/// Use it to implement [`Outcome`](crate::Outcome), and in handlers that return `Result<(), HandlerError>`. There, `?` converts any type that
/// implements [`Error`] to a `HandlerError`, and keeps it as the [source](Self::source). Make one from a boxed error or from `anyhow`'s with
/// [`new`](Self::new) and [`with_source`](Self::with_source), and from text with `new`.
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

/// Behind a pointer, so that a `Result` without an error is cheap to pass on.
#[derive(Clone)]
struct Details {
    status: i32,
    message: Box<str>,
    kind: FailureKind,
    source: Option<Source>,
}

type Source = Arc<Quiet<Box<dyn Error + Send + Sync>>>;

/// How a handler failed; displayed in a few words.
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
    /// It returned an `Err`, or a type of your own whose [`Outcome`](crate::Outcome) is a [`HandlerError`].
    Error,
    /// It returned an [`ExitCode`](std::process::ExitCode) that is not 0.
    ExitStatus,
    /// It panicked, the expression of its `time_limit` did, or its executor returned before it had finished.
    Panic,
    /// It exceeded its time limit.
    TimeLimit,
    /// It was still running at the deadline of the exit, or the observer was still handling one of its events.
    Deadline,
    /// It called [`std::process::exit`] or C's `exit`, or waited for a lock in the C library, and would never have continued.
    Stuck,
    /// It did not run, because the observer called C's `exit` when told of its start.
    NotStarted,
    /// It is a value that was still borrowed, or still being initialized or closed, when its turn came.
    InUse,
}

impl Display for FailureKind {
    #[inline]
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
    /// Makes an error with status 1, which is printed as `main` prints one.
    #[must_use]
    pub fn new(message: impl Display) -> Self {
        Self::of_kind(FailureKind::Error, 1, format_args!("{message}"))
    }

    /// Sets the exit status of the process if this is the last failure.
    ///
    /// A status that a parent would read as success counts as 1.
    #[must_use]
    #[inline]
    pub fn with_status(mut self, status: i32) -> Self {
        self.0.status = if status & STATUS_MASK == 0 { 1 } else { status };
        self
    }

    /// Adds the error that led to this one, as its [source](Self::source).
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.set_source(source.into());
        self
    }

    fn set_source(&mut self, source: Box<dyn Error + Send + Sync>) {
        self.0.source = Some(Arc::new(Quiet::new(source)));
    }

    /// Takes the source out, so that it can be dropped on the handler's thread, whose thread-locals are alive.
    pub(crate) fn take_source(&mut self) -> Option<Source> {
        self.0.source.take()
    }

    /// Returns the exit status of the process if this is the last failure.
    ///
    /// It is never one that a parent reads as 0; on Unix, a parent sees the low eight bits.
    #[must_use]
    #[inline]
    pub fn status(&self) -> i32 {
        self.0.status
    }

    /// Returns the message, which says what went wrong.
    #[must_use]
    #[inline]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the error that led to this one, if it is known.
    #[must_use]
    #[inline]
    pub fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&**self.0.source.as_ref()?.get()?)
    }

    pub(crate) fn kind(&self) -> FailureKind {
        self.0.kind
    }

    /// Converts the error of a handler. It keeps those of a known type; of any other, Rust gives only the text.
    pub(super) fn returned<E: Debug>(error: E) -> Self {
        let error = match cast::<E, Self>(error) {
            Ok(error) => return error,
            Err(error) => error,
        };
        let message = text(format_args!("{error:?}"));
        let source = match cast::<E, io::Error>(error) {
            Ok(error) => Some(error),
            Err(error) => {
                drop(Quiet::new(error)); // a panic in its destructor is not how the handler has failed
                None
            }
        };
        Self::of_io(&message, source)
    }

    fn of_io(message: &str, source: Option<io::Error>) -> Self {
        let mut error = Self::of_kind(FailureKind::Error, 1, format_args!("{message}"));
        if let Some(source) = source {
            error.set_source(Box::new(source));
        }
        error
    }

    #[inline]
    pub(super) fn exit_status(status: u8) -> Self {
        Self::of_kind(FailureKind::ExitStatus, status.into(), format_args!("returned exit status {status}"))
    }

    /// Converts the payload of a panic.
    pub(crate) fn panicked(payload: Box<dyn Any + Send>) -> Self {
        let message = panic_message(&*payload).unwrap_or("Box<dyn Any>"); // std's words for any other payload
        let error = Self::of_kind(FailureKind::Panic, PANICKED, format_args!("panicked: {message}"));
        drop_quietly(payload);
        error
    }

    /// The handler was abandoned at its time limit.
    pub(crate) fn timed_out(limit: Duration) -> Self {
        Self::of_kind(FailureKind::TimeLimit, 1, format_args!("exceeded its time limit of {}", exact(limit)))
    }

    /// The handler was abandoned because it would never have continued.
    #[inline(never)] // one copy, to keep programs small
    pub(crate) fn stuck(dead_end: DeadEnd) -> Self {
        let message = match dead_end {
            DeadEnd::Exit => {
                "got stuck in std::process::exit or C's exit, called by the handler, a panic hook or the observer"
            }
            DeadEnd::Lock => {
                "got stuck on a lock in the C library that the exiting thread holds, of exit or of a stream"
            }
        };
        Self::of_kind(FailureKind::Stuck, 1, format_args!("{message}: call atexit_core::exit instead"))
    }

    /// The handler was still running at the deadline.
    pub(crate) fn deadline() -> Self {
        Self::of_kind(FailureKind::Deadline, 1, format_args!("was still running at the deadline"))
    }

    /// The observer was still handling the start or the end of the handler.
    pub(crate) fn observer_at_deadline() -> Self {
        Self::of_kind(
            FailureKind::Deadline,
            1,
            format_args!("the observer was still handling its event at the deadline"),
        )
    }

    /// The observer called C's `exit` instead of returning from the handler's `Started` event.
    pub(crate) fn kept_from_starting() -> Self {
        Self::of_kind(
            FailureKind::NotStarted,
            1,
            format_args!("did not run: the observer called C's exit when told of its start"),
        )
    }

    /// A value is still borrowed, so it must not be freed.
    #[inline]
    pub(crate) fn borrowed(times: usize) -> Self {
        let references = if times == 1 { "ExitRef" } else { "ExitRefs" };
        Self::of_kind(
            FailureKind::InUse,
            1,
            format_args!("is still borrowed by {times} {references}, so it is not finished"),
        )
    }

    /// A value was still being initialized, or closed on another thread, when the exit stopped waiting for it.
    #[inline]
    pub(crate) fn given_up(is_closing: bool) -> Self {
        let what = if is_closing { "closed" } else { "initialized" };
        Self::of_kind(
            FailureKind::InUse,
            1,
            format_args!("was still being {what} when the exit stopped waiting for it"),
        )
    }

    /// The handler panicked, and the panic hook did not return.
    pub(crate) fn exited_by_panic_hook() -> Self {
        Self::of_kind(FailureKind::Panic, PANICKED, format_args!("panicked, and the panic hook called C's exit"))
    }

    #[inline(never)] // one copy, to keep programs small
    fn of_kind(kind: FailureKind, status: i32, message: fmt::Arguments<'_>) -> Self {
        let message = text(message).into_boxed_str();
        Self(Box::new(Details { status, message, kind, source: None }))
    }

    /// Whether it is printed when it happens. The panic hook has shown a panic already, and an exit status needs no line.
    pub(crate) fn is_announced(&self) -> bool {
        self.0.kind == FailureKind::Error
    }

    /// What is printed then: the error as `main` prints one, but indented so that no line passes for another.
    pub(crate) fn announcement(&self) -> String {
        text(format_args!("Error: {}\n", indented(&self.0.message)))
    }
}

impl Display for HandlerError {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.message)
    }
}

/// The same as `Display`, because tests and `main` print this.
impl Debug for HandlerError {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// Converts any error, keeping its message and making it the source: for `?` in a handler that returns `Result<(), HandlerError>`.
///
/// Because of this conversion, `HandlerError` cannot implement [`Error`] itself.
impl<E: Error + Send + Sync + 'static> From<E> for HandlerError {
    fn from(error: E) -> Self {
        Self::new(&error).with_source(error)
    }
}

/// Returns the message of a panic, if it is text.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> Option<&str> {
    if let Some(literal) = payload.downcast_ref::<&str>() {
        return Some(literal);
    }
    match payload.downcast_ref::<String>() {
        Some(text) => Some(text),
        None => None,
    }
}

/// Drops the payload of a panic, which may panic; so may dropping the payload of that panic. A third payload is leaked.
pub(crate) fn drop_quietly(payload: Box<dyn Any + Send>) {
    if let Some(second) = panic_of_drop(payload) {
        std::mem::forget(panic_of_drop(second));
    }
}

/// A value of the program that may be dropped anywhere, so a panic in its destructor stops here. `None` while it is dropped.
pub(crate) struct Quiet<T>(Option<T>);

impl<T> Quiet<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }

    pub(crate) fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

impl<T> Drop for Quiet<T> {
    fn drop(&mut self) {
        if let Some(payload) = panic_of_drop(self.0.take()) {
            drop_quietly(payload);
        }
    }
}

fn panic_of_drop<T>(value: T) -> Option<Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(|| drop(value))).err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_that_looks_like_success_becomes_1() {
        let status = |status| HandlerError::new("").with_status(status).status();
        assert_eq!([0, STATUS_MASK.wrapping_add(1), 2].map(status), [1, 1, 2]);
    }

    #[test]
    fn a_returned_error_keeps_what_is_known_of_it() {
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
    fn an_error_that_panics_when_dropped_does_no_harm() {
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
        drop([error.clone().with_source("another"), HandlerError::from(Panics), error]);
        assert_eq!(HandlerError::returned(Panics).message(), "Panics");
    }

    #[test]
    fn any_error_converts_and_is_the_source() {
        let error = HandlerError::from(fmt::Error);
        assert_eq!(error.to_string(), fmt::Error.to_string());
        assert!(error.source().is_some_and(<dyn Error>::is::<fmt::Error>));
    }
}
