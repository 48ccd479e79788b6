//! Owns the pending handlers, and how far a run has come through them; must not know how a handler is called, or what a run reports.
//!
//! Where they are kept is the business of `stacks`: for each phase a stack of what was registered, one of what was declared, which counts
//! as older, and one of what comes late for the run that is under way.
//!
//! One lock guards it all. It is never held while code of a user runs, an allocator's among it, for the program may have its own, which
//! takes locks around each fork or even registers a handler: room is made before, and what was moved out is dropped after. Whoever finds
//! that others have used up the room makes more, and looks again.

use std::any::TypeId;
use std::ops::Range;

mod collect;
mod function;
pub(crate) mod intake;
pub(crate) mod lease;
mod placing;
pub(crate) mod stacks;

use crate::handler::PendingHandler;
use crate::handler::constraints::Constraints;
use crate::handler::declaration::{Phase, RunsOn};
use crate::handler::facts::Label;
use crate::handler::info::HandlerInfo;
use crate::order::problem::Problem;
use crate::sys::lock::{Guard, Lock, Rank};
use crate::sys::token::ThreadToken;
use collect::{Collection, Seen};
pub(crate) use collect::{Reasons, declared, links};
use function::Function;
use intake::{Closed, Intake};
pub(crate) use placing::Unmet;
use placing::{Place, Placing};
use stacks::{Handle, Room, Stacks, Top};

/// What became of a handler that was registered.
pub(crate) struct Inserted {
    pub(crate) handle: Handle,
    /// It came late for the run that is under way.
    pub(crate) is_late: bool,
    /// It is the first since the process has used up its hooks, or in a shared library.
    pub(crate) needs_hook: bool,
}

#[inline]
pub(crate) fn insert(handler: PendingHandler) -> Inserted {
    let phase = handler.facts().phase;
    let mut pending = lock();
    if pending.handlers.is_full() {
        drop(pending);
        pending = lock_with_room(1);
    }
    let is_late = pending.is_late();
    let stack = if is_late { late(phase) } else { registered(phase) };
    let handle = pending.handlers.push(stack, handler);
    pending.inserted(handle, is_late)
}

/// The same for a handler with constraints, and which of them are not met.
pub(crate) fn insert_constrained(handler: PendingHandler, constraints: &Constraints) -> (Inserted, Vec<Unmet>) {
    let mut placing = Placing::new(constraints);
    let (phase, label) = (handler.facts().phase, handler.label());
    let mut pending = collected_with_room();
    let is_late = pending.is_late();
    let own = if is_late { late(phase)..=late(phase) } else { registered(phase)..=declared_first(phase) };
    let place = Place { own, open: OPEN };
    let handle = match placing.find(&pending.handlers, &place) {
        Some(above) => pending.handlers.insert_below(above, handler),
        None => pending.handlers.push(*place.own.start(), handler),
    };
    let inserted = pending.inserted(handle, is_late);
    drop(pending);
    (inserted, placing.unmet(&label))
}

/// Takes one handler out of the set, without running it.
pub(crate) fn remove(handle: Handle) -> Option<PendingHandler> {
    lock().handlers.remove(handle)
}

pub(crate) fn contains(handle: Handle) -> bool {
    lock().handlers.get(handle).is_some()
}

/// Takes out all handlers; whoever asked for it drops them, without the lock.
pub(crate) fn remove_all() -> Vec<PendingHandler> {
    remove_where(&|_| true)
}

/// The same for those of one function.
pub(crate) fn remove_function(identity: TypeId) -> Vec<PendingHandler> {
    let function = Function::new(identity);
    remove_where(&|handler| function.is_of(handler))
}

fn remove_where(matches: &dyn Fn(&PendingHandler) -> bool) -> Vec<PendingHandler> {
    let mut removed = Vec::new();
    let mut pending = lock_for_all(collected, &mut removed);
    pending.handlers.take_where(matches, |handler| removed.push(handler));
    drop(pending);
    removed
}

/// What `look` makes of each pending handler, in the order of running, and why some stand where they do. It must not allocate.
pub(crate) fn look<T>(look: impl Fn(&PendingHandler) -> Option<T>) -> (Vec<T>, Reasons) {
    let mut seen = Vec::new();
    let pending = lock_for_all(collected, &mut seen);
    seen.extend(pending.handlers.iter().filter_map(look));
    let reasons = pending.seen.reasons.clone();
    drop(pending);
    (seen, reasons)
}

pub(crate) fn len() -> usize {
    collected().handlers.len()
}

/// Opens the set to a run, and says how many handlers are pending. What other threads register from now on is late; a run at exit takes
/// that in one further round.
pub(crate) fn open_run(at_exit: bool) -> usize {
    let mut pending = collected();
    let runnable = pending.runnable();
    if runnable > 0 {
        pending.intake.open_run(at_exit);
        pending.progress.started = 0;
    }
    runnable
}

/// Ends what `open_run` began, and says how many handlers were started, and how many came too late. After an exit nothing can become pending
/// any more but by the exiting thread.
pub(crate) fn close_run(at_exit: bool) -> (usize, usize) {
    let mut pending = lock();
    let running = pending.progress.running.take();
    let too_late = match pending.intake.close_run(at_exit, ThreadToken::mine()) {
        Closed::AdmitLate => {
            pending.admit_late();
            0
        }
        Closed::TellTooLate => pending.handlers.len(),
        Closed::Quietly => 0,
    };
    let started = pending.progress.started;
    drop(pending);
    drop(running);
    (started, too_late)
}

/// What a run inside a handler finds. Should the handler be abandoned, what runs inside counts in the outer run.
pub(crate) struct Outer {
    started: usize,
    running: Option<Label>,
}

/// `None`: the handler was abandoned meanwhile.
pub(crate) fn enter_run() -> Option<Outer> {
    let progress = &mut lock().progress;
    lease::is_held().then(|| Outer { started: progress.started, running: progress.running.take() })
}

/// Ends what `enter_run` began, and says how many handlers were started.
pub(crate) fn leave_run(mut outer: Outer) -> usize {
    let progress = &mut lock().progress;
    if !lease::is_held() {
        return 0; // abandoned meanwhile: what is running is another one
    }
    std::mem::swap(&mut progress.running, &mut outer.running); // dropped without the lock
    let inside = progress.started - outer.started;
    progress.started = outer.started;
    inside
}

/// What comes next in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) runs_on: RunsOn,
    /// It has a time limit of its own.
    pub(crate) is_limited: bool,
}

/// Advances to the next handler, and says where it runs. On the way, what belongs to another process is forgotten; and when nothing is
/// left, a run at exit begins its further round.
pub(crate) fn advance() -> Option<Next> {
    let mut pending = lock();
    let next = pending.advance()?;
    let facts = pending.handlers.item(next)?.facts();
    Some(Next { runs_on: facts.runs_on, is_limited: facts.has_time_limit })
}

/// Takes the next handler out of the set if it runs on such a thread, any if none is named, and this thread still holds the lease.
#[inline]
pub(crate) fn take_next(only: Option<RunsOn>) -> Option<PendingHandler> {
    let mut former_name = None; // dropped without the lock
    let mut pending = lock();
    if !lease::is_held() {
        return None;
    }
    let next = pending.advance();
    let Pending { handlers, progress, .. } = &mut *pending;
    if let Some(Label::Registered { name, .. }) = &mut progress.running {
        std::mem::swap(name, &mut former_name);
    }
    progress.running = None;
    let next = next?;
    let handler = handlers.item(next)?;
    if only.is_some_and(|only| handler.facts().runs_on != only) {
        return None;
    }
    handler.label_into(&mut progress.running);
    progress.started += 1;
    progress.serial += 1;
    handlers.pop(next)
}

/// Which handler is running, and a number that changes whenever another one starts.
pub(crate) fn running() -> (u64, Option<Label>) {
    let progress = &lock().progress;
    (progress.serial, progress.running.clone())
}

/// Revokes whatever lease counts; the thread that has it takes no handler any more.
pub(crate) fn revoke_lease() {
    let _pending = lock(); // between two handlers, not while one is being taken
    lease::revoke();
}

/// The same for one lease, if it still counts.
pub(crate) fn revoke_one_lease(number: u64) {
    let _pending = lock();
    lease::revoke_one(number);
}

/// Notes that nothing runs any more: the handler that did has been abandoned, and that has been told. Whoever calls this under a lock drops
/// the label later.
#[must_use]
pub(crate) fn take_running() -> Option<Label> {
    lock().progress.running.take()
}

/// The same by the thread that ran the handler, if it still holds the lease: the handler has failed, and is over.
pub(crate) fn forget_running() {
    let mut pending = lock();
    let label = if lease::is_held() { pending.progress.running.take() } else { None };
    drop(pending);
    drop(label);
}

/// Lets nothing run any more, and says what was pending. The captures are not dropped: they may hang, as a handler did.
pub(crate) fn stop() -> Vec<HandlerInfo> {
    let mut taken = Vec::new();
    let mut pending = lock_for_all(lock, &mut taken);
    pending.intake.stop();
    pending.handlers.take_where(|_| true, |handler| taken.push(handler));
    drop(pending);
    let infos = taken.iter().map(|handler| handler.label().info()).collect();
    taken.into_iter().for_each(std::mem::forget);
    infos
}

/// Gives the memory of the set back, if nothing is pending: the library goes away, and with it all handles and whoever else would.
pub(crate) fn free() {
    let mut pending = lock();
    let is_empty = pending.handlers.len() == 0;
    let handlers = is_empty.then(|| std::mem::replace(&mut pending.handlers, Stacks::new()));
    drop(pending);
    drop(handlers);
}

/// How many handlers a run that begins now would find.
pub(crate) fn runnable() -> usize {
    collected().runnable()
}

/// The run that is under way is part of an exit now.
pub(crate) fn become_exit() {
    lock().intake.become_exit();
}

/// Notes that the exiting process has used up a hook, and says whether another is needed.
pub(crate) fn use_up_hook() -> bool {
    let mut pending = collected();
    pending.has_hook = pending.runnable() > 0;
    pending.has_hook
}

/// Notes that the first handler that is registered needs another hook.
pub(crate) fn ask_for_hook() {
    lock().has_hook = false;
}

pub(crate) static PENDING: Lock<Pending> = Lock::new(Rank::Pending, Pending::new());

#[inline]
fn lock() -> Guard<'static, Pending> {
    PENDING.lock()
}

/// The pending set with room for so many more handlers.
#[cold]
fn lock_with_room(handlers: usize) -> Guard<'static, Pending> {
    loop {
        let pending = lock();
        let Some(need) = pending.handlers.need(handlers) else { return pending };
        drop(pending);
        let mut room = Room::new(need);
        lock().handlers.add(&mut room);
    }
}

/// The pending set, and in the vector, which is empty, room for something of each handler.
fn lock_for_all<T>(lock: fn() -> Guard<'static, Pending>, room: &mut Vec<T>) -> Guard<'static, Pending> {
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
fn collected_with_room() -> Guard<'static, Pending> {
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
fn collected() -> Guard<'static, Pending> {
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

const PHASES: usize = Phase::ALL.len();

// The stacks, in the order of running. Declared handlers count as registered before `main`, even if a call came first here; among them is
// what was put below one of them. What came late for a run waits until it is admitted.
const fn registered(phase: Phase) -> usize {
    2 * phase as usize
}

const fn declared_first(phase: Phase) -> usize {
    2 * phase as usize + 1
}

const fn late(phase: Phase) -> usize {
    2 * PHASES + phase as usize
}

/// What a run takes.
const OPEN: Range<usize> = 0..2 * PHASES;

pub(crate) struct Pending {
    handlers: Stacks<PendingHandler, { 3 * PHASES }>,
    /// Of what is declared.
    seen: Seen,
    /// What is wrong with the declared handlers, and was not told yet.
    problems: Vec<Problem>,
    /// A hook stands in front of the process's end.
    has_hook: bool,
    intake: Intake,
    progress: Progress,
}

/// How far the run has come that is under way.
struct Progress {
    /// How many handlers it has started.
    started: usize,
    /// How many handlers have ever been started.
    serial: u64,
    running: Option<Label>,
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
        }
    }

    /// Whether what this thread registers now is late.
    #[inline]
    fn is_late(&self) -> bool {
        self.intake.is_closed_to(ThreadToken::mine) && !lease::is_held()
    }

    /// Notes that a handler has joined.
    #[inline]
    fn inserted(&mut self, handle: Handle, is_late: bool) -> Inserted {
        let needs_hook = !self.has_hook && !is_late && !self.intake.is_stopped();
        self.has_hook |= needs_hook;
        Inserted { handle, is_late, needs_hook }
    }

    /// How many handlers a run that begins now would find.
    fn runnable(&mut self) -> usize {
        match self.intake {
            Intake::Stopped { .. } => 0,
            Intake::Exited { .. } if self.handlers.top(OPEN).is_none() => 0,
            _ => self.handlers.len(),
        }
    }

    /// The handler that runs next.
    #[expect(clippy::inline_always, reason = "the compiler would rather call it, once a handler")]
    #[inline(always)]
    fn advance(&mut self) -> Option<Top> {
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
    fn admit_late(&mut self) -> bool {
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
        std::mem::forget(self.progress.running.take());
    }

    /// In a forked child: what runs in the parent only is forgotten here, captures and all.
    pub(crate) fn forget_foreign(&mut self) {
        self.handlers.take_where(|handler| handler.facts().are_of_another_process(), std::mem::forget);
    }

    /// Adds what was collected, unless another thread has done so meanwhile.
    fn add(&mut self, collection: &mut Collection) {
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

/// What is wrong with the handlers that were collected; told once.
pub(crate) fn take_problems() -> Vec<Problem> {
    std::mem::take(&mut lock().problems)
}
