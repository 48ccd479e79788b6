//! Owns the course of a run: which thread runs the next handler, what is said when, and how a run ends, at its deadline, too; must not
//! know where handlers come from, or how one is called.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

mod call;
mod exit_status;
mod exit_thread;
mod handover;
mod last_resort;
mod record;
mod state;
mod watch;
mod watchdog;

pub(crate) use call::exit_handler;
pub(crate) use exit_status::AskedStatus;
pub(crate) use exit_thread::forget_in_child;
pub(crate) use handover::park;
pub(crate) use state::{RUN, RunState, free, is_exit_locked, is_exiting, is_idle, leave};

use crate::config;
use crate::handler::declaration::RunsOn;
use crate::handler::outcome::Fault;
use crate::log::Log;
use crate::order::problem::Problem;
use crate::plan;
use crate::registry::{self, Next, lease::Lease};
use crate::report::{Cause, Event, Failure, Report};
use crate::sys::sync::Instant;
use crate::sys::{self, DeadEnd, Threads};
use exit_thread::{Callbacks, ExitThread, StartError};
use handover::{DriveEnd, Handover, Limit};
use last_resort::LastResort;
use record::{Heard, RunContext, RunEnd, RunRecord, Told};
use state::{Begun, Claim};
use watch::{HandlerEvent, Stuck, Watch};
use watchdog::Watchdog;

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
    is_inside().then(state::context).flatten().map(|context| context.cause)
}

/// Whether this thread is inside a handler, or in what a run does between two handlers.
pub(crate) fn is_inside() -> bool {
    registry::lease::is_held()
}

/// What became of a run, and the status that its handlers ask for. An error: another thread ends it, and then the process.
type RunResult = Result<(Report, AskedStatus), OthersEnd>;

/// Another thread ends the run, and then the process.
struct OthersEnd;

/// Runs everything that is pending, and says what the status of the process should be after that.
fn run(cause: Cause) -> RunResult {
    if is_inside() {
        return Ok(run_inside(cause));
    }
    let deadline = if cause.ends_process() { deadline() } else { None };
    // Who has run all handlers already, and exits, waits for nobody any more.
    let is_done = state::is_exiting() && registry::runnable() == 0;
    let last_resort = if is_done { None } else { last_resort(cause, deadline) };
    match state::begin(cause.ends_process(), deadline) {
        // Another thread is about to end the process, and is not to be cut off by the signal.
        Begun::Leave(_) if matches!(cause, Cause::Signal(_)) => {
            drop(last_resort);
            park()
        }
        Begun::Leave(status) => return Ok((Report::default(), AskedStatus { exit: Some(status), failure: None })),
        Begun::PastDeadline => {
            // The other run ends as a part of this exit.
            state::go_by(&Arc::new(RunContext::new(cause, config::current(), deadline)));
            let result = end_at_deadline();
            state::end_by_exit();
            return Ok(result);
        }
        Begun::Within => return disarm_unless_others_end(last_resort, Ok(Default::default())),
        Begun::Stuck(dead_end) => {
            let context = Arc::new(RunContext::new(cause, config::current(), deadline));
            return disarm_unless_others_end(last_resort, go_on_without_owner(&context, dead_end));
        }
        Begun::Mine => {}
    }
    let pending = registry::open_run(cause.ends_process());
    // Dropped after the end of the run: it may be the last that owns an observer, whose captures may run handlers when they are dropped.
    let context;
    let result = if pending > 0 {
        // What was configured while this thread waited counts, too.
        context = Arc::new(RunContext::new(cause, config::current(), deadline));
        disarm_unless_others_end(last_resort, run_outside(&context, pending))?
    } else {
        tell_problems(cause, || Log::from_environment(deadline));
        Default::default()
    };
    state::end();
    Ok(result)
}

/// The same outside of C's `exit`, where a thread can wait for another one to end the process.
pub(crate) fn run_or_park(cause: Cause) -> (Report, AskedStatus) {
    run(cause).unwrap_or_else(|OthersEnd| park())
}

/// Goes on with the run of another thread that waits in vain for this one, as a part of this exit. What that thread was running has failed.
fn go_on_without_owner(context: &Arc<RunContext>, dead_end: DeadEnd) -> RunResult {
    registry::revoke_lease();
    state::go_by(context);
    if let Some(label) = registry::running().1 {
        let failure = Failure { handler: label.info(), fault: Fault::stuck(dead_end) };
        if state::abandon(failure.clone()) == Claim::Others {
            return Err(OthersEnd);
        }
        let _lease = state::grant_lease().ok_or(OthersEnd)?;
        call::tell_abandoned(context, failure, Duration::ZERO);
    }
    registry::become_exit();
    let result = finish(context, true)?;
    state::end_by_exit();
    Ok(result)
}

/// What ends the process if its deadline does not.
fn last_resort(cause: Cause, deadline: Option<Instant>) -> Option<LastResort> {
    let deadline = deadline.filter(|_| may_start_threads(cause))?;
    LastResort::start(deadline, move || end_late(cause, deadline))
}

/// While another thread is to end the process, the last resort stays.
fn disarm_unless_others_end(last_resort: Option<LastResort>, result: RunResult) -> RunResult {
    if result.is_err() {
        std::mem::forget(last_resort);
    }
    result
}

/// Ends the process although somebody is about to do so who has not managed to in time.
fn end_late(cause: Cause, deadline: Instant) {
    if state::is_over() {
        return; // what C's `exit` calls else is none of the deadline's business
    }
    let log = Log::from_environment(Some(deadline)); // none of its lines waits any more
    log.late();
    state::note_not_run(registry::stop());
    if let Some(Told { report, before, too_late, stayed_held }) =
        state::end_record(RunState::outermost, RunEnd::default())
    {
        let Heard { failures, not_run } = before.unwrap_or_default();
        log.summary(&report.failures[failures..], &report.not_run[not_run..], too_late, stayed_held);
    }
    #[cfg(feature = "signals")]
    if let Cause::Signal(signal) = cause {
        sys::signal::die_by(signal);
    }
    let asked = state::asked_status_at_deadline();
    sys::exit_at_once(asked.applied_to(cause.status()).unwrap_or_default());
}

/// Of an exit that begins now.
fn deadline() -> Option<Instant> {
    config::current().deadline.and_then(|limit| Instant::now().checked_add(limit))
}

fn run_outside(context: &Arc<RunContext>, pending: usize) -> RunResult {
    let cause = context.cause;
    state::open(context);
    context.log.plan(plan::plan);
    tell_problems(cause, || context.log);
    // The observer is part of the run, wherever it is called.
    let lease = state::grant_lease().ok_or(OthersEnd)?;
    context.config.observe(|| Event::RunStarted { cause, pending });
    drop(lease);
    finish(context, cause.ends_process())
}

/// Runs all handlers, and ends the run.
fn finish(context: &Arc<RunContext>, at_exit: bool) -> RunResult {
    match Run::new(context).finish() {
        Ok(end) => Ok(end_run(at_exit, end)),
        Err(Stop::DeadlineOver) => Ok(end_at_deadline()),
        Err(Stop::OthersEnd) => Err(OthersEnd),
    }
}

/// Says at an exit, once, what handlers and links ask for that cannot be had.
fn tell_problems(cause: Cause, log: impl FnOnce() -> Log) {
    let mut problems = if cause.ends_process() { registry::take_problems() } else { Vec::new() };
    problems.retain(|problem| !matches!(problem, Problem::NoHandlers { .. }));
    if !problems.is_empty() {
        log().problems(&problems);
    }
}

/// A run inside a handler takes place right there.
fn run_inside(cause: Cause) -> (Report, AskedStatus) {
    // Nothing is set aside, or told, for a handler that was abandoned meanwhile: its thread takes no other one.
    let Some(outer) = registry::enter_run() else { return Default::default() };
    let deadline = state::context().and_then(|context| context.deadline);
    let context = Arc::new(RunContext::new(cause, config::current(), deadline));
    if !state::nest(&context) {
        return Default::default();
    }
    context.config.observe(|| Event::RunStarted { cause, pending: registry::len() });
    call::run_all(&context, None, None);
    let ran = registry::leave_run(outer);
    let end = RunEnd { ran, ..RunEnd::default() };
    let Some(told) = state::end_record(RunState::innermost_if_leased, end) else { return Default::default() };
    tell(&context, told, state::unnest)
}

/// Runs everything that is pending because C's `exit` has called the hook, and the process was about to end with `status`.
pub(crate) fn run_in_exit(status: Option<i32>) -> AskedStatus {
    state::enter_hook();
    let inside = is_inside().then(finish_inside_handler).flatten();
    let result = inside.unwrap_or_else(|| run(Cause::Exit { status }).map(|(_, asked)| asked));
    // The other thread cannot end the process while this one is inside C's `exit`, which may let in one thread only.
    let asked = result.unwrap_or_else(|OthersEnd| AskedStatus { exit: Some(state::await_leave()), failure: None });
    match state::go_on_in_exit() {
        Claim::Mine => asked,
        Claim::Others => park(),
    }
}

/// Runs what is left from inside a handler that never returns, because it has called C's `exit`. `None`: it has been abandoned meanwhile.
fn finish_inside_handler() -> Option<Result<AskedStatus, OthersEnd>> {
    if state::context().is_none() {
        return Some(Ok(AskedStatus::default())); // a second hook behind the first
    }
    let takes_over = state::handover().map_or_else(is_inside, |handover| handover.take_over());
    if !takes_over {
        return None;
    }
    call::note_panic_that_exits();
    if watch::event_being_told() == Some(HandlerEvent::Started) {
        call::fail_running(Fault::kept_from_starting());
    }
    Some(finish_on_this_thread())
}

/// Goes on with the run of another thread; this one takes the process down now.
fn finish_on_this_thread() -> Result<AskedStatus, OthersEnd> {
    if state::take_over() == Claim::Others {
        return Err(OthersEnd);
    }
    // A run that was none of an exit is part of one now.
    deadline().into_iter().for_each(state::set_deadline);
    let Some(context) = state::context() else { return Ok(AskedStatus::default()) };
    registry::become_exit();
    let last_resort = last_resort(context.cause, context.deadline);
    let (_, asked) = disarm_unless_others_end(last_resort, finish(&context, true))?;
    state::end_by_exit();
    Ok(asked)
}

/// Ends the process in a child that a handler has forked on the exit thread, once it has run what was left.
fn end_alone() -> ! {
    let pending = state::pending_status();
    let asked = finish_on_this_thread().unwrap_or_else(|OthersEnd| park());
    sys::exit_in_child(asked.applied_to(pending).unwrap_or_default())
}

/// Ends the outermost run, whatever is still open inside it. This thread has claimed that.
fn end_run(at_exit: bool, end: RunEnd) -> (Report, AskedStatus) {
    let _lease = Lease::take();
    state::abandon_nested();
    let (ran, too_late) = registry::close_run(at_exit);
    let end = RunEnd { ran, too_late, ..end };
    let (Some(context), Some(told)) = (state::context(), state::end_record(RunState::outermost, end)) else {
        return Default::default();
    };
    tell(&context, told, state::close)
}

/// Ends the run because its deadline is over: nothing starts any more. Whoever calls this has claimed the end, be it the thread of the
/// run, its watchdog, or another one that has waited for it as long as it may.
fn end_at_deadline() -> (Report, AskedStatus) {
    registry::revoke_lease(); // first: what starts until then is running
    state::note_not_run(registry::stop());
    let _lease = Lease::take();
    if let (Some(context), Some(label)) = (state::context(), registry::running().1) {
        let event = watch::event_being_told();
        let fault = if event.is_some() { Fault::observer_at_deadline() } else { Fault::deadline() };
        let failure = Failure { handler: label.info(), fault };
        state::fail(failure.clone());
        // Of a handler that has finished the observer knows.
        if event != Some(HandlerEvent::Finished) {
            call::tell_abandoned(&context, failure, context.config.deadline.unwrap_or_default());
        }
    }
    end_run(true, RunEnd::default())
}

/// Ends the process when the deadline strikes while the exiting thread is inside a handler.
fn strike() -> ! {
    if state::claim_end_at_deadline() == Claim::Others {
        park();
    }
    let pending = state::pending_status();
    let (_, asked) = end_at_deadline();
    sys::exit_at_once(asked.applied_to(pending).unwrap_or_default())
}

/// Says what became of a run, the observer once, then lets `close` take its record, and says what handlers and observers have asked for.
fn tell(context: &RunContext, told: Told, close: fn() -> Option<RunRecord>) -> (Report, AskedStatus) {
    let Told { report, before, too_late, stayed_held } = told;
    let Heard { failures, not_run } = before.unwrap_or_default();
    context.log.summary(&report.failures[failures..], &report.not_run[not_run..], too_late, stayed_held);
    if before.is_none() {
        context.config.observe(|| Event::RunFinished { report: report.clone() });
    }
    let asked = close().map(|record| record.asked_status());
    (report, asked.unwrap_or_default())
}

/// Why a thread stops running handlers although some may be left.
enum Stop {
    /// The deadline of the run is over, and this thread has claimed its end.
    DeadlineOver,
    OthersEnd,
}

impl Stop {
    fn at_deadline() -> Self {
        match state::claim_end_at_deadline() {
            Claim::Mine => Self::DeadlineOver,
            Claim::Others => Self::OthersEnd,
        }
    }
}

/// What becomes of what handlers print.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Output {
    /// All have run on the exiting thread so far, and nobody flushes for them.
    NotOurs,
    Buffered,
    Flushed,
}

/// A run and the thread that it has started.
struct Run {
    context: Arc<RunContext>,
    thread: Option<ExitThread>,
    output: Output,
    /// Everything runs on the exiting thread.
    stays: bool,
    /// That is because somebody holds stdout or stderr.
    stays_held: bool,
}

impl Run {
    fn new(context: &Arc<RunContext>) -> Self {
        let stays = !may_start_threads(context.cause);
        Self { context: Arc::clone(context), thread: None, output: Output::NotOurs, stays, stays_held: false }
    }

    fn watch(&self) -> Watch {
        Watch::new(&self.context, who_waits)
    }

    /// Runs all handlers, each where it belongs.
    fn finish(mut self) -> Result<RunEnd, Stop> {
        let mut watch = self.watch();
        while let Some(next) = registry::advance() {
            if watch.is_over(Instant::now()) {
                return Err(Stop::at_deadline());
            }
            let here = next.runs_on == RunsOn::Caller && !self.is_by_signal();
            let thread = if here { None } else { self.exit_thread()? };
            match thread {
                Some(thread) => self.run_there(thread, &mut watch)?,
                None => self.run_here(next)?,
            }
        }
        self.flush(&watch);
        if state::claim_end() == Claim::Others {
            return Err(Stop::OthersEnd);
        }
        Ok(RunEnd { stayed_held: self.stays_held, ..RunEnd::default() })
    }

    /// The thread that a signal wakes is no thread of the program's: no handler can insist on it.
    fn is_by_signal(&self) -> bool {
        matches!(self.context.cause, Cause::Signal(_))
    }

    /// The exit thread, started if need be; `None` where the exiting thread is the safer choice.
    fn exit_thread(&mut self) -> Result<Option<ExitThread>, Stop> {
        if self.stays {
            return Ok(None);
        }
        self.thread = self.thread.take().and_then(ExitThread::here);
        self.output = Output::Buffered;
        if self.thread.is_none() {
            let stack_size = self.context.config.stack_size;
            let started = match ExitThread::start(CALLBACKS, stack_size, true) {
                // Whoever holds it is not this thread: what waits for it would wait here just as long.
                Err(StartError::Held) if self.is_by_signal() => {
                    let changed = state::limit(PATIENCE_WITH_HOLDER);
                    self.context = changed.unwrap_or_else(|| Arc::clone(&self.context));
                    ExitThread::start(CALLBACKS, stack_size, false)
                }
                started => started,
            };
            self.thread = match started {
                Ok(thread) => Some(thread),
                Err(StartError::NotOurs) => return Err(Stop::OthersEnd),
                Err(error) => {
                    self.stays_held |= error == StartError::Held;
                    if error == StartError::NoThread && stack_size != sys::STACK_SIZE {
                        self.context.log.no_stack(stack_size);
                    }
                    None
                }
            };
        }
        self.stays = self.thread.is_none();
        Ok(self.thread.take())
    }

    /// Lets the exit thread run the next handlers, until it stops.
    fn run_there(&mut self, mut thread: ExitThread, watch: &mut Watch) -> Result<(), Stop> {
        match thread.let_run(watch) {
            DriveEnd::Idle => self.thread = Some(thread),
            DriveEnd::Finishing => {
                thread.join(watch);
                self.output = Output::Flushed;
            }
            DriveEnd::Parked => state::abandon_nested(),
            DriveEnd::Abandoned(Limit { after, handler, .. }) => {
                self.abandon(Failure { handler: handler.info(), fault: Fault::timed_out(after) }, after)?;
            }
            DriveEnd::Stuck(Stuck { handler, dead_end, elapsed }) => {
                self.abandon(Failure { handler: handler.info(), fault: Fault::stuck(dead_end) }, elapsed)?;
            }
            DriveEnd::Deadline => return Err(Stop::at_deadline()),
        }
        Ok(())
    }

    /// Goes on without the handler that has been running.
    fn abandon(&self, failure: Failure, elapsed: Duration) -> Result<(), Stop> {
        if state::abandon(failure.clone()) == Claim::Others {
            return Err(Stop::OthersEnd);
        }
        // The observer is part of the run here, too.
        let _lease = state::grant_lease().ok_or(Stop::OthersEnd)?;
        call::tell_abandoned(&self.context, failure, elapsed);
        Ok(())
    }

    /// Runs the next handler on this thread, or all if they stay here.
    fn run_here(&mut self, next: Next) -> Result<(), Stop> {
        if self.output == Output::Flushed {
            self.output = Output::Buffered;
        }
        // Handlers that insist on this thread start no other one, unless there is a time to keep.
        let RunContext { cause, config, deadline, .. } = &*self.context;
        let is_timed = deadline.is_some() || config.time_limit.is_some() || next.is_limited;
        let is_watched = (is_timed || self.stays) && may_start_threads(*cause);
        let watchdog =
            if is_watched { Watchdog::start(Watch::new(&self.context, what_it_keeps), strike) } else { None };
        let _lease = state::grant_lease().ok_or(Stop::OthersEnd)?;
        let only = if self.stays { None } else { Some(RunsOn::Caller) };
        // Where nobody can watch, the deadline is kept between handlers at least: `finish` looks at it before the next one.
        if self.stays && (watchdog.is_some() || deadline.is_none()) {
            call::run_all(&self.context, only, None);
        } else {
            call::run_next(&self.context, only);
        }
        Ok(())
    }

    /// Has stdout flushed, unless that is the program's own business, and waits for the end of the exit thread.
    fn flush(&mut self, watch: &Watch) {
        let thread = self.thread.take();
        if thread.is_none() && self.output == Output::Buffered && !self.stays {
            ExitThread::flush(CALLBACKS, watch); // what was printed by a handler that was abandoned
        } else if let Some(thread) = thread.and_then(ExitThread::here) {
            thread.join(watch);
        } else if sys::is_unloaded() {
            let _ = std::io::stdout().flush(); // who still holds it runs code that is about to go away
        }
    }
}

/// The limit of handlers that may wait for whoever holds stdout while a signal ends the process.
const PATIENCE_WITH_HOLDER: Duration = Duration::from_secs(2);

/// Why a handler on an exit thread may hang. std makes up a handle for a thread that is not its own, and in a library that is unloaded
/// later that costs more than a name is worth.
fn who_waits() -> String {
    let name = if state::is_exiting() { sys::thread_name() } else { None };
    let thread = name.map_or_else(|| "another thread".to_owned(), |name| format!("thread {name}"));
    format!("{thread} waits for it, so if it waits for that thread, or for a lock that the thread holds, it never ends")
}

/// The same of a handler on the exiting thread.
fn what_it_keeps() -> String {
    "it has the exiting thread, so if it waits for a lock that this thread held before, it never ends".to_owned()
}

/// Whether a run may start threads: not while a library is being unloaded, when the loader's lock keeps them from starting.
fn may_start_threads(cause: Cause) -> bool {
    match sys::THREADS {
        Threads::Always => !sys::is_unloaded(),
        Threads::NotInExit => matches!(cause, Cause::Run | Cause::Signal(_)),
        Threads::Never => false,
    }
}

const CALLBACKS: Callbacks = Callbacks { run_handlers: run_on_exit_thread, end_alone };

fn run_on_exit_thread(handover: &Handover) -> bool {
    let Some(context) = state::context() else { return true };
    let only = if matches!(context.cause, Cause::Signal(_)) { None } else { Some(RunsOn::ExitThread) };
    call::run_all(&context, only, Some(handover))
}
