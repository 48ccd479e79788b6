//! Owns what a program learns about a run: why it takes place, what ran, what failed and how; must not know how handlers are run.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::handler::info::HandlerInfo;
use crate::handler::text::{Items, Lines};
use crate::sys::signal_number::Signal;

mod failure;
mod handlers;
mod results;

pub use failure::Failure;
pub(crate) use handlers::HandlerRecord;
pub use handlers::{HandlerEnd, HandlerRun};
pub(crate) use results::{NotRun, RunResults};

/// Why a run takes place, as [`cause`](crate::cause) tells a handler; displayed in a few words.
///
/// # Examples
///
/// ```
/// use atexit_core::{Cause, cause, register, run};
///
/// register(|| match cause() {
///     Some(Cause::Exit { status: Some(status), .. }) => println!("the process exits with {status}"),
///     Some(cause) => println!("{cause}"),
///     None => unreachable!("a handler always has a cause"),
/// });
/// assert!(run().is_success());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The process exits.
    #[non_exhaustive]
    Exit {
        /// The status that it is about to end with, if the platform tells it.
        status: Option<i32>,
    },
    /// This signal ends the process; see [`signals::install`](crate::signals::install) (feature `signals`; its module has the type).
    Signal(Signal),
    /// The program called [`run`](crate::run).
    Run,
    /// The library that contains the handlers is being unloaded, by `dlclose`.
    Unload,
}

impl Cause {
    pub(crate) fn ends_process(self) -> bool {
        matches!(self, Self::Exit { .. } | Self::Signal(_))
    }

    pub(crate) fn is_signal(self) -> bool {
        cfg!(feature = "signals") && matches!(self, Self::Signal(_))
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
    #[inline]
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

/// What happened to the handlers of one run.
///
/// Displayed, it says how many ran, and then names those that were not run and those that failed, each on a line, the last one without a
/// newline.
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
#[derive(Clone)]
pub struct Report(Arc<Findings>);

/// What a run has found out. Shared, because an observer may keep the report.
struct Findings {
    results: RunResults,
    failures: Vec<Failure>,
    /// The records in words, once somebody has asked.
    handlers: OnceLock<Vec<HandlerRun>>,
}

impl Report {
    #[inline]
    pub(crate) fn new(results: RunResults) -> Self {
        let failures = results.failures().into_iter().cloned().collect();
        Self(Arc::new(Findings { results, failures, handlers: OnceLock::new() }))
    }

    /// How many handlers were started, including those that failed.
    #[must_use]
    pub fn ran(&self) -> usize {
        self.0.results.ran
    }

    /// The handlers that were started, in the order in which they ended: how long each took, and how it ended.
    ///
    /// If a handler calls [`run`](crate::run), the report of that call lists what it ran. If such a handler is abandoned, or the process ends
    /// inside it, the handlers that it ran so far are listed here. Those that never ended are only counted by [`ran`](Self::ran), and so is a
    /// handler that called C's `exit` on a platform that does not tell the status.
    #[must_use]
    #[inline]
    pub fn handlers(&self) -> &[HandlerRun] {
        self.0.handlers.get_or_init(|| {
            let records = &self.0.results.handlers;
            let mut handlers = Vec::with_capacity(records.len());
            for record in records {
                handlers.push(record.told());
            }
            handlers
        })
    }

    /// The handlers that failed, in the order in which they failed.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        &self.0.failures
    }

    /// The handlers that the deadline kept from running, in the order in which they would have run.
    #[must_use]
    pub fn not_run(&self) -> &[HandlerInfo] {
        self.0.results.not_run()
    }

    /// How long the run took.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.results.elapsed
    }

    /// Whether no handler failed, and the deadline kept none from running.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.0.failures.is_empty() && self.0.results.not_run.is_none()
    }

    /// Turns the report into a `Result`, for use with `?`: an error unless [`is_success`](Self::is_success).
    ///
    /// The run has already printed the same to standard error, unless [`Config::log`](crate::Config::log) keeps it from that. If you also show
    /// the error, as `main` does when it returns one, it appears twice.
    ///
    /// # Errors
    ///
    /// A [`RunError`] that contains this report.
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
    #[inline]
    pub fn into_result(self) -> Result<(), RunError> {
        if self.is_success() { Ok(()) } else { Err(RunError { report: self }) }
    }

    /// What went wrong, line by line.
    #[inline]
    fn add_problems(&self, lines: &mut Lines) {
        list_problems(lines, self.not_run(), &self.failures());
    }
}

/// Adds the handlers that were not run, and those that failed, line by line.
#[inline]
pub(crate) fn list_problems(lines: &mut Lines, not_run: &[HandlerInfo], failures: &dyn Items) {
    lines.list("not run before the deadline", &not_run);
    lines.list("failed", failures);
}

impl fmt::Display for Report {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ran = self.ran();
        let handlers = if ran == 1 { "handler" } else { "handlers" };
        let mut lines = Lines::default();
        lines.add(format_args!("{ran} {handlers} ran"));
        self.add_problems(&mut lines);
        f.write_str(lines.joined())
    }
}

impl fmt::Debug for Report {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report")
            .field("ran", &self.ran())
            .field("handlers", &self.handlers())
            .field("failures", &self.failures())
            .field("not_run", &self.not_run())
            .field("elapsed", &self.elapsed())
            .finish()
    }
}

/// The report of a run in which nothing ran.
impl Default for Report {
    #[inline]
    fn default() -> Self {
        Self::new(RunResults::default())
    }
}

/// A run in which a handler failed, or was kept from running by the deadline.
///
/// Made by [`Report::into_result`]. Its `Display` and its `Debug` name each handler that was not run or that failed, each on a line.
#[derive(Clone)]
pub struct RunError {
    report: Report,
}

impl RunError {
    /// What happened to the handlers.
    #[must_use]
    #[inline]
    pub fn report(&self) -> &Report {
        &self.report
    }
}

impl fmt::Display for RunError {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Lines::default();
        self.report.add_problems(&mut lines);
        f.write_str(lines.joined())
    }
}

/// The same as `Display`, because this is what a test and `main` show.
impl fmt::Debug for RunError {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for RunError {}

/// An event of a run, as an observer receives it. The library holds none of its locks meanwhile.
///
/// `Started` and `Finished` arrive on the handler's thread. The others arrive on the thread that drives the run, and so does the `Finished` of
/// a handler that was abandoned.
///
/// # Examples
///
/// ```
/// use atexit_core::{Config, Event, configure};
///
/// configure(Config::current().observer(|event| match event {
///     Event::RunStarted { cause, pending, .. } => println!("{pending} handlers run; cause: {cause}"),
///     Event::Finished { handler, failure: Some(failure), .. } => println!("{handler} failed: {}", failure.kind()),
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
        /// Why it takes place.
        cause: Cause,
        /// The number of pending handlers.
        pending: usize,
    },
    /// A handler is about to run.
    #[non_exhaustive]
    Started {
        /// The handler.
        handler: HandlerInfo,
    },
    /// A handler has ended.
    #[non_exhaustive]
    Finished {
        /// The handler.
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
        /// What happened in it.
        report: Report,
    },
}

/// What an observer is to learn. Only a program with an observer has the code that makes an [`Event`] of it.
#[derive(Clone, Copy)]
pub(crate) enum News<'a> {
    RunStarted { cause: Cause, pending: usize },
    Started { handler: &'a HandlerInfo },
    Finished { handler: &'a HandlerInfo, elapsed: Duration, end: HandlerEnd, failure: Option<&'a Failure> },
    RunFinished { cause: Cause, results: &'a RunResults },
}

impl News<'_> {
    #[inline]
    pub(crate) fn event(self) -> Event {
        match self {
            Self::RunStarted { cause, pending } => Event::RunStarted { cause, pending },
            Self::Started { handler } => Event::Started { handler: handler.clone() },
            Self::Finished { handler, elapsed, end, failure } => {
                Event::Finished { handler: handler.clone(), elapsed, end, failure: failure.cloned() }
            }
            Self::RunFinished { cause, results } => {
                let mut results = results.clone();
                if cause == Cause::Unload {
                    results.make_names(); // now: their code is about to be unmapped
                }
                Event::RunFinished { report: Report::new(results) }
            }
        }
    }
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
