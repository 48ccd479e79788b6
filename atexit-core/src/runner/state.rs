//! Owns the one state that all threads share, and how they wait for each other there; must not know which transitions there are: those are in
//! `course`.
//!
//! Memory is allocated before the lock is taken. What may drop a user's captures is moved out, and dropped after the lock is released.

use std::sync::Arc;
use std::time::Duration;

use super::course::{Begin, Course, Exit, FindRecord, IN_EXIT, Kept};
pub(crate) use super::course::{Claim, RunState};
use super::exit_status::AskedStatus;
use super::handover::Handover;
use super::record::{Reported, RunContext, RunRecord};
use super::watch::{Suspicion, TICK};
use crate::handler::error::FailureKind;
use crate::handler::info::HandlerInfo;
use crate::registry::{
    self,
    lease::{self, Lease},
};
use crate::report::{HandlerRecord, RunResults};
use crate::sys::lock::{Guard, Lock, Rank};
use crate::sys::sync::thread::JoinHandle;
use crate::sys::sync::{Condvar, Instant};
use crate::sys::token::ThreadToken;
use crate::sys::{self, DeadEnd};

/// What a thread that asked to begin a run does, after it has waited as long as it had to.
#[derive(Clone, Copy)]
#[must_use]
pub(crate) enum Begun {
    /// It runs handlers now.
    Mine,
    /// See [`Begin::Within`].
    Within,
    /// See [`Begin::Leave`].
    Leave(i32),
    /// See [`Begin::PastDeadline`].
    PastDeadline,
    /// It goes on with the run of another thread, which waits in vain for what this thread has.
    Stuck(DeadEnd),
}

pub(crate) static RUN: Lock<RunState> = Lock::new(Rank::Run, RunState::new());

/// Wakes threads that wait for another thread's run.
static CHANGED: Condvar = Condvar::new();

fn lock() -> Guard<'static, RunState> {
    RUN.lock()
}

fn wake(run: &RunState) {
    if run.waiting > 0 {
        CHANGED.notify_all();
    }
}

/// Begins a run, or waits until it may.
pub(crate) fn begin(ends_process: bool, deadline: Option<Instant>) -> Begun {
    let me = ThreadToken::mine();
    let mut suspicion = Suspicion::default();
    loop {
        let mut run = lock();
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let at_most = match run.begin(me, ends_process, left.is_some_and(|left| left.is_zero())) {
            Begin::Mine => return Begun::Mine,
            Begin::Within => return Begun::Within,
            Begin::Leave(status) => return Begun::Leave(status),
            Begin::PastDeadline => return Begun::PastDeadline,
            Begin::Wait => left,
            Begin::WaitForTheEnd => None,
        };
        // An exiting thread may have what the owner waits for, so it looks from time to time.
        let at_most = if ends_process { Some(at_most.unwrap_or(TICK).min(TICK)) } else { at_most };
        run.waiting += 1;
        run = match at_most {
            Some(at_most) => run.wait_timeout(&CHANGED, at_most),
            None => run.wait(&CHANGED),
        };
        run.waiting -= 1;
        let owner_id = run.owner_id;
        drop(run);
        if let (Some(owner_id), true) = (owner_id, ends_process) {
            if let Some(dead_end) = take_over_if_stuck(me, owner_id, &mut suspicion) {
                return Begun::Stuck(dead_end);
            }
        }
    }
}

/// Takes the run over from its owner, once it is certain that the owner waits in vain for what this thread has. Returns what it waits for.
fn take_over_if_stuck(me: ThreadToken, owner_id: u64, suspicion: &mut Suspicion) -> Option<DeadEnd> {
    let found = sys::vain_wait(owner_id);
    let is_certain = suspicion.becomes_certain((owner_id, registry::serial()), found, Instant::now());
    let mut former = None; // dropped without the lock
    match found {
        Some(found) if is_certain && lock().take_over_from_stuck(me, owner_id, &mut former) => Some(found.dead_end),
        _ => None,
    }
}

#[inline]
pub(crate) fn open(context: &Arc<RunContext>) {
    let record = RunRecord::new(context);
    let mut run = lock();
    run.open(ThreadToken::mine(), record);
    run.exits_with = None;
    wake(&run);
}

/// `false`: the handler that would contain this run was abandoned meanwhile.
#[inline]
pub(crate) fn nest(context: &Arc<RunContext>) -> bool {
    let record = RunRecord::new(context);
    let mut run = lock();
    let is_held = lease::is_held();
    if is_held {
        run.nest(record);
    }
    is_held
}

/// Locks the state, with room for one more handler that has ended.
fn lock_to_record() -> Guard<'static, RunState> {
    RUN.lock_with_room(|run| Some((&mut run.ended, 1)))
}

/// Locks the state, with room in `handlers` for those that have ended in a run, and says how many ended before. `None`: there is no such run.
fn lock_to_take(find: FindRecord, handlers: &mut Vec<HandlerRecord>) -> Option<(Guard<'static, RunState>, usize)> {
    loop {
        let mut run = lock();
        let first = find(&mut run)?.first;
        let needed = run.ended.len().saturating_sub(first);
        if needed <= handlers.capacity() {
            return Some((run, first));
        }
        drop(run);
        handlers.reserve(needed);
    }
}

/// Ends a record, if there is one that this thread may end, and completes `results`. Returns what was reported before.
pub(crate) fn end_record(find: FindRecord, results: &mut RunResults) -> Option<Reported> {
    let (mut run, _) = lock_to_take(find, &mut results.handlers)?;
    run.end_record(find, results)
}

/// Takes the record of the innermost run, if this thread may still close it: it holds the lease. To abandon a handler, its lease is revoked
/// before the records are read, so that its thread cannot change them any more. Returns the status that handlers and the observer ask for.
pub(crate) fn close() -> AskedStatus {
    drop_ended();
    let record; // dropped without the lock: an observer has captures
    let mut run = lock();
    if !lease::is_held() {
        return AskedStatus::default();
    }
    record = run.unnest();
    match &record {
        Some(record) => record.asked_status(),
        None => AskedStatus::default(),
    }
}

/// Drops the handlers that have ended in the innermost run, without the lock: errors are a user's. What their drop calls is still part of the run.
fn drop_ended() {
    let mut handlers = Vec::new();
    let Some((mut run, first)) = lock_to_take(RunState::innermost_if_leased, &mut handlers) else { return };
    while run.ended.len() > first {
        handlers.extend(run.ended.pop());
    }
}

pub(crate) fn abandon_nested() {
    let _nested = lock().abandon_nested(); // dropped without the lock
}

pub(crate) fn claim_end() -> Claim {
    lock().claim_end(ThreadToken::mine())
}

pub(crate) fn claim_end_at_deadline() -> Claim {
    lock().claim_end_at_deadline(ThreadToken::mine())
}

/// Grants this thread the lease, unless another one has taken the run over, or has begun to end it.
#[inline(never)] // one copy, to keep programs small
pub(crate) fn grant_lease() -> Option<Lease> {
    let run = lock();
    run.may_run(ThreadToken::mine()).then(Lease::take)
}

/// From now on, this thread goes on with the run, and ends the process.
#[inline]
pub(crate) fn take_over() -> Claim {
    let mut former = None; // dropped without the lock
    lock().take_over(ThreadToken::mine(), &mut former)
}

/// Records the failure of the running handler, which has been abandoned, and closes the runs inside it. If it had ended, and was kept by its
/// error's destructor or by the observer, this takes the place of its success; a failure of its own stays. Returns whether it had ended;
/// `None`: another thread ends this thread's run, and reports on the handler.
#[inline]
pub(crate) fn abandon(failed: HandlerRecord) -> Option<bool> {
    let (_label, nested, _other); // dropped without the lock
    let mut run = lock_to_record();
    if !run.is_owner(ThreadToken::mine()) {
        return None;
    }
    nested = run.abandon_nested();
    let had_ended = nested.is_none() && registry::has_ended(); // not only a handler that it has run itself
    _label = registry::take_running();
    if had_ended {
        _other = run.note_instead(failed, |_| true);
    } else {
        run.note_ended(failed);
    }
    Some(had_ended)
}

/// Waits, inside C's `exit`, for the status of the thread that ends the run and is yet to get there.
pub(crate) fn await_leave() -> i32 {
    let mut run = lock();
    loop {
        if let Exit::Leaving { status, .. } = run.exit {
            return status;
        }
        run.waiting += 1;
        run = run.wait(&CHANGED);
        run.waiting -= 1;
    }
}

pub(crate) fn end() {
    let mut run = lock();
    run.end();
    wake(&run);
}

/// [`end`] for a thread that may be inside a handler, and ends the process now. Nobody is woken: other threads wait for the process to end.
pub(crate) fn end_by_exit() {
    let mut run = lock();
    run.end();
    run.begin_exit(ThreadToken::mine());
    lease::revoke();
}

/// Frees the memory for handlers that have ended, if no run is under way: the library is being unloaded.
#[inline]
pub(crate) fn free() {
    let mut ended = Vec::new(); // dropped without the lock
    let mut run = lock();
    if run.innermost.is_none() {
        std::mem::swap(&mut run.ended, &mut ended);
    }
}

/// Announces that this thread, which has run the handlers, is about to enter C's `exit` with this status. `false`: another thread is already
/// inside, and leaves with that status.
pub(crate) fn leave(status: i32) -> bool {
    let mut run = lock();
    run.leave(ThreadToken::mine(), status);
    wake(&run);
    run.in_hook == 0
}

/// Notes that C's `exit` has called the hook on this thread, with this status, if it is known. If a handler or the observer has called it, this
/// is what the process is about to end with: the deadline may end it before anything else is noted.
pub(crate) fn enter_hook(status: Option<i32>) {
    IN_EXIT.set(true);
    let mut run = lock();
    run.in_hook += 1;
    if lease::is_held() {
        run.exits_with = status.or(run.exits_with);
    }
}

/// Whether this thread, on which C's `exit` has called the hook, is the one that goes on in C's `exit`.
pub(crate) fn go_on_in_exit() -> Claim {
    IN_EXIT.set(false);
    lock().go_on_in_exit(ThreadToken::mine())
}

/// Whether the process is to be ended at once, because its exit has hung at the deadline.
pub(crate) fn claim_late_end() -> Claim {
    lock().claim_late_end()
}

pub(crate) fn is_idle() -> bool {
    lock().course == Course::Idle
}

/// Whether this thread is the one that ends the process.
#[inline(never)] // one copy, to keep programs small
pub(crate) fn is_exiting() -> bool {
    lock().exit.by() == Some(ThreadToken::mine())
}

/// Whether C's `exit`, and std's, may be locked for good, by a thread of the parent process or by one that is stuck.
pub(crate) fn is_exit_locked() -> bool {
    lock().is_exit_locked
}

/// The status that handlers ask for if no run has ended when the deadline comes, which is a failure itself.
pub(crate) fn asked_status_at_deadline() -> AskedStatus {
    let mut run = lock();
    let (mut asked, mut counts) = (AskedStatus::default(), true);
    if let Some(record) = run.outermost() {
        (asked, counts) = (record.asked_status(), record.counts_failures());
    }
    if counts {
        asked.failure = asked.failure.or(Some(1));
    }
    asked
}

/// The context of the innermost run.
pub(crate) fn context() -> Option<Arc<RunContext>> {
    lock().innermost.as_deref().map(|record| Arc::clone(record.context()))
}

/// The status that the process was about to end with, if it is known.
pub(crate) fn pending_status() -> Option<i32> {
    let mut run = lock();
    if run.exits_with.is_some() {
        return run.exits_with;
    }
    run.outermost()?.context().cause.status()
}

/// A handler of the innermost run has called `exit` with this code.
pub(crate) fn ask_for_status(code: i32) {
    if let Some(record) = &mut lock().innermost {
        record.ask_for_status(code);
    }
}

/// The deadline has kept these from running.
pub(crate) fn note_not_run(not_run: Vec<HandlerInfo>) {
    if not_run.is_empty() {
        return;
    }
    let not_run = Arc::new(not_run);
    if let Some(record) = lock().outermost() {
        record.note_not_run(&not_run);
    }
}

/// Records that the running handler of the innermost run has ended. `false`: see [`registry::note_ended`].
#[inline]
pub(crate) fn record(ended: HandlerRecord) -> bool {
    let mut run = lock_to_record();
    let is_first = registry::note_ended();
    if is_first {
        run.note_ended(ended);
    }
    is_first
}

/// Records that the handler that ended last has failed by the deadline, in place of its success; if it has failed otherwise, this is another
/// failure.
pub(crate) fn record_deadline(failed: HandlerRecord) {
    let _other; // dropped without the lock
    let mut run = lock_to_record();
    _other = run.note_instead(failed, |failure| failure.kind() == FailureKind::Deadline);
}

/// From now on, the run of another thread goes by this thread's context, and the runs inside it are closed.
pub(crate) fn go_by(context: &Arc<RunContext>) {
    let (_nested, _former); // dropped without the lock
    let mut run = lock();
    _nested = run.abandon_nested();
    _former = run.innermost.as_mut().map(|record| record.go_by(Arc::clone(context)));
}

/// From now on, the open runs have this deadline, if they had none.
pub(crate) fn set_deadline(deadline: Instant) {
    let mut at = 0;
    while change(at, &|context| context.add_deadline(deadline)).is_some() {
        at += 1;
    }
}

/// From now on, the innermost run has this limit for handlers without one of their own, if it had none.
pub(crate) fn limit(limit: Duration) -> Option<Arc<RunContext>> {
    change(0, &|context| context.add_limit(limit))
}

/// Changes the context of a run; the innermost is at 0. The new context is made, and the former one is dropped, without the lock.
fn change(at: usize, change: &dyn Fn(&mut RunContext)) -> Option<Arc<RunContext>> {
    loop {
        let before = Arc::clone(lock().record_at(at)?.context());
        let mut after = RunContext::clone(&before);
        change(&mut after);
        let after = Arc::new(after);
        let mut run = lock();
        let record = run.record_at(at)?;
        if Arc::ptr_eq(record.context(), &before) {
            let former = record.go_by(Arc::clone(&after));
            drop(run);
            drop(former);
            return Some(after);
        }
    }
}

/// Sets the exit thread of this thread's run. `false`: the run is no longer this thread's.
pub(crate) fn set_exit_thread(thread: ThreadToken, handover: &Arc<Handover>) -> bool {
    let mut run = lock();
    let is_owner = run.is_owner(ThreadToken::mine());
    let mut former = None; // dropped without the lock
    if is_owner {
        former = run.exit_thread.replace((thread, Arc::clone(handover)));
    }
    drop(run);
    drop(former);
    is_owner
}

/// Waits for a thread to end, if the system can tell, so that the process does not end meanwhile. Then keeps its handle.
pub(crate) fn keep(thread: JoinHandle<()>) {
    /// Far more than a thread takes to end.
    const END: Duration = Duration::from_millis(500);
    sys::await_end(&thread, END);
    let mut kept = Box::new(Kept { _thread: thread, before: None });
    let mut run = lock();
    kept.before = run.kept.take();
    run.kept = Some(kept);
}

/// Where this thread meets its owner, if it is the exit thread.
#[inline(never)] // one copy, to keep programs small
pub(crate) fn handover() -> Option<Arc<Handover>> {
    let run = lock();
    let (thread, handover) = run.exit_thread.as_ref()?;
    if *thread == ThreadToken::mine() { Some(Arc::clone(handover)) } else { None }
}
