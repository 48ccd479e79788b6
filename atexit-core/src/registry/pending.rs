//! Owns the set of pending handlers, and its lock; must not know who adds to it, or takes from it.
//!
//! `stacks` stores it. Each phase has a stack of registered handlers, one of declared handlers, which count as older, and one of handlers that
//! come late for the current run.
//!
//! One lock guards it all. No code of a user runs under it, not even an allocator: the program may have its own, which takes locks around each
//! fork, or even registers a handler. So room is made before the lock is taken, and what was moved out is dropped after it is released. A thread
//! that finds the room used up by others makes more, and looks again.

use std::ops::{ControlFlow, Range};

use super::collect::{Collection, Seen};
use super::initializations::Initializations;
use super::intake::Intake;
use super::lease;
use super::stacks::{Handle, Stacks, Top};
use crate::handler::PendingHandler;
use crate::handler::declaration::{Phase, RunsOn};
use crate::handler::facts::{About, Label};
use crate::sys::lock::{Guard, Lock, Rank};
use crate::sys::memory::Room;
use crate::sys::token::ThreadToken;

/// What happened to a handler that was registered.
pub(crate) struct Inserted {
    pub(crate) handle: Handle,
    /// It came late for the current run.
    pub(crate) is_late: bool,
    /// It is the first one since the process used up its hooks, or the first one in a shared library.
    pub(crate) needs_hook: bool,
}

pub(crate) static PENDING: Lock<Pending> = Lock::new(Rank::Pending, Pending::new());

#[inline]
pub(super) fn lock() -> Guard<'static, Pending> {
    PENDING.lock()
}

/// The same where each handler passes.
#[expect(clippy::inline_always, reason = "see the lock's")]
#[inline(always)]
pub(super) fn lock_inline() -> Guard<'static, Pending> {
    PENDING.lock_inline()
}

/// Keeps the pending set locked, with room for so many more handlers.
#[cold]
pub(super) fn with_room(mut pending: Guard<'static, Pending>, handlers: usize) -> Guard<'static, Pending> {
    while let Some(need) = pending.handlers.need(handlers) {
        drop(pending);
        let mut room = Room::new(need);
        lock().handlers.add(&mut room);
        drop(room); // without the lock: others may have made it unnecessary
        pending = lock();
    }
    pending
}

/// Locks the pending set, with room in the empty vector for one item for each handler.
pub(super) fn lock_for_all<T>(lock: fn() -> Guard<'static, Pending>, room: &mut Vec<T>) -> Guard<'static, Pending> {
    loop {
        let pending = lock();
        let handlers = pending.handlers.len();
        if handlers <= room.capacity() {
            return pending;
        }
        drop(pending);
        room.reserve(handlers); // at least doubles it
    }
}

/// Locks the pending set, with the declared handlers in it, and room for one more.
#[inline]
pub(super) fn collected_with_room() -> Guard<'static, Pending> {
    loop {
        let pending = with_room(collected(), 1);
        if pending.seen.is_everything() {
            return pending;
        }
    }
}

/// Locks the pending set, with the declared handlers in it.
pub(super) fn collected() -> Guard<'static, Pending> {
    loop {
        let pending = lock();
        if pending.seen.is_everything() {
            return pending;
        }
        let seen = pending.seen.clone();
        drop(pending);
        let mut collection = Collection::since(seen);
        with_room(lock(), collection.handlers.len()).add(&mut collection);
    }
}

/// Frees the memory of the set, if nothing is pending: the library is being unloaded, so there are no more handles, and nothing else frees it.
#[inline]
pub(crate) fn free() {
    let mut pending = lock();
    let handlers = pending.handlers.take_memory();
    let value_steps = pending.value_steps;
    drop(pending);
    drop(handlers);
    if let Some(steps) = value_steps {
        (steps.free)();
    }
}

const PHASES: usize = Phase::ALL.len();

// The stacks, in the order of running. Declared handlers count as registered before `main`, even if a call was here first. A handler that was
// put below a declared one is on the same stack. A handler that came late for a run waits until it is admitted.
pub(super) const fn registered(phase: Phase) -> usize {
    2 * phase as usize
}

pub(super) const fn declared_first(phase: Phase) -> usize {
    2 * phase as usize + 1
}

pub(super) const fn late(phase: Phase) -> usize {
    2 * PHASES + phase as usize
}

/// Whether the handler may be a value. As a rule none is, and there is no need to look at it.
#[inline]
pub(super) fn may_be_value(top: Top) -> bool {
    let ordinary = registered(Phase::Ordinary)..declared_first(Phase::Ordinary) + 1;
    !ordinary.contains(&top.stack())
}

/// The stacks that a run takes handlers from.
pub(super) const OPEN: Range<usize> = 0..2 * PHASES;

pub(crate) struct Pending {
    pub(super) handlers: Stacks<PendingHandler, { 3 * PHASES }>,
    /// How much of what is declared has been collected.
    pub(super) seen: Seen,
    /// How many problems of the declared handlers are reported.
    pub(super) told_problems: usize,
    /// A hook is installed, and will be called.
    pub(super) has_hook: bool,
    pub(super) intake: Intake,
    pub(super) progress: Progress,
    pub(super) values: Initializations,
    pub(super) value_steps: Option<&'static ValueSteps>,
}

/// What is done about initializations. The first of them brings it: a program without values does not contain the code.
pub(super) struct ValueSteps {
    /// Whether an exit that finds nothing else to do waits for one.
    pub(super) awaits_any: fn(&Initializations) -> bool,
    /// Whether an exit waits for one before it goes on.
    pub(super) awaits_next: fn(&mut Pending) -> bool,
    /// Waits for those.
    pub(super) wait: fn(Guard<'static, Pending>, Option<RunsOn>) -> Waited,
    /// This thread is exiting, and does not go on with its own.
    pub(super) leave: fn(&mut Pending),
    /// Forgets those of the parent's other threads.
    pub(super) forget_foreign_in_child: fn(&mut Initializations),
    /// Frees their memory when the library is unloaded.
    pub(super) free: fn(),
}

/// What a thread that has waited does: it goes on, or breaks with what it takes instead of the next handler.
pub(super) type Waited = ControlFlow<Option<PendingHandler>, Guard<'static, Pending>>;

/// How far the current run has got.
pub(super) struct Progress {
    /// How many handlers it has started.
    pub(super) started: usize,
    /// How many handlers have ever been started.
    pub(super) serial: u64,
    pub(super) running: Option<Label>,
    /// The end of the running handler is recorded. All that is left is to tell the observer.
    pub(super) has_ended: bool,
}

impl Pending {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self {
            handlers: Stacks::new(),
            seen: Seen::NOTHING,
            told_problems: 0,
            has_hook: true, // installed before `main`
            intake: Intake::Open,
            progress: Progress { started: 0, serial: 0, running: None, has_ended: false },
            values: Initializations::new(),
            value_steps: None,
        }
    }

    /// Whether a handler that this thread registers now is late.
    #[inline]
    pub(super) fn is_late(&self) -> bool {
        !matches!(self.intake, Intake::Open) && self.is_late_in_run()
    }

    #[cold]
    fn is_late_in_run(&self) -> bool {
        self.intake.is_closed_to(ThreadToken::mine) && !lease::is_held()
    }

    /// Notes that a handler has joined.
    #[inline]
    pub(super) fn inserted(&mut self, handle: Handle, is_late: bool) -> Inserted {
        let needs_hook = !self.has_hook && self.ask_for_hook(is_late);
        Inserted { handle, is_late, needs_hook }
    }

    #[cold]
    fn ask_for_hook(&mut self, is_late: bool) -> bool {
        self.has_hook = !is_late && !self.intake.is_stopped();
        self.has_hook
    }

    /// What is done about the initializations that are under way, if there are any.
    #[inline]
    pub(super) fn initializing(&self) -> Option<&'static ValueSteps> {
        if self.values.are_under_way() { self.value_steps } else { None }
    }

    /// How many handlers a run that begins now would find.
    pub(super) fn runnable(&mut self) -> usize {
        match self.intake {
            Intake::Stopped { .. } => 0,
            Intake::Exited { .. } if self.handlers.top(OPEN).is_none() => 0,
            _ => self.handlers.len(),
        }
    }

    /// The handler that runs next.
    pub(super) fn advance(&mut self) -> Option<Top> {
        self.advance_inline()
    }

    /// The same where each handler passes.
    #[expect(clippy::inline_always, reason = "otherwise the compiler makes it a call, for each handler")]
    #[inline(always)]
    pub(super) fn advance_inline(&mut self) -> Option<Top> {
        if self.intake.is_stopped() {
            return None;
        }
        loop {
            let foreign = match self.handlers.top_inline(OPEN) {
                Some((top, handler)) if !handler.facts().are_of_another_process() => return Some(top),
                Some((top, _)) => Some(top),
                None => None,
            };
            if !self.clear_the_way(foreign) {
                return None;
            }
        }
    }

    /// Forgets a handler of another process, or begins the further round if nothing is left. `false`: there is nothing more to run.
    #[cold]
    fn clear_the_way(&mut self, foreign: Option<Top>) -> bool {
        if let Some(top) = foreign {
            std::mem::forget(self.handlers.pop(top));
            return true;
        }
        let goes_round = self.intake.may_go_round() && self.admit_late();
        if goes_round {
            self.intake.go_round();
        }
        goes_round
    }

    /// Admits the handlers that came late so far, and returns whether there were any.
    pub(super) fn admit_late(&mut self) -> bool {
        let mut any = false;
        for phase in Phase::ALL {
            any |= self.handlers.move_onto(late(phase), registered(phase));
        }
        any
    }

    /// In a forked child: the run of another thread is over, and the handlers that it had not started are pending. Nothing is dropped.
    pub(crate) fn forget_run_in_child(&mut self) {
        self.admit_late();
        self.intake = Intake::Open;
        self.values.open_in_child();
        std::mem::forget(self.progress.running.take());
    }

    /// In a forked child: forgets handlers that run only in the parent, captures and all.
    pub(crate) fn forget_foreign(&mut self) {
        self.handlers.take_where(&PendingHandler::is_of_another_process, &mut std::mem::forget);
        if let Some(steps) = self.value_steps {
            (steps.forget_foreign_in_child)(&mut self.values);
        }
    }

    /// Adds what was collected, unless another thread has done so meanwhile.
    fn add(&mut self, collection: &mut Collection) {
        if !collection.succeeds(&mut self.seen) {
            return;
        }
        for &handler in &collection.handlers {
            let facts = handler.facts();
            if facts.are_of_another_process() {
                continue; // a child forgets handlers that run only in the parent
            }
            // A plug-in that is loaded later registers its declared handlers at that moment.
            let stack = if collection.is_first() { declared_first(facts.phase) } else { registered(facts.phase) };
            self.handlers.push(stack, PendingHandler::declared(handler));
        }
    }
}
