//! Owns how lines get to standard error, and which lines are wanted; must not know when there is something to print.
//!
//! Standard error may be a pipe that nobody reads, so every wait for a reader has a bound. The words for a problem of the order are in
//! `order::problem`, those for a failure in `handler::error`.

use std::cmp::Ordering::{Equal, Greater, Less};
use std::fmt::{self, Display};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::handler::duration::rounded;
use crate::handler::error::HandlerError;
use crate::handler::info::HandlerInfo;
use crate::handler::text::{Lines, NAMED, text};
use crate::report::{Failure, list_problems};
use crate::sys::{self, sync::Instant};

/// What each line begins with.
const PREFIX: &str = "at_exit: ";

/// How long all lines together wait for a slow reader. A line that does not have to wait resets the count.
const READER_PATIENCE: Duration = Duration::from_secs(10);

/// How long after the deadline of their run lines may still wait.
const GRACE: Duration = Duration::from_millis(200);

/// How many milliseconds lines have waited so far. `Relaxed`: it publishes nothing else.
pub(crate) static WAITED: AtomicU64 = AtomicU64::new(0);

/// How many problems of an order are shown, besides the last one: room for a hundred cycles and the line that counts the rest.
const PROBLEMS: usize = 100;

/// How many errors of this run called for a line when they happened; the first [`NAMED`] get one. `Relaxed`: it publishes nothing else.
static ERRORS: AtomicUsize = AtomicUsize::new(0);

/// How much the library prints to standard error; each level includes the ones above it in this list.
///
/// A program sets it with [`Config::log`](crate::Config::log). The environment variable `AT_EXIT_LOG` overrides the program.
///
/// # Examples
///
/// ```
/// use atexit_core::{Config, Level, configure};
///
/// configure(Config::current().log(Level::Trace));
/// assert!(Level::Off < Level::Trace);
/// assert_eq!(Level::Trace.to_string(), "trace");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Level {
    /// `off`: nothing.
    Off,
    /// `error`, the default: what fails, hangs or is not available.
    #[default]
    Error,
    /// `plan`: also the [plan](crate::plan) before each run that has handlers.
    Plan,
    /// `trace`: also the start and the end of each handler, and how long it took.
    Trace,
}

/// The name that `AT_EXIT_LOG` uses.
impl fmt::Display for Level {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Plan => "plan",
            Self::Trace => "trace",
        })
    }
}

/// Whether a bad value of `AT_EXIT_LOG` was reported. `Relaxed`: it publishes nothing else.
static IS_BAD_VALUE_REPORTED: AtomicBool = AtomicBool::new(false);

/// Prints lines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log {
    level: Level,
    /// No line waits longer than this.
    until: Option<Instant>,
}

impl Log {
    /// For a run with this deadline, at the level that the environment sets, or else the program. A bad value is reported once. The environment
    /// is ignored if the user who set it may have fewer rights than this process.
    pub(crate) fn new(level: Level, deadline: Option<Instant>) -> Self {
        let default = Self { level, until: None }.with_deadline(deadline);
        let value = if sys::has_rights_of_another() { None } else { std::env::var_os("AT_EXIT_LOG") };
        let Some(value) = value else { return default };
        let level = match value.as_encoded_bytes() {
            b"off" => Level::Off,
            b"error" => Level::Error,
            b"plan" => Level::Plan,
            b"trace" => Level::Trace,
            bad => {
                if !bad.is_empty() && !IS_BAD_VALUE_REPORTED.swap(true, Ordering::Relaxed) {
                    default.line(
                        Level::Error,
                        format_args!("AT_EXIT_LOG is {value:?}, which is none of off, error, plan, trace"),
                    );
                }
                level
            }
        };
        Self { level, ..default }
    }

    /// The same log for a run with this deadline.
    pub(crate) fn with_deadline(self, deadline: Option<Instant>) -> Self {
        let until = match deadline {
            Some(deadline) => deadline.checked_add(GRACE),
            None => None,
        };
        Self { until, ..self }
    }

    fn shows(&self, level: Level) -> bool {
        self.level as u8 >= level as u8
    }

    pub(crate) fn traces(&self) -> bool {
        self.shows(Level::Trace)
    }

    /// Prints the table of a plan, which is made only if it is wanted.
    pub(crate) fn plan(&self, table: fn() -> String) {
        if self.shows(Level::Plan) {
            self.print(&text(format_args!("at_exit: plan\n{}", table())));
        }
    }

    pub(crate) fn problems<P: Display>(&self, problems: &[P]) {
        if self.shows(Level::Error) {
            self.print(shown_problems(PREFIX, problems).text());
        }
    }

    pub(crate) fn started(&self, handler: &HandlerInfo) {
        self.line(Level::Trace, format_args!("started {handler}"));
    }

    pub(crate) fn ended(&self, handler: &HandlerInfo, elapsed: Duration, has_failed: bool) {
        let how = if has_failed { "failed" } else { "finished" };
        self.line(Level::Trace, format_args!("{how} {handler} after {}", rounded(elapsed)));
    }

    pub(crate) fn abandoned(&self, handler: &HandlerInfo, elapsed: Duration) {
        self.line(Level::Trace, format_args!("abandoned {handler} after {}", rounded(elapsed)));
    }

    /// Shows the error of a failed handler as `main` would, unless the panic hook has shown it.
    pub(crate) fn failed(&self, error: &HandlerError) {
        if !error.is_announced() {
            return;
        }
        match ERRORS.fetch_add(1, Ordering::Relaxed).cmp(&NAMED) {
            Less => self.announce(error),
            Equal => self.line(Level::Error, format_args!("further errors are not shown; the summary counts them")),
            Greater => {}
        }
    }

    #[inline]
    fn announce(&self, error: &HandlerError) {
        if self.shows(Level::Error) {
            self.print(&error.announcement());
        }
    }

    /// Reports a function that has failed outside of a run: no summary will name it. It is named here if it has a name.
    pub(crate) fn failed_outside(&self, failure: &Failure, is_named: bool) {
        if failure.error().is_announced() && !is_named {
            self.announce(failure.error());
        } else {
            self.line(Level::Error, format_args!("{failure}"));
        }
    }

    /// Prints what is left to report when a run is over. `too_late` counts the handlers that were registered too late. `stays_held` says that
    /// handlers ran on the exiting thread because a stream stayed locked. Thread-locals are gone there, which may be why a handler failed.
    #[inline]
    pub(crate) fn summary(&self, failures: &[&Failure], not_run: &[HandlerInfo], too_late: usize, stays_held: bool) {
        ERRORS.store(0, Ordering::Relaxed);
        if !self.shows(Level::Error) {
            return;
        }
        let mut lines = Lines::after(PREFIX);
        if too_late > 0 {
            lines.add(format_args!("not run, registered too late by other threads: {too_late}"));
        }
        if stays_held && !failures.is_empty() {
            lines.add(format_args!("stdout or stderr is locked, so handlers ran on the exiting thread"));
        }
        list_problems(&mut lines, not_run, &failures);
        self.print(lines.text());
    }

    /// Reports a handler that hangs. This line waits for no reader, so that the handler is not abandoned late. `false`: nobody reads.
    pub(crate) fn hangs(&self, who: &str, handler: &HandlerInfo, elapsed: Duration, waiting: &str) -> bool {
        let seconds = elapsed.as_secs();
        let line = text(format_args!("at_exit: {who}{handler} has been running for {seconds} s; {waiting}\n"));
        !self.shows(Level::Error) || sys::write_stderr(&line, Instant::now())
    }

    /// Reports that the process ends now because the deadline did not end it. This line waits for no reader either.
    pub(crate) fn late(&self) {
        if self.shows(Level::Error) {
            sys::write_stderr("at_exit: the process hung at the deadline and ends now\n", Instant::now());
        }
    }

    /// Reports a handler whose thread the system has ended.
    pub(crate) fn cut_off(&self, handler: &HandlerInfo) {
        self.line(
            Level::Error,
            format_args!("{handler} was cut off: the process ends, and all other threads are dead"),
        );
    }

    /// Reports that the system has ended a thread that had a lock of this library.
    pub(crate) fn locked_for_good(&self) {
        self.line(
            Level::Error,
            format_args!("no handler can run: all other threads are dead, and one of them had locked this library"),
        );
    }

    /// Reports that the exit thread could not get the stack that the program asks for.
    pub(crate) fn no_stack(&self, bytes: usize) {
        self.line(
            Level::Error,
            format_args!(
                "no thread with a stack of {bytes} bytes could be started, so handlers ran on the exiting thread"
            ),
        );
    }

    /// Prints a line, at this level and below it.
    #[inline(never)] // one copy, to keep programs small
    fn line(&self, level: Level, line: fmt::Arguments<'_>) {
        if self.shows(level) {
            self.print(&text(format_args!("{PREFIX}{line}\n")));
        }
    }

    fn print(&self, lines: &str) {
        if lines.is_empty() {
            return;
        }
        let start = Instant::now();
        let waited = WAITED.load(Ordering::Relaxed);
        let patience = READER_PATIENCE.saturating_sub(Duration::from_millis(waited));
        let until = start.checked_add(patience).unwrap_or(start);
        let is_written = sys::write_stderr(lines, self.until.unwrap_or(until).min(until));
        let now = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        WAITED.store(if is_written && now == 0 { 0 } else { waited.saturating_add(now) }, Ordering::Relaxed);
    }
}

/// The problems of an order, as far as they are shown.
pub(crate) fn shown_problems<P: Display>(prefix: &'static str, problems: &[P]) -> Lines {
    let mut lines = Lines::after(prefix);
    lines.add_some(&problems, PROBLEMS);
    lines
}
