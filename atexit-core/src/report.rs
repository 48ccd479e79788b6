//! Owns the account of a run: what ran, what failed and how, and the words for it; must not know how handlers are run.

use std::fmt;
use std::time::Duration;

use crate::naming::{HandlerInfo, one_line};
use crate::runner::Cause;
use crate::status::Fault;

/// A handler that failed; displayed on one line as `label at file:line: message`.
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
    /// deadline`, or what a [`Fault`](crate::Fault) says.
    #[must_use]
    pub fn message(&self) -> &str {
        self.fault.message()
    }

    /// What the process ends with if this is the last failure: 101 for a panic, 1 for an `Err` and for a limit or the deadline that is over, the
    /// status that was returned, or that of a [`Fault`](crate::Fault).
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

    /// Names every handler that did not run and every one that failed on a line of its own, the last failure last; empty if all is well.
    pub(crate) fn summary(&self) -> String {
        let section = |count: usize, what: &str, lines: &mut dyn Iterator<Item = String>| match count {
            0 => String::new(),
            1 => format!("at_exit: 1 handler {what}:\n") + &lines.collect::<String>(),
            _ => format!("at_exit: {count} handlers {what}:\n") + &lines.collect::<String>(),
        };
        let line = |item: &dyn fmt::Display| format!("at_exit: {item}\n");
        let mut not_run = self.not_run.iter().map(|handler| line(handler));
        let mut failures = self.failures.iter().map(|failure| line(failure));
        section(self.not_run.len(), "not run before the deadline", &mut not_run)
            + &section(self.failures.len(), "failed", &mut failures)
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
