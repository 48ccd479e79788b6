//! Owns a handler that failed, as a program sees it; must not know of a run.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::handler::error::{FailureKind, HandlerError};
use crate::handler::facts::Label;
use crate::handler::info::HandlerInfo;
use crate::handler::text::one_line;

/// A handler that failed, displayed on one line as `label at file:line: message`.
///
/// Only the first paragraph of the message is shown, its lines joined by spaces, followed by ` …` if there is more. Characters that break a
/// line, are invisible, or change how other characters look are escaped: control and format characters, and line and paragraph separators.
///
/// As an [`Error`] it has a [`source`](Error::source) if the handler returned a [`HandlerError`] that has one, or an
/// [`io::Error`](std::io::Error). Errors of other types are known only by their `Debug` text, and have no source.
///
/// # Examples
///
/// ```
/// use atexit_core::{FailureKind, Handler, run};
///
/// Handler::new(|| Err::<(), _>("no space")).name("flush").register();
/// let report = run();
/// let failure = &report.failures()[0];
/// assert_eq!(failure.handler().label(), "flush");
/// assert_eq!((failure.kind(), failure.message(), failure.status()), (FailureKind::Error, "\"no space\"", 1));
/// assert!(failure.to_string().ends_with(": \"no space\""));
/// ```
#[derive(Clone)]
pub struct Failure(Arc<Failed>);

/// Shared, because the log, the record, the report and the observer of a run each get the failure.
struct Failed {
    handler: HandlerInfo,
    error: HandlerError,
}

impl Failure {
    pub(crate) fn new(handler: &Label, error: HandlerError) -> Self {
        Self(Arc::new(Failed { handler: handler.info(), error }))
    }

    pub(crate) fn error(&self) -> &HandlerError {
        &self.0.error
    }

    /// The handler: its label and where it was declared or registered.
    #[must_use]
    pub fn handler(&self) -> &HandlerInfo {
        &self.0.handler
    }

    /// How it failed.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.0.error.kind()
    }

    /// What went wrong.
    ///
    /// The `Debug` text of an `Err`, `panicked: …`, `returned exit status 3`, `exceeded its time limit of …`, `was still running at the
    /// deadline`, or another sentence about the handler.
    #[must_use]
    pub fn message(&self) -> &str {
        self.0.error.message()
    }

    /// The status that the process ends with if this is the last failure.
    ///
    /// It is 101 for a panic, the handler's own status if it returned an exit status or a [`HandlerError`], and 1 in all other cases.
    #[must_use]
    pub fn status(&self) -> i32 {
        self.0.error.status()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.handler(), one_line(self.message()))
    }
}

/// The same as `Display`, because this is what a test and `main` show.
impl fmt::Debug for Failure {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for Failure {
    #[inline]
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.error.source()
    }
}
