//! Owns how lines get to standard error, and which of them are wanted; must not know when there is something to say.
//!
//! Standard error may be a pipe that nobody reads: no line waits for its reader without a bound. The words for a problem of the order are
//! in `order::problem`, those for a failure in `handler::error`.

use std::cmp::Ordering::{Equal, Greater, Less};
use std::fmt::{self, Display};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::handler::error::HandlerError;
use crate::handler::info::HandlerInfo;
use crate::handler::text::{NAMED, list, some_of};
use crate::report::Failure;
use crate::sys::{self, sync::Instant};

/// How long all lines together wait for a slow reader, counted anew from the next one that does not have to wait.
const READER_PATIENCE: Duration = Duration::from_secs(10);

/// How long all lines together wait beyond the deadline of their run.
const GRACE: Duration = Duration::from_millis(200);

/// For how many milliseconds lines have waited. Nothing else is published with it.
pub(crate) static WAITED: AtomicU64 = AtomicU64::new(0);

/// How many problems of an order are shown, beside the last one: all cycles that are told, and what is said of the rest.
const PROBLEMS: usize = 100;

/// How many errors of this run were to be shown when they happened, of which [`NAMED`] are. Nothing else is published with it.
static ERRORS: AtomicUsize = AtomicUsize::new(0);

/// How much the library prints to standard error; each level has what is above it here.
///
/// A program sets it by [`Config::log`](crate::Config::log), and whoever starts the program by the environment variable `AT_EXIT_LOG`, which
/// has the last word.
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
    /// `error`, the default: what fails, hangs or cannot be had.
    #[default]
    Error,
    /// `plan`: also the [plan](crate::plan) before each run.
    Plan,
    /// `trace`: also each start and end of a handler, with how long it took.
    Trace,
}

/// As `AT_EXIT_LOG` calls it.
impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(LEVELS.iter().find(|(_, level)| level == self).map_or("", |(name, _)| name))
    }
}

const LEVELS: [(&str, Level); 4] =
    [("off", Level::Off), ("error", Level::Error), ("plan", Level::Plan), ("trace", Level::Trace)];

/// What is wrong with the variable has been said. Nothing else is published with it.
static SAID: AtomicBool = AtomicBool::new(false);

/// Prints lines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log {
    level: Level,
    /// No line waits for longer.
    until: Option<Instant>,
}

impl Log {
    /// What the environment says, or else the program, for a run with this deadline. What is not understood there is said once. Where whoever
    /// has set the environment has fewer rights than this process, it is not for them to say what is printed or kept quiet.
    pub(crate) fn new(level: Level, deadline: Option<Instant>) -> Self {
        let default = Self { level, until: None }.with_deadline(deadline);
        let value = if sys::has_rights_of_another() { None } else { std::env::var_os("AT_EXIT_LOG") };
        let Some(value) = value.filter(|value| !value.is_empty()) else { return default };
        if let Some((_, level)) = LEVELS.iter().find(|(name, _)| *name == value) {
            return Self { level: *level, ..default };
        }
        if !SAID.swap(true, Ordering::Relaxed) {
            let names = LEVELS.map(|(name, _)| name).join(", ");
            default.error_line(format_args!("AT_EXIT_LOG is {value:?}, which is none of {names}"));
        }
        default
    }

    /// From now on the run has this deadline.
    pub(crate) fn with_deadline(self, deadline: Option<Instant>) -> Self {
        Self { until: deadline.and_then(|deadline| deadline.checked_add(GRACE)), ..self }
    }

    pub(crate) fn traces(self) -> bool {
        self.level >= Level::Trace
    }

    /// The table of a plan, which is made only if it is wanted.
    pub(crate) fn plan<P: Display>(self, plan: impl FnOnce() -> P) {
        if self.level >= Level::Plan {
            self.print(&format!("at_exit: plan\n{}", plan()));
        }
    }

    /// What is wrong with an order.
    pub(crate) fn problems<P: Display>(self, problems: &[P]) {
        if self.level >= Level::Error {
            self.print(&at_exit(&shown_problems(problems)));
        }
    }

    pub(crate) fn started(self, handler: &HandlerInfo) {
        self.trace(format_args!("started {handler}"));
    }

    pub(crate) fn ended(self, handler: &HandlerInfo, elapsed: Duration, has_failed: bool) {
        let how = if has_failed { "failed" } else { "finished" };
        self.trace(format_args!("{how} {handler} after {elapsed:.1?}"));
    }

    pub(crate) fn abandoned(self, handler: &HandlerInfo, elapsed: Duration) {
        self.trace(format_args!("abandoned {handler} after {elapsed:.1?}"));
    }

    /// What is left to show when a handler of a run fails, as `main` shows its error.
    pub(crate) fn failed(self, error: &HandlerError) {
        if error.announcement().is_none() {
            return;
        }
        match ERRORS.fetch_add(1, Ordering::Relaxed).cmp(&NAMED) {
            Less => self.error(error),
            Equal => self.error_line(format_args!("more errors follow, and are counted below")),
            Greater => {}
        }
    }

    fn error(self, error: &HandlerError) {
        if let Some(text) = error.announcement().filter(|_| self.level >= Level::Error) {
            self.print(&text);
        }
    }

    /// A function that belongs to no run has failed, so that nothing is said of it at the end of one. It is named if it has a name.
    pub(crate) fn failed_outside(self, failure: &Failure, is_named: bool) {
        match failure.error.announcement() {
            Some(_) if !is_named => self.error(&failure.error),
            _ => self.error_line(format_args!("{failure}")),
        }
    }

    /// What is left to tell of a run when it is over. `too_late` handlers were registered too late; `stays_held` says that handlers ran on
    /// the exiting thread, where thread-locals are gone, which may be why one has failed.
    pub(crate) fn summary(self, failures: &[Failure], not_run: &[HandlerInfo], too_late: usize, stays_held: bool) {
        ERRORS.store(0, Ordering::Relaxed);
        if self.level < Level::Error {
            return;
        }
        let mut lines = Vec::new();
        if too_late > 0 {
            lines.push(format!("not run, registered too late by other threads: {too_late}"));
        }
        if stays_held && !failures.is_empty() {
            lines.push("stdout or stderr is locked, so handlers ran on the exiting thread".to_owned());
        }
        list(&mut lines, "not run before the deadline", not_run);
        list(&mut lines, "failed", failures);
        self.print(&at_exit(&lines));
    }

    /// A handler hangs. This line waits for no reader, so that nobody is late to abandon the handler: `false` if nobody reads.
    pub(crate) fn hangs(self, who: &str, handler: &HandlerInfo, elapsed: Duration, waiting: &str) -> bool {
        let line = format!("at_exit: {who}{handler} has been running for {} s; {waiting}\n", elapsed.as_secs());
        self.level < Level::Error || sys::write_stderr(&line, Instant::now())
    }

    /// The process ends because the deadline did not end it. This line waits for no reader either.
    pub(crate) fn late(self) {
        if self.level >= Level::Error {
            sys::write_stderr("at_exit: the process hung at the deadline and is ended now\n", Instant::now());
        }
    }

    /// The system has ended the thread that ran it.
    pub(crate) fn cut_off(self, handler: &HandlerInfo) {
        self.error_line(format_args!("{handler} was cut off: the process ends, and all other threads are dead"));
    }

    /// The same of a thread that had a lock.
    pub(crate) fn locked_for_good(self) {
        self.error_line(format_args!(
            "no handler can run: all other threads are dead, and one of them had locked this library"
        ));
    }

    /// The exit thread cannot have the stack that the program has asked for.
    pub(crate) fn no_stack(self, bytes: usize) {
        self.error_line(format_args!(
            "no thread with a stack of {bytes} bytes can be had, so handlers ran on the exiting thread"
        ));
    }

    fn error_line(self, line: fmt::Arguments<'_>) {
        if self.level >= Level::Error {
            self.write(line);
        }
    }

    fn trace(self, line: fmt::Arguments<'_>) {
        if self.traces() {
            self.write(line);
        }
    }

    fn write(self, line: fmt::Arguments<'_>) {
        self.print(&format!("at_exit: {line}\n"));
    }

    fn print(self, text: &str) {
        if text.is_empty() {
            return;
        }
        let start = Instant::now();
        let waited = WAITED.load(Ordering::Relaxed);
        let patience = READER_PATIENCE.saturating_sub(Duration::from_millis(waited));
        let until = start.checked_add(patience).unwrap_or(start);
        let is_written = sys::write_stderr(text, self.until.map_or(until, |bound| bound.min(until)));
        let now = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        WAITED.store(if is_written && now == 0 { 0 } else { waited.saturating_add(now) }, Ordering::Relaxed);
    }
}

/// What is wrong with an order, as far as it is shown.
pub(crate) fn shown_problems<P: Display>(problems: &[P]) -> Vec<String> {
    some_of(problems, PROBLEMS)
}

fn at_exit(lines: &[String]) -> String {
    lines.iter().flat_map(|line| ["at_exit: ", line, "\n"]).collect()
}
