//! Owns how lines get to standard error, and which of them are wanted; must not know when there is something to say.
//!
//! Standard error may be a pipe that nobody reads: no line waits for its reader without a bound. The words for a problem of the order are
//! in `order::problem`, those for a failure in `handler::outcome`.

use std::cmp::Ordering::{Equal, Greater, Less};
use std::fmt::{self, Display};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::handler::info::HandlerInfo;
use crate::handler::outcome::Fault;
use crate::order::problem::Problem;
use crate::report::Failure;
use crate::sys::{self, sync::Instant};

/// How long all lines together wait for a slow reader, counted anew from the next one that does not have to wait.
const READER_PATIENCE: Duration = Duration::from_secs(10);

/// How long all lines together wait beyond the deadline of their run.
const GRACE: Duration = Duration::from_millis(200);

/// For how many milliseconds lines have waited. Nothing else is published with it.
pub(crate) static WAITED: AtomicU64 = AtomicU64::new(0);

/// How many handlers a list names, beside the last one; the rest are counted. Of the errors of a run, so many are shown when they happen.
const NAMED: usize = 50;

/// The same for what is wrong with an order: all circles that are told, and what is said of the rest.
const PROBLEMS: usize = 100;

/// How many errors of this run were to be shown. Nothing else is published with it.
static ERRORS: AtomicUsize = AtomicUsize::new(0);

/// How much is printed, as `AT_EXIT_LOG` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Off,
    Error,
    Plan,
    Trace,
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
    /// Reads the environment, for a run with this deadline. What it does not understand is the default, and said once. Where whoever has
    /// set the environment has fewer rights than this process, it is not for them to say what is printed or kept quiet.
    pub(crate) fn from_environment(deadline: Option<Instant>) -> Self {
        let default = Self { level: Level::Error, until: None }.with_deadline(deadline);
        let value = if sys::has_rights_of_another() { None } else { std::env::var_os("AT_EXIT_LOG") };
        let Some(value) = value.filter(|value| !value.is_empty()) else { return default };
        if let Some((_, level)) = LEVELS.iter().find(|(name, _)| *name == value) {
            return Self { level: *level, ..default };
        }
        if !SAID.swap(true, Ordering::Relaxed) {
            let names = LEVELS.map(|(name, _)| name).join(", ");
            default.write(format_args!("AT_EXIT_LOG is {value:?}, which is none of {names}"));
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

    pub(crate) fn problems(self, problems: &[Problem]) {
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
    pub(crate) fn fault(self, fault: &Fault) {
        if fault.announcement().is_none() {
            return;
        }
        match ERRORS.fetch_add(1, Ordering::Relaxed).cmp(&NAMED) {
            Less => self.error(fault),
            Equal if self.level >= Level::Error => {
                self.write(format_args!("more errors follow, and are counted below"));
            }
            Equal | Greater => {}
        }
    }

    /// The same for a function that belongs to no run.
    pub(crate) fn error(self, fault: &Fault) {
        if let Some(text) = fault.announcement().filter(|_| self.level >= Level::Error) {
            self.print(&text);
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
        if self.level >= Level::Error {
            self.write(format_args!("{handler} was cut off: the process ends, and all other threads are dead"));
        }
    }

    /// The same of a thread that had a lock.
    pub(crate) fn locked_for_good(self) {
        if self.level >= Level::Error {
            self.write(format_args!(
                "no handler can run: all other threads are dead, and one of them had locked this library"
            ));
        }
    }

    /// The exit thread cannot have the stack that the program has asked for.
    pub(crate) fn no_stack(self, bytes: usize) {
        if self.level >= Level::Error {
            self.write(format_args!(
                "no thread with a stack of {bytes} bytes can be had, so handlers ran on the exiting thread"
            ));
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

/// Each item on a line of its own, below a heading; nothing if there is none.
fn list<T: Display>(lines: &mut Vec<String>, what: &str, items: &[T]) {
    match items.len() {
        0 => return,
        1 => lines.push(format!("1 handler {what}:")),
        count => lines.push(format!("{count} handlers {what}:")),
    }
    lines.extend(some_of(items, NAMED));
}

/// What is wrong with an order, as far as it is shown.
pub(crate) fn shown_problems(problems: &[Problem]) -> Vec<String> {
    some_of(problems, PROBLEMS)
}

/// The first items, how many more there are, and the last one, which a script may look for.
fn some_of<T: Display>(items: &[T], most: usize) -> Vec<String> {
    let (first, rest) = items.split_at(items.len().min(most));
    let mut lines: Vec<String> = first.iter().map(ToString::to_string).collect();
    if let [more @ .., last] = rest {
        lines.extend((!more.is_empty()).then(|| format!("and {} more", more.len())));
        lines.push(last.to_string());
    }
    lines
}

fn at_exit(lines: &[String]) -> String {
    lines.iter().flat_map(|line| ["at_exit: ", line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_its_beginning_a_number_and_its_end() {
        let shown = |count: usize| some_of(&(0..count).collect::<Vec<_>>(), 2).join(", ");
        assert_eq!(
            [0, 2, 3, 4, 1000].map(shown),
            ["", "0, 1", "0, 1, 2", "0, 1, and 1 more, 3", "0, 1, and 997 more, 999"]
        );
    }
}
