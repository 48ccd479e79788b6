//! Owns a run: taking handlers one by one, on the thread that each needs, and what becomes of each; must not know where handlers
//! come from, nor how a process ends.

use std::any::Any;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use crate::account::{self, Ending, Terms};
use crate::config::{self, Config, Level};
use crate::exit_thread::{self, Desk, ExitThread, Stay, Stop, Watchdog, Work};
use crate::handler::{Entry, Label};
use crate::hook;
use crate::plan::{self, Problem};
use crate::platform::{self, Callback};
use crate::registry::{self, Place};
use crate::report::{Event, Failure, Report};
use crate::status::{self, Fault, Wishes};
use crate::sync::Instant;
use crate::turn::{self, Seat, Turn};
use crate::watch::Watch;

/// Why a run takes place, as a handler learns it from [`cause`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The process exits.
    Exit {
        /// The status it was about to end with, where the platform tells it.
        status: Option<i32>,
    },
    /// This signal ends the process, after `signals::install` (feature `signals`).
    Signal(i32),
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

/// Why this handler runs: `None` outside of handlers.
///
/// It speaks of the innermost run, and only on the thread that the handler runs on.
///
/// ```
/// use atexit_core::{Cause, cause, register, run};
///
/// register(|| assert_eq!(cause(), Some(Cause::Run)));
/// assert!(run().is_success());
/// assert_eq!(cause(), None);
/// ```
#[must_use]
pub fn cause() -> Option<Cause> {
    turn::is_seated().then(account::terms).flatten().map(|terms| terms.cause)
}

/// What a handler unwinds with when it calls `exit`.
struct ExitRequest;

/// Runs everything that is pending, and says what the status of the process should be after that.
pub(crate) fn run(cause: Cause) -> (Report, Wishes) {
    if turn::is_seated() {
        return run_inside(cause);
    }
    let deadline = deadline(cause);
    match turn::take(cause.ends_process(), deadline) {
        Turn::Mine => {}
        // Whoever leaves ends the process soon, and is not to be cut off.
        Turn::Leave(_) if matches!(cause, Cause::Signal(_)) => exit_thread::park(),
        Turn::Leave(status) => return (Report::default(), Wishes { exit: Some(status), failure: None }),
        Turn::Late => return give_up(cause),
    }
    let pending = registry::open_run(cause.ends_process());
    let result = if pending > 0 {
        run_outside(cause, pending, deadline)
    } else {
        tell_problems(cause, Level::from_environment);
        Default::default()
    };
    turn::end();
    result
}

fn deadline(cause: Cause) -> Option<Instant> {
    let limit = if cause.ends_process() { config::current().deadline } else { None };
    limit.and_then(|limit| Instant::now().checked_add(limit))
}

/// The deadline was over before another thread's run was.
fn give_up(cause: Cause) -> (Report, Wishes) {
    registry::unseat();
    let terms = account::open(cause, None);
    let _seat = Seat::take();
    let result = account::close(strike(&terms));
    turn::end_by_exit();
    result
}

fn run_outside(cause: Cause, pending: usize, deadline: Option<Instant>) -> (Report, Wishes) {
    let terms = account::open(cause, deadline);
    turn::open();
    tell_plan(&terms);
    tell_problems(cause, || terms.level);
    // The observer is part of the run, wherever it is called.
    let seat = Seat::take();
    observe(&terms.config, || Event::RunStarted { cause, pending });
    drop(seat);
    let ending = Run::new(&terms).finish();
    let _seat = Seat::take();
    end_account(cause.ends_process(), ending)
}

fn tell_plan(terms: &Terms) {
    if terms.level >= Level::Plan {
        platform::write_stderr(&format!("at_exit: plan\n{}", plan::plan()));
    }
}

/// Says at an exit, once, which wishes of handlers and links cannot be granted.
fn tell_problems(cause: Cause, level: impl FnOnce() -> Level) {
    let mut problems = if cause.ends_process() { registry::take_problems() } else { Vec::new() };
    problems.retain(|problem| !matches!(problem, Problem::NoHandlers { .. }));
    if !problems.is_empty() && level() >= Level::Error {
        for problem in problems {
            platform::write_stderr(&format!("at_exit: {problem}\n"));
        }
    }
}

/// Waits for the end of the process if the deadline has struck, and another thread ends this run.
fn claim_end() {
    if !turn::claim_end() {
        exit_thread::park();
    }
}

/// Ends the outermost run, whatever is still open inside it.
pub(crate) fn end_account(at_exit: bool, ending: Ending) -> (Report, Wishes) {
    account::fold();
    let (ran, too_late) = registry::close_run(at_exit);
    account::close(Ending { ran, too_late, ..ending })
}

/// A run inside a handler takes place right there.
fn run_inside(cause: Cause) -> (Report, Wishes) {
    let outer = registry::enter_run();
    let Some(terms) = account::open_inside(cause) else { return Default::default() };
    observe(&terms.config, || Event::RunStarted { cause, pending: registry::pending() });
    drive(&terms, Place::Anywhere, None);
    let ran = registry::leave_run(outer);
    account::close_inside(Ending { ran, ..Ending::default() })
}

/// Runs what is left from inside a handler that never returns, because it has called C's `exit`. `None`: it has been abandoned meanwhile.
pub(crate) fn finish_inside_handler() -> Option<Wishes> {
    let Some(terms) = account::terms() else {
        return Some(Wishes::default()); // a second hook behind the first
    };
    exit_thread::take_over().then(|| finish_on_this_thread(&terms))
}

/// Runs what is left in a child that a handler has forked on the exit thread.
pub(crate) fn finish_alone() -> Wishes {
    account::terms().map(|terms| finish_on_this_thread(&terms)).unwrap_or_default()
}

/// Goes on with the run of another thread; this one takes the process down now.
fn finish_on_this_thread(terms: &Terms) -> Wishes {
    exit_thread::resign();
    turn::reopen();
    turn::begin_exit(); // also where the run was not an exit
    let deadline = terms.deadline.or_else(|| deadline(Cause::Exit { status: None }));
    let terms = &Terms { deadline, ..terms.clone() };
    let ending = Run::new(terms).finish();
    let seat = Seat::take();
    let (_, wishes) = end_account(true, ending);
    drop(seat);
    turn::end_by_exit();
    wishes
}

/// Ends the handler that this thread is in; `code` becomes the status of the process.
pub(crate) fn exit_handler(code: i32) -> ! {
    account::exit(code);
    if !cfg!(panic = "abort") && !std::thread::panicking() {
        let request: Box<dyn Any + Send> = Box::new(ExitRequest);
        resume_unwind(request);
    }
    // Nothing can unwind here. An exit thread is left standing; the exiting thread runs the rest above the handler's frames.
    match exit_thread::desk() {
        Some(desk) => desk.park(),
        None => platform::exit(code),
    }
}

/// What becomes of what handlers print.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Output {
    /// All have run on the exiting thread so far, and nobody flushes for them.
    Own,
    Buffered,
    Flushed,
}

/// A run and the thread that it has started.
struct Run<'a> {
    terms: &'a Terms,
    thread: Option<ExitThread>,
    output: Output,
    /// Everything runs on the exiting thread.
    stays: bool,
    /// That is because somebody holds stdout or stderr.
    held: bool,
}

impl<'a> Run<'a> {
    fn new(terms: &'a Terms) -> Self {
        Self { terms, thread: None, output: Output::Own, held: false, stays: !platform::may_start_threads(terms.cause) }
    }

    fn watch(&self) -> Watch {
        Watch::new(self.terms.level, self.terms.deadline)
    }

    /// Runs all handlers, each where it belongs.
    fn finish(mut self) -> Ending {
        let mut watch = self.watch();
        while let Some(place) = registry::next_place() {
            if watch.is_over() {
                claim_end();
                return strike(self.terms);
            }
            let here = place == Place::Caller && !self.is_by_signal();
            let thread = if here { None } else { self.exit_thread() };
            let Some(mut thread) = thread else {
                self.drive_here();
                continue;
            };
            match thread.drive(&mut watch) {
                Stop::Idle => self.thread = Some(thread),
                Stop::Finishing => {
                    thread.finish(&watch);
                    self.output = Output::Flushed;
                }
                Stop::Parked => account::fold(),
                Stop::Abandoned(limit, label) => {
                    account::fold(); // what it ran inside does not go on
                    fail_elsewhere(self.terms, &label, Fault::timed_out(limit), limit);
                }
                Stop::Deadline => {
                    claim_end();
                    return strike(self.terms);
                }
            }
        }
        let thread = self.thread.take();
        if thread.is_none() && self.output == Output::Buffered && !self.stays {
            ExitThread::flush(WORK, &watch); // what was printed by a handler that was abandoned
        } else if let Some(thread) = thread.and_then(ExitThread::here) {
            thread.finish(&watch);
        } else if self.terms.cause == Cause::Unload {
            let _ = std::io::stdout().flush(); // who still holds it runs code that is about to go away
        }
        claim_end();
        Ending { held: self.held, ..Ending::default() }
    }

    /// The thread that a signal wakes is no thread of the program's: no handler can insist on it.
    fn is_by_signal(&self) -> bool {
        matches!(self.terms.cause, Cause::Signal(_))
    }

    /// The exit thread, started if need be; `None` where the exiting thread is the safer choice.
    fn exit_thread(&mut self) -> Option<ExitThread> {
        if self.stays {
            return None;
        }
        self.thread = self.thread.take().and_then(ExitThread::here);
        self.output = Output::Buffered;
        if self.thread.is_none() {
            let started = match ExitThread::start(WORK, true) {
                // Whoever holds it is not this thread: what waits for it would wait here just as long.
                Err(Stay::Held) if self.is_by_signal() => {
                    account::limit(PATIENCE_WITH_HOLDER);
                    ExitThread::start(WORK, false)
                }
                started => started,
            };
            self.held |= matches!(started, Err(Stay::Held));
            self.thread = started.ok();
        }
        self.stays = self.thread.is_none();
        self.thread.take()
    }

    /// Runs the next handler on this thread, or all if they stay here.
    fn drive_here(&mut self) {
        if self.output == Output::Flushed {
            self.output = Output::Buffered;
        }
        // Handlers that insist on this thread start no other one, unless there is a time to keep.
        let config = &self.terms.config;
        let timed = self.terms.deadline.is_some() || config.time_limit.is_some() || registry::next_is_limited();
        let watched = (timed || self.stays) && platform::may_start_threads(self.terms.cause);
        let watchdog = if watched { Watchdog::start(self.watch(), hook::strike) } else { None };
        let _seat = Seat::take();
        // Where nobody can watch, the deadline is kept between handlers at least: `finish` looks at it before the next one.
        let all = self.stays && (watchdog.is_some() || self.terms.deadline.is_none());
        let place = if self.stays { Place::Anywhere } else { Place::Caller };
        if all {
            drive(self.terms, place, None);
        } else if let Some(entry) = registry::next_to_run(place) {
            run_one(entry, self.terms, None);
        }
    }
}

/// The limit of handlers that may wait for whoever holds stdout while a signal ends the process.
const PATIENCE_WITH_HOLDER: Duration = Duration::from_secs(2);

const WORK: Work = Work { drive: drive_on_exit_thread, end_alone: hook::end_alone };

fn drive_on_exit_thread(desk: &Desk) -> bool {
    let Some(terms) = account::terms() else { return true };
    let place = if matches!(terms.cause, Cause::Signal(_)) { Place::Anywhere } else { Place::ExitThread };
    drive(&terms, place, Some(desk))
}

/// Runs handlers on this thread until none is left that belongs here. `false`: this thread has been dismissed.
fn drive(terms: &Terms, place: Place, desk: Option<&Desk>) -> bool {
    while let Some(entry) = registry::next_to_run(place) {
        if !run_one(entry, terms, desk) {
            return false;
        }
    }
    true
}

fn run_one(entry: Entry, terms: &Terms, desk: Option<&Desk>) -> bool {
    let Ok(limit) = time_limit(&entry) else { return true };
    let limit = limit.or(terms.config.time_limit);
    let observed = terms.level >= Level::Trace || terms.config.observer.is_some();
    let start = (observed || limit.is_some()).then(Instant::now);
    let handler = observed.then(|| entry.info());
    if let Some(handler) = &handler {
        trace(terms, || format!("at_exit: started {handler}\n"));
        observe(&terms.config, || Event::Started { handler: handler.clone() });
    }
    let armed = limit.is_some_and(|limit| desk.is_some_and(|desk| desk.arm(limit, entry.label())));
    let label = entry.label();
    let mut fault = call(entry.into_callback());
    if (armed && !desk.is_some_and(Desk::disarm)) || !turn::is_seated() {
        return false; // the run went on without this thread
    }
    let elapsed = start.map(|start| start.elapsed()).unwrap_or_default();
    if let Some(limit) = limit.filter(|&limit| fault.is_none() && elapsed > limit) {
        fault = Some(Fault::timed_out(limit)); // where it could not be abandoned, it is reported
    }
    let failure = fault.map(|fault| Failure { handler: label.info(), fault });
    if let Some(failure) = &failure {
        record(failure.clone(), terms.level);
    }
    if let Some(handler) = handler {
        let how = if failure.is_some() { "failed" } else { "finished" };
        trace(terms, || format!("at_exit: {how} {handler} after {elapsed:.1?}\n"));
        observe(&terms.config, || Event::Finished { handler, elapsed, failure });
    }
    true
}

/// The limit that the handler itself asks for, if it asks for one. If the expression panics, that is a failure, and the handler runs
/// without; if it calls `exit`, that has ended the handler, and there is nothing to run.
fn time_limit(entry: &Entry) -> Result<Option<Duration>, ExitRequest> {
    if !entry.has_time_limit() {
        return Ok(None);
    }
    match catch_unwind(AssertUnwindSafe(|| entry.time_limit())) {
        Ok(limit) => Ok(limit),
        Err(payload) if payload.is::<ExitRequest>() => Err(ExitRequest),
        Err(payload) => {
            account::fail(Failure { handler: entry.info(), fault: Fault::panicked(payload) });
            Ok(None)
        }
    }
}

fn call(callback: Callback) -> Option<Fault> {
    match catch_unwind(AssertUnwindSafe(|| callback.call())) {
        Ok(fault) => fault,
        Err(payload) if payload.is::<ExitRequest>() => None,
        Err(payload) => Some(Fault::panicked(payload)),
    }
}

fn record(failure: Failure, level: Level) {
    if let Some(text) = failure.fault.announcement().filter(|_| level >= Level::Error) {
        platform::write_stderr(&text);
    }
    account::fail(failure);
}

/// The handler that is running has failed, as seen from another thread.
fn fail_running(terms: &Terms, fault: Fault, elapsed: Duration) {
    if let Some(label) = registry::running().1 {
        fail_elsewhere(terms, &label, fault, elapsed);
    }
}

fn fail_elsewhere(terms: &Terms, label: &Label, fault: Fault, elapsed: Duration) {
    let handler = label.info();
    let failure = Failure { handler: handler.clone(), fault };
    account::fail(failure.clone());
    trace(terms, || format!("at_exit: abandoned {handler} after {elapsed:.1?}\n"));
    observe(&terms.config, || Event::Finished { handler, elapsed, failure: Some(failure) });
}

/// The deadline is over: nothing starts any more.
pub(crate) fn strike(terms: &Terms) -> Ending {
    let not_run = registry::stop(); // first: what starts until then is running
    fail_running(terms, Fault::deadline(), terms.config.deadline.unwrap_or_default());
    Ending { not_run, ..Ending::default() }
}

fn trace(terms: &Terms, text: impl FnOnce() -> String) {
    if terms.level >= Level::Trace {
        platform::write_stderr(&text());
    }
}

/// Tells the observer, if there is one. Its panics are its own.
pub(crate) fn observe(config: &Config, event: impl FnOnce() -> Event) {
    let Some(observer) = &config.observer else { return };
    let event = event();
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| observer(&event))) {
        status::drop_quietly(payload);
    }
}
