//! Owns a run: whose turn it is, taking handlers one by one, and what becomes of each; must not know where handlers come
//! from, nor how a process ends.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::config::{self, Config, Level};
use crate::handler::{Entry, HandlerInfo};
use crate::report::{Event, Failure, Report};
use crate::status::{self, Fault, Wishes};
use crate::{platform, registry};

/// Why a run takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The process exits.
    Exit {
        /// The status it was about to end with, where the platform tells it.
        status: Option<i32>,
    },
    /// The program called [`run`](crate::run).
    Run,
}

thread_local! {
    // Without destructors, so that they still serve on a thread whose other thread-locals are gone.
    /// This thread is running a handler, or what a run does between two handlers.
    static IN_RUN: Cell<bool> = const { Cell::new(false) };
    /// This thread is taking the process down.
    static EXITING: Cell<bool> = const { Cell::new(false) };
}

/// What a handler unwinds with when it calls `exit`.
struct ExitRequest;

/// A run that is under way; a handler may start one inside another.
struct Active {
    cause: Cause,
    config: Config,
    level: Level,
    began: Instant,
    report: Report,
    exit: Option<i32>,
}

impl Active {
    fn begin(cause: Cause) -> Self {
        Self {
            cause,
            config: config::current(),
            level: Level::from_environment(),
            began: Instant::now(),
            report: Report::default(),
            exit: None,
        }
    }

    fn wishes(&self) -> Wishes {
        let failure = self.report.failures.last().filter(|_| self.config.failure_status);
        Wishes { exit: self.exit, failure: failure.map(Failure::status) }
    }
}

static ACTIVE: Mutex<Vec<Active>> = Mutex::new(Vec::new());

fn active() -> MutexGuard<'static, Vec<Active>> {
    ACTIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whose turn it is: at most one run is under way, apart from those inside it, and one thread takes the process down.
struct Turns {
    running: bool,
    exiting: bool,
}

static TURNS: Mutex<Turns> = Mutex::new(Turns { running: false, exiting: false });
static TURN_OVER: Condvar = Condvar::new();

/// Waits until no other thread runs handlers. When another thread is taking the process down already, an exiting thread waits for
/// ever: going on would cut that one off.
fn take_turn(cause: Cause) {
    let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
    let exits = matches!(cause, Cause::Exit { .. });
    while turns.running || (exits && turns.exiting && !EXITING.get()) {
        turns = TURN_OVER.wait(turns).unwrap_or_else(PoisonError::into_inner);
    }
    turns.running = true;
    if exits {
        turns.exiting = true;
        EXITING.set(true);
    }
}

fn end_turn() {
    TURNS.lock().unwrap_or_else(PoisonError::into_inner).running = false;
    TURN_OVER.notify_all();
}

/// Whether this thread is inside a handler.
pub(crate) fn in_handler() -> bool {
    IN_RUN.get()
}

/// Whether this thread is taking the process down.
pub(crate) fn is_exiting() -> bool {
    EXITING.get()
}

/// Whether what this thread registers during a run belongs to that run.
pub(crate) fn may_register() -> bool {
    IN_RUN.get() || EXITING.get()
}

/// Runs everything that is pending, and says what the status of the process should be after that.
pub(crate) fn run(cause: Cause) -> (Report, Wishes) {
    let nested = in_handler();
    if !nested {
        take_turn(cause);
    }
    let pending = if nested { registry::pending() } else { registry::open_run(matches!(cause, Cause::Exit { .. })) };
    let result = if pending == 0 { Default::default() } else { run_pending(cause, pending) };
    if !nested {
        end_turn();
    }
    result
}

fn run_pending(cause: Cause, pending: usize) -> (Report, Wishes) {
    let run = Active::begin(cause);
    let (config, level) = (run.config.clone(), run.level);
    active().push(run);
    let outside = IN_RUN.replace(true);
    observe(&config, || Event::RunStarted { cause, pending });
    drive(&config, level);
    let left_over = if outside { 0 } else { registry::close_run(matches!(cause, Cause::Exit { .. })) };
    conclude(left_over);
    IN_RUN.set(outside);
    let run = active().pop(); // dropped without the lock: an observer has captures
    run.map_or_else(Default::default, |run| (run.report.clone(), run.wishes()))
}

/// Says what is to be said once the last handler has ended.
fn conclude(left_over: usize) {
    let Some((config, level, report)) = active().last_mut().map(|run| {
        run.report.elapsed = run.began.elapsed();
        (run.config.clone(), run.level, run.report.clone())
    }) else {
        return;
    };
    if level >= Level::Error {
        let late = match left_over {
            0 => String::new(),
            count => format!("at_exit: not run, registered too late by other threads: {count}\n"),
        };
        platform::write_stderr(&(late + &report.summary()));
    }
    observe(&config, || Event::RunFinished { report });
}

fn drive(config: &Config, level: Level) {
    while let Some(entry) = registry::next_to_run() {
        if let Some(run) = active().last_mut() {
            run.report.ran += 1;
        }
        if level >= Level::Trace || config.observer.is_some() {
            run_watched(entry, config, level);
        } else if let (Some(fault), info) = call(entry) {
            record(Failure { handler: info(), fault }, level);
        }
    }
}

/// Runs one handler and tells its start and its end to whoever wants to know.
fn run_watched(entry: Entry, config: &Config, level: Level) {
    let handler = entry.info();
    if level >= Level::Trace {
        platform::write_stderr(&format!("at_exit: started {handler}\n"));
    }
    observe(config, || Event::Started { handler: handler.clone() });
    let start = Instant::now();
    let (fault, _) = call(entry);
    let elapsed = start.elapsed();
    if level >= Level::Trace {
        let how = if fault.is_some() { "failed" } else { "finished" };
        platform::write_stderr(&format!("at_exit: {how} {handler} after {elapsed:.1?}\n"));
    }
    let failure = fault.map(|fault| Failure { handler: handler.clone(), fault });
    if let Some(failure) = &failure {
        record(failure.clone(), level);
    }
    observe(config, || Event::Finished { handler, elapsed, failure });
}

/// Calls the handler; what comes back describes it, should anyone ask.
fn call(entry: Entry) -> (Option<Fault>, impl FnOnce() -> HandlerInfo) {
    let (callback, label) = entry.into_parts();
    let fault = match catch_unwind(AssertUnwindSafe(|| callback.call())) {
        Ok(fault) => fault,
        Err(payload) if payload.is::<ExitRequest>() => None,
        Err(payload) => Some(Fault::panicked(payload)),
    };
    (fault, move || label.info())
}

fn record(failure: Failure, level: Level) {
    if let Some(text) = failure.fault.announcement().filter(|_| level >= Level::Error) {
        platform::write_stderr(&text);
    }
    if let Some(run) = active().last_mut() {
        run.report.failures.push(failure);
    }
}

/// Tells the observer, if there is one. Its panics are its own.
fn observe(config: &Config, event: impl FnOnce() -> Event) {
    let Some(observer) = &config.observer else { return };
    let event = event();
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| observer(&event))) {
        status::drop_quietly(payload);
    }
}

/// Ends the handler that this thread is in; `code` becomes the status of the process.
pub(crate) fn exit_handler(code: i32) -> ! {
    if let Some(run) = active().last_mut() {
        run.exit = Some(code);
    }
    // Where nothing can unwind, the rest of the run takes place right here, above the handler's frames, and then the process ends.
    if cfg!(panic = "abort") || std::thread::panicking() {
        platform::exit(code);
    }
    let request: Box<dyn Any + Send> = Box::new(ExitRequest);
    resume_unwind(request)
}

/// Runs what is left from inside a handler that never returns, because it has called C's `exit`.
pub(crate) fn finish_inside_handler() -> Wishes {
    let Some((config, level)) = active().last().map(|run| (run.config.clone(), run.level)) else {
        return Wishes::default(); // a second hook behind the first
    };
    drive(&config, level);
    fold_runs();
    conclude(registry::close_run(true));
    let run = active().pop();
    run.map_or_else(Wishes::default, |run| run.wishes())
}

/// Makes one account of the runs that were inside each other: none of them goes on.
fn fold_runs() {
    let mut runs = std::mem::take(&mut *active()).into_iter();
    let Some(mut all) = runs.next() else { return };
    for mut run in runs {
        all.report.ran += run.report.ran;
        all.report.failures.append(&mut run.report.failures);
        all.exit = run.exit.or(all.exit);
    }
    active().push(all);
}
