//! Owns how a value joins the pending set, and how others, an exit included, wait for that; must not know what a value is, or how it is
//! finished.
//!
//! A value joins the pending set when its initialization has ended. Until then it is in a list. Other threads that want the value wait for it,
//! and so does an exit, which must not leave it behind. Once an exit begins to finish the first value of a phase, no value of that phase is
//! initialized any more; once it has run everything, no value at all.
//!
//! Most programs have no values, so this reaches the rest of the library through [`ValueSteps`]: only programs with values contain the code.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;
use std::time::Duration;

pub(crate) use super::initializations::{Begun, CellId, Refusal, Ticket};
use super::initializations::{Initializations, Progress};
use super::lease;
use super::pending::{Inserted, OPEN, PENDING, Pending, ValueSteps, Waited, late, lock, registered, with_room};
use super::stacks::Handle;
use crate::handler::PendingHandler;
use crate::handler::declaration::{Phase, RunsOn};
use crate::handler::error::drop_quietly;
use crate::handler::value::Options;
use crate::sys;
use crate::sys::lock::Guard;
use crate::sys::sync::{Condvar, Instant};
use crate::sys::token::ThreadToken;

/// Begins an initialization, once no other one of the cell is under way. Code that an exit calls, a handler or a function of C, does not wait
/// longer than the value's patience.
pub(crate) fn begin(cell: CellId, options: &Options, is_made: &dyn Fn() -> bool) -> Result<Begun, Refusal> {
    let me = ThreadToken::mine();
    // How long it waits at most is found out only if it has to wait, and without the lock, because that may walk over the stack.
    let (mut is_bound_known, mut until) = (false, None);
    let mut pending = lock_to_begin();
    let begun = loop {
        if let Some(begun) = pending.values.try_begin(cell, options, me, is_made).transpose() {
            break begun;
        }
        if let Some(refusal) = pending.values.refusal(cell, me, lease::is_held()) {
            break Err(refusal);
        }
        if !std::mem::replace(&mut is_bound_known, true) {
            drop(pending);
            let is_called_by_exit = lease::is_held() || sys::is_in_exit();
            until = is_called_by_exit.then(|| Instant::now().checked_add(options.patience())).flatten();
            pending = lock_to_begin();
            continue;
        }
        let left = until.map(|until: Instant| until.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            break Err(Refusal::TooLong(options.patience()));
        }
        if pending.values.set_waits_for(me, Some(cell)) {
            wake(&pending); // a thread that waits for this one now waits for that initialization, too, and may have to stop
        }
        pending = wait(pending, left);
        if pending.values.is_full() {
            drop(pending);
            pending = lock_to_begin();
        }
    };
    pending.values.set_waits_for(me, None);
    begun
}

/// The same for a future. `None`: it is polled again when the other initialization has ended. Until then it has a ticket, for
/// [`leave_waiting`].
pub(crate) fn poll_begin(
    cell: CellId,
    options: &Options,
    is_made: &dyn Fn() -> bool,
    ticket: &mut Option<Ticket>,
    waker: &Waker,
) -> Result<Option<Begun>, Refusal> {
    let me = ThreadToken::mine();
    let waker = waker.clone(); // a user's code clones it, and drops it: without the lock
    loop {
        drop(PENDING.lock_with_room(|pending| Some((&mut pending.values.wakers, 1))));
        let mut pending = lock_to_begin();
        let values = &mut pending.values;
        if let Some(begun) = values.try_begin(cell, options, me, is_made)? {
            return Ok(Some(begun));
        }
        match values.refusal(cell, me, lease::is_held()) {
            None if lease::is_held() => {
                drop(pending);
                return begin(cell, options, is_made).map(Some); // a handler blocks, but not longer than in `begin`
            }
            None | Some(Refusal::Suspended) => {}
            Some(refusal) => return Err(refusal),
        }
        if values.wakers.len() < values.wakers.capacity() {
            let former = values.wait(cell, ticket, waker);
            drop(pending);
            drop(former);
            return Ok(None);
        }
    }
}

/// A future has stopped waiting.
pub(crate) fn leave_waiting(ticket: Ticket) {
    let waker = lock().values.leave_waiting(ticket);
    drop(waker); // without the lock
}

/// Whether values of this phase can no longer be initialized.
pub(crate) fn is_closed(phase: Phase) -> bool {
    lock().values.is_closed[phase as usize]
}

/// A future that initializes a value is about to be polled. `false`: it must not be polled any more.
pub(crate) fn resume(cell: CellId) -> bool {
    let me = ThreadToken::mine();
    lock().values.resume(cell, me)
}

/// The future has been polled, and is not ready.
pub(crate) fn suspend(cell: CellId) {
    let mut pending = lock();
    pending.values.suspend(cell);
    wake(&pending); // an exit no longer waits for it
}

/// The initialization has failed, or was dropped: the next thread that asks for the value tries again.
pub(crate) fn abandon(cell: CellId) {
    lock().values.remove(cell);
    tell(cell);
}

/// Begins to close a value outside of a run, if `close` says that it is closed here. An exit waits for this as it does for an initialization.
/// [`abandon`] ends it.
pub(crate) fn begin_closing(cell: CellId, options: &Options, close: &dyn Fn() -> bool) -> bool {
    let me = ThreadToken::mine();
    let mut pending = lock_to_begin();
    let is_closed_here = close();
    if is_closed_here {
        pending.values.begin_closing(cell, options, me);
    }
    is_closed_here
}

/// Ends an initialization that has made its value. `None`: values of its phase can no longer be initialized, so the value is to be finished at
/// once, and the exit waits for that until [`abandon`].
pub(crate) fn complete(cell: CellId, phase: Phase) -> Option<Completion> {
    let mut pending = with_room(lock(), 1);
    if pending.values.is_in_time(cell, phase) {
        return Some(Completion { pending, phase });
    }
    wake(&pending); // threads that wait for the value wait in vain
    None
}

/// The locked pending set, which a value is about to join.
pub(crate) struct Completion {
    pending: Guard<'static, Pending>,
    phase: Phase,
}

impl Completion {
    /// Lets the value join the set; `publish` makes it visible, under the lock. The caller must call [`tell`] next.
    pub(crate) fn join(self, handler: PendingHandler, publish: impl FnOnce(Handle)) -> Inserted {
        let Self { mut pending, phase } = self;
        // An exit takes it in its turn, no matter which thread has initialized it: this cannot go on forever.
        let is_late = pending.is_late() && !pending.intake.is_exit();
        let handle = pending.handlers.push(if is_late { late(phase) } else { registered(phase) }, handler);
        publish(handle);
        pending.inserted(handle, is_late)
    }
}

/// This thread is exiting, and does not go on with its initializations.
pub(crate) fn leave_initializations() {
    let mut pending = lock();
    if let Some(steps) = pending.initializing() {
        (steps.leave)(&mut pending);
    }
}

/// Notified when something happens to an initialization.
static CHANGED: Condvar = Condvar::new();

fn wake(pending: &Pending) {
    if pending.values.waiting > 0 {
        CHANGED.notify_all();
    }
}

fn wait(mut pending: Guard<'static, Pending>, at_most: Option<Duration>) -> Guard<'static, Pending> {
    pending.values.waiting += 1;
    pending = match at_most {
        Some(at_most) => pending.wait_timeout(&CHANGED, at_most),
        None => pending.wait(&CHANGED),
    };
    pending.values.waiting -= 1;
    pending
}

/// Tells all who wait that the initialization has ended.
pub(crate) fn tell(cell: CellId) {
    // Only those that wait now: one that is woken may find that another initialization has begun, and wait for that.
    let pending = lock();
    let waiting = pending.values.waiting_for(cell);
    wake(&pending);
    drop(pending);
    for _ in 0..waiting {
        let waker = lock().values.take_waker(cell);
        let Some(waker) = waker else { return };
        // Code of a user. Its panic has been shown, and must not keep others from being woken.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
            drop_quietly(payload);
        }
    }
}

/// Locks the pending set, with room for another initialization.
fn lock_to_begin() -> Guard<'static, Pending> {
    let mut pending = PENDING.lock_with_room(|pending| Some((&mut pending.values.under_way, 1)));
    pending.value_steps = Some(&STEPS);
    pending
}

/// A static, so that it and the functions are in this crate. If they were in the one that has the value, and that is a plug-in of a program that
/// shares this crate with it, they would be gone after the plug-in.
static STEPS: ValueSteps = ValueSteps {
    awaits_any,
    awaits_next,
    wait: await_initializations,
    leave,
    forget_foreign_in_child: Initializations::forget_foreign_in_child,
    free,
};

fn free() {
    let memory = lock().values.take_memory();
    drop(memory); // without the lock
}

fn leave(pending: &mut Pending) {
    pending.values.leave(ThreadToken::mine());
    wake(pending);
}

fn awaits_any(values: &Initializations) -> bool {
    let me = ThreadToken::mine();
    sys::can_start_threads() && (0..values.under_way.len()).any(|at| values.can_end(at, me))
}

fn awaits_next(pending: &mut Pending) -> bool {
    awaited(pending).is_some()
}

/// The initialization that an exit waits for before it goes on: one of an earlier phase than the next handler's, or of the same phase if that
/// handler is a value.
#[cold]
fn awaited(pending: &mut Pending) -> Option<usize> {
    // If no thread can be started, the other threads are dead, or there are none.
    if !pending.intake.is_exit() || !sys::can_start_threads() {
        return None;
    }
    let next = pending.handlers.top(OPEN).map(|(_, handler)| handler.facts());
    let me = ThreadToken::mine();
    for at in 0..pending.values.under_way.len() {
        let phase = pending.values.under_way[at].options.phase;
        let is_its_turn = match next {
            Some(next) => phase < next.phase || (phase == next.phase && next.is_value),
            None => true,
        };
        if is_its_turn && pending.values.can_end(at, me) {
            return Some(at);
        }
    }
    None
}

/// Waits for the initializations whose turn it is. All waits of one exit together take no longer than the patience of any one of them. It breaks
/// with nothing if this thread must not wait, or with a handler that stands for an initialization that has not ended in time.
#[cold]
fn await_initializations(mut pending: Guard<'static, Pending>, only: Option<RunsOn>) -> Waited {
    pending.progress.has_ended = false;
    if let former @ Some(_) = pending.progress.running.take() {
        drop(pending);
        drop(former);
        pending = lock();
        if !lease::is_held() {
            return ControlFlow::Break(None);
        }
    }
    while let Some(at) = awaited(&mut pending) {
        if only == Some(RunsOn::Caller) {
            return ControlFlow::Break(None); // another thread waits
        }
        let Pending { values, progress, .. } = &mut *pending;
        let initialization = &mut values.under_way[at];
        let (options, is_closing) = (initialization.options, initialization.is_closing);
        let left = options.patience().saturating_sub(values.waited);
        if left.is_zero() {
            initialization.progress = Progress::GivenUp;
            progress.running = Some(options.label());
            progress.serial += 1;
            progress.started += 1;
            drop(pending);
            return ControlFlow::Break(Some(PendingHandler::given_up(options, is_closing)));
        }
        if progress.running.is_none() {
            progress.serial += 1;
        }
        progress.running = Some(options.label());
        let start = Instant::now();
        pending = wait(pending, Some(left));
        if !lease::is_held() {
            return ControlFlow::Break(None);
        }
        pending.values.waited += start.elapsed();
        if !awaits_next(&mut pending) {
            pending.progress.running = None;
        }
    }
    ControlFlow::Continue(pending)
}
