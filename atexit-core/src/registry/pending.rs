//! Owns the set of what is pending, and its lock; must not know who adds to it, or takes from it.
//!
//! Where it is kept is the business of `stacks`: for each phase a stack of what was registered, one of what was declared, which counts as
//! older, and one of what comes late for the run that is under way.
//!
//! One lock guards it all. It is never held while code of a user runs, an allocator's among it, for the program may have its own, which
//! takes locks around each fork or even registers a handler: room is made before, and what was moved out is dropped after. Whoever finds
//! that others have used up the room makes more, and looks again.

use std::ops::Range;

use super::collect::{Collection, Seen};
use super::initializations::Initializations;
use super::intake::Intake;
use super::lease;
use super::stacks::{Handle, Room, Stacks, Top};
use crate::handler::PendingHandler;
use crate::handler::declaration::Phase;
use crate::handler::facts::Label;
use crate::order::problem::Problem;
use crate::sys::lock::{Guard, Lock, Rank};
use crate::sys::token::ThreadToken;

/// What became of a handler that was registered.
pub(crate) struct Inserted {
    pub(crate) handle: Handle,
    /// It came late for the run that is under way.
    pub(crate) is_late: bool,
    /// It is the first since the process has used up its hooks, or in a shared library.
    pub(crate) needs_hook: bool,
}

pub(crate) static PENDING: Lock<Pending> = Lock::new(Rank::Pending, Pending::new());

#[inline]
pub(super) fn lock() -> Guard<'static, Pending> {
    PENDING.lock()
}

/// The pending set with room for so many more handlers.
#[cold]
pub(super) fn lock_with_room(handlers: usize) -> Guard<'static, Pending> {
    loop {
        let pending = lock();
        let Some(need) = pending.handlers.need(handlers) else { return pending };
        drop(pending);
        let mut room = Room::new(need);
        lock().handlers.add(&mut room);
    }
}

/// The pending set, and in the vector, which is empty, room for something of each handler.
pub(super) fn lock_for_all<T>(lock: fn() -> Guard<'static, Pending>, room: &mut Vec<T>) -> Guard<'static, Pending> {
    loop {
        let pending = lock();
        let handlers = pending.handlers.len();
        if handlers <= room.capacity() {
            return pending;
        }
        drop(pending);
        room.reserve(handlers); // of twice the room that there was, at least
    }
}

/// The pending set with the declared handlers in it, and room for one more.
pub(super) fn collected_with_room() -> Guard<'static, Pending> {
    loop {
        let pending = collected();
        if !pending.handlers.is_full() {
            return pending;
        }
        drop(pending);
        drop(lock_with_room(1));
    }
}

/// The pending set with the declared handlers in it.
pub(super) fn collected() -> Guard<'static, Pending> {
    loop {
        let pending = lock();
        if pending.seen.is_everything() {
            return pending;
        }
        let (seen, problems) = (pending.seen.clone(), pending.problems.len());
        drop(pending);
        let mut collection = Collection::since(seen);
        collection.problems.reserve(problems);
        lock_with_room(collection.handlers.len()).add(&mut collection);
    }
}

pub(super) const PHASES: usize = Phase::ALL.len();

// The stacks, in the order of running. Declared handlers count as registered before `main`, even if a call came first here; among them is
// what was put below one of them. What came late for a run waits until it is admitted.
pub(super) const fn registered(phase: Phase) -> usize {
    2 * phase as usize
}

pub(super) const fn declared_first(phase: Phase) -> usize {
    2 * phase as usize + 1
}

pub(super) const fn late(phase: Phase) -> usize {
    2 * PHASES + phase as usize
}

/// Whether one may be a value: as a rule, none is, and nobody has to ask.
#[inline]
pub(super) fn may_be_value(top: Top) -> bool {
    let ordinary = registered(Phase::Ordinary)..=declared_first(Phase::Ordinary);
    !ordinary.contains(&top.stack())
}

/// What a run takes.
pub(super) const OPEN: Range<usize> = 0..2 * PHASES;

pub(crate) struct Pending {
    pub(super) handlers: Stacks<PendingHandler, { 3 * PHASES }>,
    /// Of what is declared.
    pub(super) seen: Seen,
    /// What is wrong with the declared handlers, and was not told yet.
    pub(super) problems: Vec<Problem>,
    /// A hook stands in front of the process's end.
    pub(super) has_hook: bool,
    pub(super) intake: Intake,
    pub(super) progress: Progress,
    pub(super) values: Initializations,
}

/// How far the run has come that is under way.
pub(super) struct Progress {
    /// How many handlers it has started.
    pub(super) started: usize,
    /// How many handlers have ever been started.
    pub(super) serial: u64,
    pub(super) running: Option<Label>,
}

impl Pending {
    pub(crate) const fn new() -> Self {
        Self {
            handlers: Stacks::new(),
            seen: Seen::NOTHING,
            problems: Vec::new(),
            has_hook: true, // installed before `main`
            intake: Intake::Open,
            progress: Progress { started: 0, serial: 0, running: None },
            values: Initializations::new(),
        }
    }

    /// Whether what this thread registers now is late.
    #[inline]
    pub(super) fn is_late(&self) -> bool {
        self.intake.is_closed_to(ThreadToken::mine) && !lease::is_held()
    }

    /// Notes that a handler has joined.
    #[inline]
    pub(super) fn inserted(&mut self, handle: Handle, is_late: bool) -> Inserted {
        let needs_hook = !self.has_hook && !is_late && !self.intake.is_stopped();
        self.has_hook |= needs_hook;
        Inserted { handle, is_late, needs_hook }
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
    #[expect(clippy::inline_always, reason = "the compiler would rather call it, once a handler")]
    #[inline(always)]
    pub(super) fn advance(&mut self) -> Option<Top> {
        if self.intake.is_stopped() {
            return None;
        }
        loop {
            let top = self.handlers.top(OPEN);
            let is_foreign =
                |top| self.handlers.item(top).is_none_or(|handler| handler.facts().are_of_another_process());
            if top.is_some_and(|top| !is_foreign(top)) {
                return top;
            }
            if !self.clear_the_way(top) {
                return None;
            }
        }
    }

    /// Forgets what belongs to another process, or begins the further round if nothing is left. `false`: nothing is.
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

    /// Opens the run to what came late for it so far, and says whether there was anything.
    pub(super) fn admit_late(&mut self) -> bool {
        let mut any = false;
        for phase in Phase::ALL {
            any |= self.handlers.move_onto(late(phase), registered(phase));
        }
        any
    }

    /// In a forked child: the run of another thread is over, and what it had not started is pending. Nothing is dropped.
    pub(crate) fn forget_run_in_child(&mut self) {
        self.admit_late();
        self.intake = Intake::Open;
        self.values.open_in_child();
        std::mem::forget(self.progress.running.take());
    }

    /// In a forked child: what runs in the parent only is forgotten here, captures and all.
    pub(crate) fn forget_foreign(&mut self) {
        self.handlers.take_where(|handler| handler.facts().are_of_another_process(), std::mem::forget);
        self.values.forget_foreign_in_child();
    }

    /// Adds what was collected, unless another thread has done so meanwhile.
    pub(super) fn add(&mut self, collection: &mut Collection) {
        let Collection { before, after, handlers, problems } = collection;
        if !self.seen.is_as_much_as(before) {
            return;
        }
        std::mem::swap(&mut self.seen, after);
        problems.append(&mut self.problems);
        std::mem::swap(&mut self.problems, problems);
        for handler in handlers.drain(..).map(PendingHandler::declared) {
            let facts = handler.facts();
            if facts.are_of_another_process() {
                continue; // a child forgets what runs in the parent only
            }
            // A plug-in that comes later registers what it declares by coming.
            let stack = if before.is_nothing() { declared_first(facts.phase) } else { registered(facts.phase) };
            self.handlers.push(stack, handler);
        }
    }
}
