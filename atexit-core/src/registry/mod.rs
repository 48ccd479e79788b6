//! Owns the pending handlers, and how far a run has got through them; must not know how a handler is called, or what a run reports.
//!
//! What is done with handlers is here, except for what values need, which is in `values`. The set itself and its lock are in `pending`.

use std::any::TypeId;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

mod collect;
mod function;
mod initializations;
pub(crate) mod intake;
pub(crate) mod lease;
mod pending;
mod placing;
pub(crate) mod stacks;
pub(crate) mod values;

use crate::handler::PendingHandler;
use crate::handler::constraints::Constraints;
use crate::handler::declaration::RunsOn;
use crate::handler::facts::Label;
use crate::handler::info::HandlerInfo;
use crate::order::Notes;
use crate::sys::token::ThreadToken;
pub(crate) use collect::declared;
use function::Function;
use initializations::Initializations;
use intake::Closed;
pub(crate) use pending::{Inserted, PENDING, Pending, free};
use pending::{
    OPEN, collected, collected_with_room, declared_first, late, lock, lock_for_all, lock_inline, may_be_value,
    registered, with_room,
};
pub(crate) use placing::Unmet;
use placing::{Place, Placing};
use stacks::Handle;

#[inline]
pub(crate) fn insert(handler: PendingHandler) -> Inserted {
    let phase = handler.facts().phase;
    let mut pending = lock_inline();
    if pending.handlers.is_full() {
        pending = with_room(pending, 1);
    }
    let is_late = pending.is_late();
    let stack = if is_late { late(phase) } else { registered(phase) };
    let handle = pending.handlers.push(stack, handler);
    let inserted = pending.inserted(handle, is_late);
    pending.release();
    inserted
}

/// Inserts a handler with constraints. Returns also those that are not met.
#[inline]
pub(crate) fn insert_constrained(handler: PendingHandler, constraints: &Constraints) -> (Inserted, Vec<Unmet>) {
    let mut placing = Placing::new(constraints);
    let (phase, label) = (handler.facts().phase, handler.label());
    let mut pending = collected_with_room();
    let is_late = pending.is_late();
    let own = if is_late { late(phase)..late(phase) + 1 } else { registered(phase)..declared_first(phase) + 1 };
    let place = Place { own, open: OPEN };
    let handle = match placing.find(&pending.handlers, &place) {
        Some(above) => pending.handlers.insert_below(above, handler),
        None => pending.handlers.push(place.own.start, handler),
    };
    let inserted = pending.inserted(handle, is_late);
    drop(pending);
    (inserted, placing.unmet(&label))
}

/// Takes one handler out of the set, without running it.
pub(crate) fn remove(handle: Handle) -> Option<PendingHandler> {
    let mut pending = lock_inline();
    let handler = pending.handlers.remove(handle);
    pending.release();
    handler
}

#[inline]
pub(crate) fn contains(handle: Handle) -> bool {
    lock().handlers.get(handle).is_some()
}

/// Takes out all handlers. The caller drops them, without the lock.
#[inline]
pub(crate) fn remove_all() -> Vec<PendingHandler> {
    remove_where(&|_| true)
}

/// The same for the handlers of one function.
#[inline]
pub(crate) fn remove_function(identity: TypeId) -> Vec<PendingHandler> {
    let function = Function::new(identity);
    remove_where(&|handler| function.is_of(handler))
}

#[inline]
fn remove_where(matches: &dyn Fn(&PendingHandler) -> bool) -> Vec<PendingHandler> {
    let mut removed = Vec::new();
    let mut pending = lock_for_all(collected, &mut removed);
    pending.handlers.take_where(matches, &mut |handler| removed.push(handler));
    drop(pending);
    removed
}

/// Shows each pending handler, in the order of running, to `see`. Returns what there is to say about the order of declared handlers. `see` must not
/// allocate, but may push an item: there is room for one for each handler in the vector, which is empty before.
#[inline]
pub(crate) fn look<T>(seen: &mut Vec<T>, see: fn(&PendingHandler, &mut Vec<T>)) -> Notes {
    let pending = lock_for_all(collected, seen);
    pending.handlers.visit(&mut |_, _, handler| see(handler, seen));
    let notes = pending.seen.notes.clone();
    drop(pending);
    notes
}

pub(crate) fn len() -> usize {
    collected().handlers.len()
}

/// Opens the set to a run, and returns how many handlers are pending; `None` if there is nothing to do. Handlers that other threads register
/// from now on are late; a run at exit takes them in one further round.
#[inline]
pub(crate) fn open_run(at_exit: bool) -> Option<usize> {
    let mut pending = collected();
    let runnable = pending.runnable();
    let awaits_any = match pending.initializing() {
        Some(steps) if at_exit && !pending.intake.has_exit_begun() => (steps.awaits_any)(&pending.values),
        _ => false,
    };
    if runnable == 0 && !awaits_any {
        if at_exit {
            pending.values.close_all(); // the process may end before another hook is called
        }
        return None;
    }
    pending.intake.open_run(at_exit);
    pending.progress.started = 0;
    pending.values.waited = Duration::ZERO;
    Some(runnable)
}

/// Ends what `open_run` began, and returns how many handlers were started, and how many came too late. After an exit, only the exiting thread
/// can still make anything pending.
#[inline]
pub(crate) fn close_run(at_exit: bool) -> (usize, usize) {
    let mut pending = lock();
    let running = pending.progress.running.take();
    if at_exit {
        pending.values.close_all();
    }
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

/// What a run inside a handler sets aside. If the handler is abandoned, the handlers that ran inside it count in the outer run.
pub(crate) struct Outer {
    started: usize,
    running: Option<Label>,
    has_ended: bool,
}

/// Begins a run inside a handler. `None`: the handler was abandoned meanwhile.
pub(crate) fn enter_run() -> Option<Outer> {
    let progress = &mut lock().progress;
    if !lease::is_held() {
        return None;
    }
    Some(Outer {
        started: progress.started,
        running: progress.running.clone(), // it goes on to be the one that runs, until another one starts
        has_ended: std::mem::take(&mut progress.has_ended),
    })
}

/// Ends what `enter_run` began, and returns how many handlers were started.
#[inline]
pub(crate) fn leave_run(mut outer: Outer) -> usize {
    let progress = &mut lock().progress;
    if !lease::is_held() {
        return 0; // abandoned meanwhile: another handler is running
    }
    std::mem::swap(&mut progress.running, &mut outer.running); // dropped without the lock
    let inside = progress.started - outer.started;
    (progress.started, progress.has_ended) = (outer.started, outer.has_ended);
    inside
}

/// What comes next in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) runs_on: RunsOn,
    /// It has a time limit of its own.
    pub(crate) is_limited: bool,
}

/// Advances to the next handler, and says where it runs. On the way, handlers of another process are forgotten. When nothing is left, a run at
/// exit begins its further round, or else lets no value be initialized any more.
pub(crate) fn advance() -> Option<Next> {
    let mut pending = lock();
    if let Some(steps) = pending.initializing() {
        if (steps.awaits_next)(&mut pending) {
            return Some(Next { runs_on: RunsOn::ExitThread, is_limited: true }); // the thread that takes the next one waits first
        }
    }
    let Some(next) = pending.advance() else {
        if pending.intake.is_exit() {
            pending.values.close_all();
        }
        return None;
    };
    let facts = pending.handlers.item(next)?.facts();
    Some(Next { runs_on: facts.runs_on, is_limited: facts.has_time_limit })
}

/// Takes the next handler out of the set, if this thread still holds the lease and, where `only` names a thread, if the handler runs there.
/// Before the first value, it waits for those that are being initialized.
#[inline(never)] // in place, the compiler takes the handler apart and together again, which takes longer
pub(crate) fn take_next(only: Option<RunsOn>) -> Option<PendingHandler> {
    let mut pending = lock_inline();
    if !lease::is_held_inline() {
        return None;
    }
    if let Some(steps) = pending.initializing() {
        match (steps.wait)(pending, only) {
            ControlFlow::Continue(locked) => pending = locked,
            ControlFlow::Break(instead) => return instead,
        }
    }
    let mut former_name = None; // dropped without the lock
    let handler = take(&mut pending, only, &mut former_name);
    pending.release();
    handler
}

/// The former name is not part of what is returned, so that the handler is moved as a whole.
#[expect(clippy::inline_always, reason = "otherwise the compiler makes it a call, for each handler")]
#[inline(always)]
fn take(pending: &mut Pending, only: Option<RunsOn>, former_name: &mut Option<Arc<String>>) -> Option<PendingHandler> {
    let next = pending.advance_inline();
    let Pending { handlers, progress, values, intake, .. } = pending;
    if let Some(Label::Registered { name, .. }) = &mut progress.running {
        *former_name = name.take();
    }
    std::mem::forget(progress.running.take()); // nothing else in it has to be dropped
    let next = next?;
    handlers.pop_if(next, |handler| {
        if only.is_some_and(|only| handler.facts().runs_on != only) {
            return false;
        }
        if may_be_value(next) && intake.is_exit() {
            close_if_value(handler, values);
        }
        handler.label_into(&mut progress.running);
        progress.started += 1;
        progress.serial += 1;
        progress.has_ended = false;
        true
    })
}

#[cold]
fn close_if_value(handler: &PendingHandler, values: &mut Initializations) {
    let facts = handler.facts();
    if facts.is_value {
        values.close(facts.phase);
    }
}

/// Which handler is running, and a number that changes whenever another one starts.
#[inline(never)] // one copy, to keep programs small
pub(crate) fn running() -> (u64, Option<Label>) {
    let progress = &lock().progress;
    (progress.serial, progress.running.clone())
}

/// The number alone.
pub(crate) fn serial() -> u64 {
    lock().progress.serial
}

/// Whether the end of the running handler is recorded.
#[inline]
pub(crate) fn has_ended() -> bool {
    lock().progress.has_ended
}

/// Notes that the running handler has ended, for a caller that records it. `false`: that is done, because the handler had ended before, or was
/// abandoned by another thread.
#[inline]
pub(crate) fn note_ended() -> bool {
    let progress = &mut lock().progress;
    // A lease is revoked under the same lock.
    let is_first = !progress.has_ended && lease::is_held();
    progress.has_ended |= is_first;
    is_first
}

/// Revokes the lease that counts: the thread that has it takes no further handler.
pub(crate) fn revoke_lease() {
    let _pending = lock(); // between two handlers, not while one is being taken
    lease::revoke();
}

/// The same for one lease, if it still counts.
pub(crate) fn revoke_one_lease(number: u64) {
    let _pending = lock();
    lease::revoke_one(number);
}

/// Notes that nothing runs any more: the running handler has been abandoned, and the caller reports it. A caller that holds a lock drops the
/// label later.
#[must_use]
pub(crate) fn take_running() -> Option<Label> {
    lock().progress.running.take()
}

/// The same on the thread that ran the handler, if it still holds the lease: the handler is over, and its end is recorded.
#[inline(never)] // one copy, to keep programs small
pub(crate) fn forget_running() {
    let mut pending = lock();
    let label = if lease::is_held() { pending.progress.running.take() } else { None };
    drop(pending);
    drop(label);
}

/// Lets nothing run any more, and returns what was pending. The captures are not dropped: that may hang, as a handler did.
pub(crate) fn stop() -> Vec<HandlerInfo> {
    let mut labels = Vec::new();
    let mut pending = lock_for_all(lock, &mut labels);
    pending.intake.stop();
    pending.values.close_all();
    pending.handlers.take_where(&|_| true, &mut |handler| {
        labels.push(handler.label());
        std::mem::forget(handler);
    });
    drop(pending);
    let mut infos = Vec::with_capacity(labels.len());
    for label in &labels {
        infos.push(label.info());
    }
    infos
}

/// How many handlers a run that begins now would find.
pub(crate) fn runnable() -> usize {
    collected().runnable()
}

/// Whether a run at exit is under way, or over.
pub(crate) fn has_exit_begun() -> bool {
    lock().intake.has_exit_begun()
}

/// From now on, the current run is part of an exit.
pub(crate) fn become_exit() {
    lock().intake.become_exit();
}

/// Notes that the exiting process has used up a hook, and says whether another is needed.
pub(crate) fn use_up_hook() -> bool {
    let mut pending = collected();
    pending.has_hook = pending.runnable() > 0;
    pending.has_hook
}

/// Notes that the next handler that is registered needs another hook.
pub(crate) fn ask_for_hook() {
    lock().has_hook = false;
}

/// The notes, and how many of the problems in them are reported already. From now on, all of them are.
#[inline]
pub(crate) fn take_problems() -> (Notes, usize) {
    let mut pending = lock();
    let notes = pending.seen.notes.clone();
    let told = std::mem::replace(&mut pending.told_problems, notes.problems().len());
    (notes, told)
}
