//! Owns a handler that failed, as a program learns of it; must not know of a run.

use std::error::Error;
use std::fmt;

use crate::handler::error::{FailureKind, HandlerError};
use crate::handler::info::HandlerInfo;
use crate::handler::text::one_line;

/// A handler that failed, displayed on one line as `label at file:line: message`.
///
/// Of the message that is the first paragraph, its lines joined by spaces, and ` …` if there are more. Characters that break a line, are not
/// seen, or change how others are seen are escaped: control and format characters, and separators of lines and paragraphs.
///
/// As an [`Error`] it has a [`source`](Error::source) where the handler returned a [`HandlerError`] that has one, or an
/// [`io::Error`](std::io::Error). Of other types Rust tells no more than the message: they are only `Debug`.
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
pub struct Failure {
    pub(crate) handler: HandlerInfo,
    pub(crate) error: HandlerError,
}

impl Failure {
    /// The handler: its label and where it was declared or registered.
    #[must_use]
    pub fn handler(&self) -> &HandlerInfo {
        &self.handler
    }

    /// In which way it failed.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.error.kind()
    }

    /// What went wrong.
    ///
    /// The `Debug` text of an `Err`, `panicked: …`, `returned exit status 3`, `exceeded its time limit of …`, `was still running at the
    /// deadline`, or another sentence of which the handler is the subject.
    #[must_use]
    pub fn message(&self) -> &str {
        self.error.message()
    }

    /// What the process ends with if this is the last failure.
    ///
    /// For a panic it is 101, for an exit status or a [`HandlerError`] that was returned the status of that, and 1 for all else.
    #[must_use]
    pub fn status(&self) -> i32 {
        self.error.status()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.handler, one_line(self.message()))
    }
}

/// As it is displayed: a test and `main` show this.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}
