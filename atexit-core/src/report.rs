//! Owns what a program learns of a run: why it takes place, what ran, what failed and how; must not know how handlers are run.

use std::fmt;
use std::time::Duration;

use crate::handler::info::HandlerInfo;
use crate::handler::outcome::Fault;
use crate::handler::text::one_line;
use crate::sys::signal_number::Signal;

/// Why a run takes place, as a handler learns it from [`cause`](crate::cause).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The process exits.
    Exit {
        /// The status it was about to end with, where the platform tells it.
        status: Option<i32>,
    },
    /// This signal ends the process, after `signals::install` (feature `signals`, whose module has the type).
    Signal(Signal),
    /// The program called [`run`](crate::run).
    Run,
    /// The library that holds the handlers is being unloaded, by `dlclose`.
    Unload,
}

impl Cause {
    pub(crate) fn ends_process(self) -> bool {
        matches!(self, Self::Exit { .. } | Self::Signal(_))
    }

    /// The status that the process was about to end with.
    pub(crate) fn status(self) -> Option<i32> {
        match self {
            Self::Exit { status } => status,
            Self::Signal(_) | Self::Run | Self::Unload => None,
        }
    }
}

/// A handler that failed; displayed on one line as `label at file:line: message`.
///
/// Of the message that is the first paragraph, its lines joined by spaces, and ` …` if there are more. Characters that break a line, are not
/// seen, or change how others are seen are escaped: control and format characters, and separators of lines and paragraphs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub(crate) handler: HandlerInfo,
    pub(crate) fault: Fault,
}

impl Failure {
    /// The handler: its label and where it was declared or registered.
    #[must_use]
    pub fn handler(&self) -> &HandlerInfo {
        &self.handler
    }

    /// The `Debug` text of an `Err`, `panicked: …`, `returned exit status 3`, `exceeded its time limit of …`, `was still running at the
    /// deadline`, `called std::process::exit or C's exit, …`, `waited in vain for a lock of C's …`, `panicked, and the panic hook called C's exit`; of the
    /// observer, `the observer that is told of it was still running at the deadline`, `was not run: the observer …`; or what a
    /// [`Fault`](crate::Fault) says.
    #[must_use]
    pub fn message(&self) -> &str {
        self.fault.message()
    }

    /// What the process ends with if this is the last failure: 101 for a panic; 1 for an `Err`, for a limit or the deadline that is over, and for a
    /// handler that called [`std::process::exit`] or C's `exit`, or waited for a lock of C's, and cannot go on; the status that was returned, or
    /// that of a [`Fault`](crate::Fault).
    #[must_use]
    pub fn status(&self) -> i32 {
        self.fault.status()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.handler, one_line(self.message()))
    }
}

/// What became of the handlers of one run.
///
/// ```
/// atexit_core::register(|| Err::<(), _>("no space"));
/// let report = atexit_core::run();
/// assert_eq!(report.ran(), 1);
/// assert!(!report.is_success());
/// assert_eq!(report.failures()[0].message(), "\"no space\"");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub(crate) ran: usize,
    pub(crate) failures: Vec<Failure>,
    pub(crate) not_run: Vec<HandlerInfo>,
    pub(crate) elapsed: Duration,
}

impl Report {
    /// How many handlers were started, failed ones among them.
    #[must_use]
    pub fn ran(&self) -> usize {
        self.ran
    }

    /// The handlers that failed, in the order in which they did.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// The handlers that the deadline kept from running, in the order in which they would have run.
    #[must_use]
    pub fn not_run(&self) -> &[HandlerInfo] {
        &self.not_run
    }

    /// How long all of it took.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Whether nothing failed, and nothing was kept from running.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.failures.is_empty() && self.not_run.is_empty()
    }
}

/// What an observer is told, with none of the library's locks held.
///
/// `Started` and `Finished` come on the thread of the handler, the others on the thread that runs the handlers, and so does the `Finished` of a
/// handler that was abandoned.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A run begins.
    RunStarted {
        /// Why.
        cause: Cause,
        /// How many handlers are pending.
        pending: usize,
    },
    /// A handler is about to run.
    Started {
        /// Which.
        handler: HandlerInfo,
    },
    /// A handler has ended.
    Finished {
        /// Which.
        handler: HandlerInfo,
        /// How long it took.
        elapsed: Duration,
        /// What went wrong, if anything did.
        failure: Option<Failure>,
    },
    /// A run is over.
    RunFinished {
        /// What became of it.
        report: Report,
    },
}
