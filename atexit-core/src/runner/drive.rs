//! Owns how a run drives its handlers: which thread runs the next one, which one watches it, and what happens to one that does not end; must
//! not know how a run begins, or what is reported at its end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::call;
use super::exit_thread::{self, Callbacks, ExitThread, StartError};
use super::handover::{DriveEnd, Handover};
use super::record::RunContext;
use super::state::{self, Claim};
use super::watch::{self, Lost, Watch};
use super::watchdog::Watchdog;
use crate::handler::declaration::RunsOn;
use crate::handler::error::HandlerError;
use crate::handler::facts::Label;
use crate::handler::text::text;
use crate::registry::{self, Next};
use crate::report::{Failure, HandlerRecord};
use crate::sys;
use crate::sys::sync::Instant;

/// How threads other than the one that began the run end the process.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    /// Ends the process when the deadline strikes while the exiting thread is inside a handler.
    pub(super) strike: fn() -> !,
    /// Ends the process in a child that a handler has forked on the exit thread.
    pub(super) end_alone: fn() -> !,
}

/// Why a thread stops running handlers although some may be left.
pub(super) enum Stop {
    /// The deadline of the run is over, and this thread has claimed its end.
    DeadlineOver,
    OthersEnd,
}

impl Stop {
    #[inline(never)] // one copy, to keep programs small
    fn at_deadline() -> Self {
        match state::claim_end_at_deadline() {
            Claim::Mine => Self::DeadlineOver,
            Claim::Others => Self::OthersEnd,
        }
    }
}

/// Where the output of handlers is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Output {
    /// All handlers have run on the exiting thread so far, and nobody flushes for them.
    NotOurs,
    Buffered,
    Flushed,
}

/// A run and the thread that it has started.
pub(super) struct Run {
    strike: fn() -> !,
    callbacks: Callbacks,
    context: Arc<RunContext>,
    thread: Option<ExitThread>,
    output: Output,
    /// Everything runs on the exiting thread.
    stays: bool,
    /// The reason is that somebody holds stdout or stderr.
    stays_held: bool,
    /// An exit thread was left behind. It may hold stdout or stderr, for which the exiting thread would wait just as long as the next one.
    has_lost_thread: bool,
}

impl Run {
    pub(super) fn new(context: &Arc<RunContext>, ends: Ends) -> Self {
        let Ends { strike, end_alone } = ends;
        let has_deadline = context.deadline.is_some();
        Self {
            strike,
            callbacks: Callbacks { run_handlers: run_on_exit_thread, end_alone, has_deadline },
            context: Arc::clone(context),
            thread: None,
            output: Output::NotOurs,
            stays: !sys::can_start_threads(),
            stays_held: false,
            has_lost_thread: false,
        }
    }

    /// Runs all handlers, each where it belongs. Returns whether they had to run on the exiting thread because somebody held stdout or stderr.
    pub(super) fn finish(mut self) -> Result<bool, Stop> {
        let mut watch = Watch::new(&self.context, who_waits);
        while let Some(next) = registry::advance() {
            if watch.is_over(Instant::now()) {
                return Err(Stop::at_deadline());
            }
            // The thread that a signal wakes is not the program's, so no handler can insist on it.
            let here = next.runs_on == RunsOn::Caller && !self.context.cause.is_signal();
            if here || !self.has_exit_thread()? {
                self.run_here(next)?;
            } else {
                self.run_there(&mut watch)?;
            }
        }
        self.flush(&watch);
        if state::claim_end() == Claim::Others {
            return Err(Stop::OthersEnd);
        }
        Ok(self.stays_held)
    }

    /// Whether there is an exit thread, started if needed. `false`: the exiting thread is the safer choice.
    fn has_exit_thread(&mut self) -> Result<bool, Stop> {
        if self.stays {
            return Ok(false);
        }
        self.forget_thread_in_child();
        self.output = Output::Buffered;
        if self.thread.is_none() {
            let stack_size = self.context.config.stack_size;
            // After a signal, whoever is found to hold them limits the handlers, which would otherwise wait forever.
            let probes = !self.has_lost_thread || self.context.cause.is_signal();
            let started = match ExitThread::start(self.callbacks, stack_size, probes) {
                // This thread does not hold it: a handler that waits for it would wait just as long here.
                Err(StartError::Held) if self.context.cause.is_signal() => {
                    let changed = state::limit(PATIENCE_WITH_HOLDER);
                    self.context = changed.unwrap_or_else(|| Arc::clone(&self.context));
                    ExitThread::start(self.callbacks, stack_size, false)
                }
                started => started,
            };
            match started {
                Ok(thread) => self.thread = Some(thread),
                Err(StartError::NotOurs) => return Err(Stop::OthersEnd),
                Err(error) => {
                    self.stays_held |= error == StartError::Held;
                    if error == StartError::NoThread && stack_size != sys::STACK_SIZE {
                        self.context.log.no_stack(stack_size);
                    }
                }
            }
        }
        self.stays = self.thread.is_none();
        Ok(!self.stays)
    }

    /// A handler on the exiting thread may have forked: a child does not have the exit thread.
    fn forget_thread_in_child(&mut self) {
        if self.thread.as_ref().is_some_and(|thread| !thread.is_here()) {
            std::mem::forget(self.thread.take());
        }
    }

    /// Lets the exit thread run the next handlers, until it stops.
    fn run_there(&mut self, watch: &mut Watch) -> Result<(), Stop> {
        let Some(mut thread) = self.thread.take() else { return Ok(()) };
        match thread.let_run(watch) {
            DriveEnd::Idle => self.thread = Some(thread),
            DriveEnd::Finishing => {
                thread.join(watch);
                self.output = Output::Flushed;
            }
            DriveEnd::Parked => state::abandon_nested(),
            DriveEnd::Lost(Lost { handler, elapsed, dead_end }) => {
                self.has_lost_thread = true;
                let error = match dead_end {
                    None => HandlerError::timed_out(elapsed),
                    Some(dead_end) => HandlerError::stuck(dead_end),
                };
                abandon(&self.context, &handler, error, elapsed)?;
            }
            DriveEnd::Deadline => return Err(Stop::at_deadline()),
        }
        Ok(())
    }

    /// Runs the next handler on this thread, or all if they stay here.
    fn run_here(&mut self, next: Next) -> Result<(), Stop> {
        if self.output == Output::Flushed {
            self.output = Output::Buffered;
        }
        // For handlers that insist on this thread, no other one is started, unless there is a limit or a deadline to watch.
        let RunContext { config, deadline, .. } = &*self.context;
        let is_timed = deadline.is_some() || config.time_limit.is_some() || next.is_limited;
        let is_watched = (is_timed || self.stays) && sys::can_start_threads();
        let watchdog =
            if is_watched { Watchdog::start(Watch::new(&self.context, what_it_keeps), self.strike) } else { None };
        let _lease = state::grant_lease().ok_or(Stop::OthersEnd)?;
        let only = if self.stays { None } else { Some(RunsOn::Caller) };
        // If nobody can watch, the deadline is checked between handlers at least: `finish` looks at it before the next one.
        if self.stays && (watchdog.is_some() || deadline.is_none()) {
            call::run_all(&self.context, only, None);
        } else {
            call::run_next(&self.context, only);
        }
        Ok(())
    }

    /// Lets stdout be flushed, unless that is up to the program, and waits for the end of the exit thread.
    fn flush(&mut self, watch: &Watch) {
        if self.thread.is_none() && self.output == Output::Buffered && !self.stays {
            ExitThread::flush(self.callbacks, watch); // the output of a handler that was abandoned
            return;
        }
        self.forget_thread_in_child();
        if let Some(thread) = self.thread.take() {
            thread.join(watch);
        } else if sys::is_unloaded() {
            exit_thread::flush(&mut io::stdout().lock()); // a thread that still holds it runs code that is about to be unmapped
        }
    }
}

/// Goes on without the handler that has been running.
pub(super) fn abandon(
    context: &RunContext,
    handler: &Label,
    error: HandlerError,
    elapsed: Duration,
) -> Result<(), Stop> {
    let failure = Failure::new(handler, error);
    let had_ended = state::abandon(HandlerRecord::failed(failure.clone(), elapsed)).ok_or(Stop::OthersEnd)?;
    // The observer is part of the run here, too.
    let _lease = state::grant_lease().ok_or(Stop::OthersEnd)?;
    // An observer that hangs there knows how it has ended.
    if !(had_ended && watch::is_telling()) {
        call::tell_abandoned(context, &failure, elapsed);
    }
    Ok(())
}

/// The limit of handlers that may wait for a thread that holds stdout or stderr, while a signal ends the process.
const PATIENCE_WITH_HOLDER: Duration = Duration::from_secs(2);

/// Why a handler on the exit thread may hang. Only an exiting thread is named: for a thread that is not its own, std creates a handle, and in a
/// library that is unloaded later this costs more than a name is worth.
fn who_waits() -> String {
    let name = if state::is_exiting() { sys::thread_name() } else { None };
    let (thread, name) = match &name {
        Some(name) => ("thread ", name.as_str()),
        None => ("the thread that waits for it", ""),
    };
    text(format_args!("it never ends if it waits for {thread}{name}, or for a lock held by that thread"))
}

/// Why a handler on the exiting thread may hang.
fn what_it_keeps() -> String {
    "it never ends if it waits for a lock held by the exiting thread, which it runs on".to_owned()
}

fn run_on_exit_thread(handover: &Handover) -> bool {
    let Some(context) = state::context() else { return true };
    let only = if context.cause.is_signal() { None } else { Some(RunsOn::ExitThread) };
    call::run_all(&context, only, Some(handover))
}
