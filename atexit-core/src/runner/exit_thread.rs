//! Owns the thread that a run starts for its handlers; must not know how handlers are called.
//!
//! # The problem
//!
//! When a thread reaches C's `exit`, its thread-locals have been destroyed. A handler that logs, draws a random number or opens an async
//! runtime there panics.
//!
//! # What we do
//!
//! Handlers run on a fresh thread while the exiting thread waits and watches the time. The two meet at a [`Handover`]. An exit thread whose
//! handler ran out of time is dismissed and left alone; the next handlers get a new one.
//!
//! # What it costs
//!
//! One thread for each run, and none if no handler needs it.

use std::cell::Cell;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use super::handover::{DriveEnd, Handover, Stage};
use super::state;
use super::watch::Watch;
use crate::registry;
use crate::sys;
use crate::sys::sync::thread::JoinHandle;
use crate::sys::sync::{io, thread_local};
use crate::sys::token::ThreadToken;

/// Far more than a thread takes to start. A new thread makes no progress while its starter holds the loader's lock.
const START: Duration = Duration::from_secs(5);

/// How long the locks of stdout and stderr may be busy before they count as held, if the thread is seen to wait for them.
const PROBE: Duration = Duration::from_millis(100);

/// How long somebody may hold stdout before it counts as held for good, and is not flushed.
const STDOUT: Duration = Duration::from_secs(1);

/// How long a slow reader may delay the flush of stdout.
const FLUSH: Duration = Duration::from_secs(10);

/// How long destructors of thread-locals may take.
const END: Duration = Duration::from_secs(2);

/// What a run does on its exit thread.
#[derive(Clone, Copy)]
pub(crate) struct Callbacks {
    /// Calls one handler after the other; `false` if this thread has been dismissed meanwhile.
    pub(crate) run_handlers: fn(&Handover) -> bool,
    /// Ends the process, in a child that a handler has forked.
    pub(crate) end_alone: fn() -> !,
    /// The run has a deadline, which its owner watches as soon as handlers run.
    pub(crate) has_deadline: bool,
}

/// Why there is no exit thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartError {
    NoThread,
    /// The run is no longer this thread's.
    NotOurs,
    /// Somebody holds the lock of stdout or stderr: a `println!` on the new thread would wait for it.
    Held,
}

pub(crate) struct ExitThread {
    handover: Arc<Handover>,
    thread: JoinHandle<()>,
    /// The thread already knows its next step: it has just been started, or finishes by itself.
    has_order: bool,
}

impl ExitThread {
    /// Starts a thread that runs handlers. If it `probes`, it first checks whether stdout and stderr can be locked. It begins by itself; the
    /// caller must call [`let_run`](Self::let_run) next.
    ///
    /// # Errors
    ///
    /// If handlers have to run on the exiting thread instead, or if the run is no longer this thread's.
    pub(crate) fn start(callbacks: Callbacks, stack_size: usize, probes: bool) -> Result<Self, StartError> {
        Self::start_with(Stage::Driving, callbacks, stack_size, probes)
    }

    /// Starts a thread that does nothing but flush stdout, and waits for its end.
    pub(crate) fn flush(callbacks: Callbacks, watch: &Watch) {
        if let Ok(thread) = Self::start_with(Stage::Finishing, callbacks, sys::STACK_SIZE, false) {
            thread.join(watch);
        }
    }

    fn start_with(order: Stage, callbacks: Callbacks, stack_size: usize, probes: bool) -> Result<Self, StartError> {
        let handover = Handover::new();
        let token = ThreadToken::new();
        if !state::set_exit_thread(token, &handover) {
            return Err(StartError::NotOurs);
        }
        let theirs = Arc::clone(&handover);
        let body = move || {
            token.adopt();
            thread_main(&theirs, order, callbacks, probes);
        };
        let thread = sys::spawn_with_stack("at_exit", stack_size, body).ok_or(StartError::NoThread)?;
        if !handover.outlasts(Stage::Starting, START) {
            return Err(StartError::NoThread);
        }
        if !handover.gets_its_turn(Stage::Probing, PROBE) {
            return Err(StartError::Held);
        }
        Ok(Self { handover, thread, has_order: true })
    }

    fn order(&mut self, stage: Stage) {
        if !std::mem::take(&mut self.has_order) {
            self.handover.announce(stage);
        }
    }

    /// Lets the thread run handlers, and watches it until it stops.
    pub(crate) fn let_run(&mut self, watch: &mut Watch) -> DriveEnd {
        self.order(Stage::Driving);
        let end = self.handover.watch(watch);
        self.has_order = matches!(end, DriveEnd::Finishing);
        end
    }

    /// Whether this is the process that the thread runs in, and not a child of it.
    pub(crate) fn is_here(&self) -> bool {
        self.handover.is_of_this_process()
    }

    /// Lets the thread flush stdout, unless somebody holds it, and waits until the thread and its thread-locals are gone.
    pub(crate) fn join(mut self, watch: &Watch) {
        self.order(Stage::Finishing);
        let mut stage = Stage::Finishing;
        for (next, patience) in [(Stage::Finishing, STDOUT), (Stage::Flushing, FLUSH), (Stage::Finished, END)] {
            stage = self.handover.wait_while(next, watch.at_most(patience));
        }
        if stage != Stage::Ended {
            self.handover.dismiss();
        } else if state::is_exiting() {
            // It may be the last thread besides this one. Then it ends the process as it returns, and a join would wait forever.
            state::keep(self.thread);
        } else {
            let _ = self.thread.join(); // nothing of ours panics there, and it has no result
        }
    }
}

/// Its drop says that all thread-locals are gone: it is used first, so it is dropped last.
struct EndOfLocals(Cell<Option<Arc<Handover>>>);

impl Drop for EndOfLocals {
    fn drop(&mut self) {
        if let Some(handover) = self.0.take() {
            handover.end();
        }
    }
}

thread_local! {
    static END_OF_LOCALS: EndOfLocals = const { EndOfLocals(Cell::new(None)) };
    // Without a destructor: the first access to a thread-local that has one allocates.
    static HAS_END: Cell<bool> = const { Cell::new(false) };
}

/// In a forked child, nobody waits for the end of the thread-locals, and the lock may be taken for good.
pub(crate) fn forget_in_child() {
    if HAS_END.get() {
        HAS_END.set(false);
        let _ = END_OF_LOCALS.try_with(|end| std::mem::forget(end.0.take()));
    }
}

/// The body of the exit thread.
fn thread_main(handover: &Arc<Handover>, first: Stage, callbacks: Callbacks, probes: bool) {
    let _ = END_OF_LOCALS.try_with(|end| end.0.set(Some(Arc::clone(handover)))); // a new thread has its locals
    HAS_END.set(true);
    handover.introduce();
    if probes {
        handover.enter(Stage::Probing);
        drop(io::stdout().lock());
        drop(io::stderr().lock());
    }
    let mut goes_on = if callbacks.has_deadline { handover.announce(first) } else { handover.enter(first) };
    while goes_on {
        match handover.next_order() {
            Stage::Driving => goes_on = run_handlers(handover, callbacks),
            Stage::Finishing => return flush_stdout(handover),
            _ => return,
        }
    }
}

/// Runs handlers until none is left that belongs here. `false`: this thread must not go on.
fn run_handlers(handover: &Handover, callbacks: Callbacks) -> bool {
    let Some(lease) = state::grant_lease() else { return false };
    handover.hold(&lease);
    let goes_on = (callbacks.run_handlers)(handover);
    if !handover.is_of_this_process() {
        (callbacks.end_alone)();
    }
    drop(lease);
    // A dismissed thread does not ask for the next handler: this may begin the further round.
    if goes_on && registry::advance().is_none() {
        return handover.enter(Stage::Finishing); // as a rule, nothing is left for any thread, so it goes on by itself here, too
    }
    goes_on && handover.announce(Stage::Waiting)
}

fn flush_stdout(handover: &Handover) {
    let mut stdout = io::stdout().lock();
    if handover.enter(Stage::Flushing) {
        flush(&mut stdout);
    }
    drop(stdout);
    handover.enter(Stage::Finished);
}

#[inline(never)] // the code that drops an error is large
pub(super) fn flush(stdout: &mut impl Write) {
    let _ = stdout.flush(); // the exit does not care if stdout is closed or full
}
