//! Owns what a program learns of a run: why it takes place, what ran, what failed and how; must not know how handlers are run.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::handler::info::HandlerInfo;
use crate::handler::text::list;
use crate::sys::signal_number::Signal;

mod failure;
mod handlers;

pub use failure::Failure;
pub use handlers::{HandlerEnd, HandlerRun};
pub(crate) use handlers::{HandlerRecord, HandlerRecords};

/// Why a run takes place, as a handler learns it from [`cause`](crate::cause); displayed in a few words.
///
/// # Examples
///
/// ```
/// use atexit_core::{Cause, cause, register, run};
///
/// register(|| match cause() {
///     Some(Cause::Exit { status: Some(status), .. }) => println!("the process exits with {status}"),
///     Some(cause) => println!("{cause}"),
///     None => unreachable!("inside a handler there is one"),
/// });
/// assert!(run().is_success());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The process exits.
    #[non_exhaustive]
    Exit {
        /// The status it was about to end with, where the platform tells it.
        status: Option<i32>,
    },
    /// This signal ends the process, after [`signals::install`](crate::signals::install) (feature `signals`, whose module has the type).
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

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit { status: Some(status) } => f.pad(&format!("exit with status {status}")),
            Self::Exit { status: None } => f.pad("exit"),
            Self::Signal(signal) => fmt::Display::fmt(signal, f),
            Self::Run => f.pad("run"),
            Self::Unload => f.pad("unload"),
        }
    }
}

/// What became of the handlers of one run.
///
/// It is displayed as how many ran, and, a line for each, those that were not run and those that failed.
///
/// # Examples
///
/// ```
/// atexit_core::Handler::new(|| Err::<(), _>("no space")).name("flush").register();
/// atexit_core::register(|| println!("closed"));
/// let report = atexit_core::run();
/// for run in report.handlers() {
///     println!("{} took {:?}", run.handler(), run.elapsed());
/// }
/// assert_eq!(report.ran(), 2);
/// assert_eq!(report.failures()[0].message(), "\"no space\"");
/// assert!(report.to_string().starts_with("2 handlers ran\n1 handler failed:\nflush at "));
/// assert!(report.into_result().is_err());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub(crate) ran: usize,
    pub(crate) handlers: HandlerRecords,
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

    /// The handlers that were started, in the order in which they ended: how long each took, and how it ended.
    ///
    /// What a handler ran by a [`run`](crate::run) of its own is in the report of that. Where such a handler is abandoned, or the process ends
    /// inside of it, what it ran so far is here. What of that never ended is counted by [`ran`](Self::ran) only, as is a handler that called
    /// C's `exit` where the platform does not tell the status.
    #[must_use]
    pub fn handlers(&self) -> &[HandlerRun] {
        self.handlers.told()
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

    /// For a `?`: an error if anything failed, or was kept from running.
    ///
    /// The run has told the same on standard error, where [`Config::log`](crate::Config::log) does not keep it from that: who shows the error
    /// as well, as `main` does, tells it twice.
    ///
    /// # Errors
    ///
    /// A [`RunError`] with this report in it.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), atexit_core::RunError> {
    /// atexit_core::register(|| println!("flushed"));
    /// atexit_core::run().into_result()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_result(self) -> Result<(), RunError> {
        if self.is_success() { Ok(()) } else { Err(RunError { report: Box::new(self) }) }
    }
}

impl Report {
    /// What went wrong, in lines.
    fn summary(&self, mut lines: Vec<String>) -> String {
        list(&mut lines, "not run before the deadline", &self.not_run);
        list(&mut lines, "failed", &self.failures);
        lines.join("\n")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let handlers = if self.ran == 1 { "handler" } else { "handlers" };
        f.write_str(&self.summary(vec![format!("{} {handlers} ran", self.ran)]))
    }
}

/// A run in which something failed, or was kept from running.
///
/// Made by [`Report::into_result`]. Its `Display`, and its `Debug`, name each handler that was not run or that failed, a line each.
#[derive(Clone)]
pub struct RunError {
    report: Box<Report>,
}

impl RunError {
    /// What became of the handlers.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report.summary(Vec::new()))
    }
}

/// As it is displayed: a test and `main` show this.
impl fmt::Debug for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for RunError {}

/// What an observer is told, with none of the library's locks held.
///
/// `Started` and `Finished` come on the thread of the handler, the others on the thread that runs the handlers, and so does the `Finished` of a
/// handler that was abandoned.
///
/// # Examples
///
/// ```
/// use atexit_core::{Config, Event, configure};
///
/// configure(Config::current().observer(|event| match event {
///     Event::RunStarted { cause, pending, .. } => println!("{pending} handlers, for this reason: {cause}"),
///     Event::Finished { handler, failure: Some(failure), .. } => println!("{handler} has failed: {}", failure.kind()),
///     Event::RunFinished { report, .. } => println!("{report}"),
///     _ => {}
/// }));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A run begins.
    #[non_exhaustive]
    RunStarted {
        /// Why.
        cause: Cause,
        /// How many handlers are pending.
        pending: usize,
    },
    /// A handler is about to run.
    #[non_exhaustive]
    Started {
        /// Which.
        handler: HandlerInfo,
    },
    /// A handler has ended.
    #[non_exhaustive]
    Finished {
        /// Which.
        handler: HandlerInfo,
        /// How long it took.
        elapsed: Duration,
        /// How it ended.
        end: HandlerEnd,
        /// What went wrong, if it failed.
        failure: Option<Failure>,
    },
    /// A run is over.
    #[non_exhaustive]
    RunFinished {
        /// What became of it.
        report: Report,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_its_words() {
        let table = [
            (Cause::Exit { status: Some(3) }, "exit with status 3"),
            (Cause::Exit { status: None }, "exit"),
            (Cause::Run, "run"),
            (Cause::Unload, "unload"),
        ];
        for (cause, words) in table {
            assert_eq!(format!("{cause:20}|"), format!("{words:20}|"), "{cause:?}");
        }
        let signal = Signal::from_raw(2);
        assert_eq!(Cause::Signal(signal).to_string(), signal.to_string());
    }
}
