//! Owns the one state that all threads share, and how they wait for each other there; must not know which transitions there are: those are in
//! `course`.
//!
//! Memory is allocated before the lock is taken. What may drop a user's captures is moved out, and dropped after the lock is released.

use std::sync::Arc;
use std::time::Duration;

use super::course::{Begin, Course, Exit, IN_EXIT, Kept};
pub(crate) use super::course::{Claim, RunState};
use super::exit_status::AskedStatus;
use super::handover::Handover;
use super::record::{RunContext, RunEnd, RunRecord, Told};
use super::watch::{Suspicion, TICK};
use crate::handler::info::HandlerInfo;
use crate::registry::{
    self,
    lease::{self, Lease},
};
use crate::report::{Failure, HandlerRecord};
use crate::sys::lock::{Guard, Lock, Rank};
use crate::sys::sync::thread::JoinHandle;
use crate::sys::sync::{Condvar, Instant};
use crate::sys::token::ThreadToken;
use crate::sys::{self, DeadEnd};

/// What a thread that asked to begin a run does, after it has waited as long as it had to.
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
        let at_most = match at_most {
            // An exiting thread may have what the owner waits for, so it looks from time to time.
            Some(left) if ends_process => Some(left.min(TICK)),
            None if ends_process => Some(TICK),
            at_most => at_most,
        };
        run.waiting += 1;
        run = match at_most {
            Some(at_most) => run.wait_timeout(&CHANGED, at_most),
            None => run.wait(&CHANGED),
        };
        run.waiting -= 1;
        let owner_id = run.owner_id;
        drop(run);
        let Some(owner_id) = owner_id else { continue };
        if !ends_process {
            continue;
        }
        let found = sys::vain_wait(owner_id);
        let is_certain = suspicion.becomes_certain((owner_id, registry::running().0), found, Instant::now());
        let mut former = None; // dropped without the lock
        if let Some(found) = found {
            if is_certain && lock().take_over_from_stuck(me, owner_id, &mut former) {
                return Begun::Stuck(found.dead_end);
            }
        }
    }
}

pub(crate) fn open(context: &Arc<RunContext>) {
    let record = RunRecord::new(Arc::clone(context));
    let mut run = lock_to_nest();
    run.open(ThreadToken::mine(), record);
    run.exits_with = None;
    wake(&run);
}

/// `false`: the handler that would contain this run was abandoned meanwhile.
pub(crate) fn nest(context: &Arc<RunContext>) -> bool {
    let record = RunRecord::new(Arc::clone(context));
    let mut run = lock_to_nest();
    let is_held = lease::is_held();
    if is_held {
        run.nest(record);
    }
    is_held
}

/// Locks the state, with room for one more record.
fn lock_to_nest() -> Guard<'static, RunState> {
    RUN.lock_with_room(|run| Some((&mut run.records, 1)))
}

/// Locks the state, with room for the records of nested runs, and for one more handler.
fn lock_to_abandon(nested: &mut Vec<RunRecord>) -> Guard<'static, RunState> {
    loop {
        let run = RUN.lock_with_room(RunState::ended_within);
        let records = run.records.len();
        if records <= nested.capacity() + 1 {
            return run;
        }
        drop(run);
        nested.reserve(records);
    }
}

/// Ends a record, if there is one that this thread may end, and returns what there is to report; see [`RunRecord::end`].
pub(crate) fn end_record(which: fn(&mut RunState) -> Option<&mut RunRecord>, end: RunEnd) -> Option<Told> {
    let RunEnd { ran, too_late, stayed_held } = end;
    let mut handlers = Vec::new();
    let ended = loop {
        let mut run = lock();
        let record = which(&mut run)?;
        let needed = record.ended().len();
        if needed <= handlers.capacity() {
            break record.end(&mut handlers);
        }
        drop(run);
        handlers.reserve(needed);
    };
    Some(Told { before: ended.before, report: ended.report(ran, handlers), too_late, stayed_held })
}

/// Takes the record of the innermost run, if this thread may still close it: it holds the lease. To abandon a handler, its lease is revoked
/// before the records are read, so that its thread cannot change them any more. The caller drops it without the lock: an observer has captures.
pub(crate) fn unnest() -> Option<RunRecord> {
    let mut run = lock();
    if lease::is_held() { run.unnest() } else { None }
}

/// The same for the outermost run, whose end this thread has claimed.
pub(crate) fn close() -> Option<RunRecord> {
    lock().unnest()
}

pub(crate) fn abandon_nested() {
    let mut nested = Vec::new();
    lock_to_abandon(&mut nested).abandon_nested(&mut nested);
}

pub(crate) fn claim_end() -> Claim {
    lock().claim_end(ThreadToken::mine())
}

pub(crate) fn claim_end_at_deadline() -> Claim {
    lock().claim_end_at_deadline(ThreadToken::mine())
}

/// Grants this thread the lease, unless another one has taken the run over, or has begun to end it.
pub(crate) fn grant_lease() -> Option<Lease> {
    let run = lock();
    run.may_run(ThreadToken::mine()).then(Lease::take)
}

/// From now on, this thread goes on with the run, and ends the process.
pub(crate) fn take_over() -> Claim {
    let mut former = None; // dropped without the lock
    lock().take_over(ThreadToken::mine(), &mut former)
}

/// Records the failure of the running handler, which has been abandoned, and closes the runs inside it. `Others`: another thread ends this
/// thread's run, and reports on the handler.
pub(crate) fn abandon(failure: Failure, elapsed: Duration) -> Claim {
    let failed = HandlerRecord::failed(failure, elapsed);
    let mut nested = Vec::new();
    let mut run = lock_to_abandon(&mut nested);
    if !run.is_owner(ThreadToken::mine()) {
        return Claim::Others;
    }
    let label = registry::take_running();
    run.abandon_nested(&mut nested);
    if let Some(record) = run.records.last_mut() {
        record.ended().push(failed);
    }
    drop(run);
    drop(label);
    Claim::Mine
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

/// Frees the memory of the records, if no run is under way: the library is being unloaded.
pub(crate) fn free() {
    let mut run = lock();
    let records = if run.records.is_empty() { std::mem::take(&mut run.records) } else { Vec::new() };
    drop(run);
    drop(records);
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

/// Whether a thread has run all handlers, and is leaving the process.
pub(crate) fn is_over() -> bool {
    let run = lock();
    run.course == Course::Idle && run.exit.by().is_some()
}

pub(crate) fn is_idle() -> bool {
    lock().course == Course::Idle
}

/// Whether this thread is the one that ends the process.
pub(crate) fn is_exiting() -> bool {
    lock().exit.by() == Some(ThreadToken::mine())
}

/// Whether C's `exit`, and std's, may be locked for good, by a thread of the parent process or by one that is stuck.
pub(crate) fn is_exit_locked() -> bool {
    lock().is_exit_locked
}

/// The status that handlers ask for if no run has ended when the deadline comes, which is a failure itself.
pub(crate) fn asked_status_at_deadline() -> AskedStatus {
    let run = lock();
    let mut asked = AskedStatus::default();
    let mut counts = true;
    if let Some(record) = run.records.first() {
        (asked, counts) = (record.asked_status(), record.counts_failures());
    }
    if counts {
        asked.failure = asked.failure.or(Some(1));
    }
    asked
}

/// The context of the innermost run.
pub(crate) fn context() -> Option<Arc<RunContext>> {
    lock().records.last().map(|record| Arc::clone(record.context()))
}

/// The status that the process was about to end with, if it is known.
pub(crate) fn pending_status() -> Option<i32> {
    let run = lock();
    match run.records.first() {
        Some(record) if run.exits_with.is_none() => record.context().cause.status(),
        _ => run.exits_with,
    }
}

/// A handler of the innermost run has called `exit` with this code.
pub(crate) fn ask_for_status(code: i32) {
    if let Some(record) = lock().records.last_mut() {
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

/// Records that a handler of the innermost run has ended, unless it was abandoned meanwhile: then another thread has recorded it.
pub(crate) fn record(ended: HandlerRecord) {
    let mut run = RUN.lock_with_room(RunState::ended_in_innermost);
    if let Some(record) = run.innermost_if_leased() {
        record.ended().push(ended);
    }
}

/// Records a failure of the handler that ended last, in place of its success; if it has failed before, this is another failure.
pub(crate) fn record_instead(mut failed: HandlerRecord) {
    let mut run = RUN.lock_with_room(RunState::ended_in_innermost);
    let Some(record) = run.records.last_mut() else { return };
    match record.ended().last_mut() {
        Some(last) if last.failure().is_none() => std::mem::swap(last, &mut failed),
        _ => record.ended().push(failed),
    }
}

/// From now on, the run of another thread goes by this thread's context, and the runs inside it are closed.
pub(crate) fn go_by(context: &Arc<RunContext>) {
    let mut nested = Vec::new();
    let mut run = lock_to_abandon(&mut nested);
    run.abandon_nested(&mut nested);
    let former = run.records.last_mut().map(|record| record.go_by(Arc::clone(context)));
    drop(run);
    drop(former);
}

/// From now on, the open runs have this deadline, if they had none.
pub(crate) fn set_deadline(deadline: Instant) {
    let mut at = 0;
    while change(&|run| run.records.get_mut(at), &|context| context.add_deadline(deadline)).is_some() {
        at += 1;
    }
}

/// From now on, the innermost run has this limit for handlers without one of their own, if it had none.
pub(crate) fn limit(limit: Duration) -> Option<Arc<RunContext>> {
    change(&|run| run.records.last_mut(), &|context| context.add_limit(limit))
}

/// Changes the context of a run. The new one is made, and the former one is dropped, without the lock.
fn change(
    which: &dyn Fn(&mut RunState) -> Option<&mut RunRecord>,
    change: &dyn Fn(&mut RunContext),
) -> Option<Arc<RunContext>> {
    loop {
        let before = Arc::clone(which(&mut lock())?.context());
        let mut after = RunContext::clone(&before);
        change(&mut after);
        let after = Arc::new(after);
        let mut run = lock();
        let record = which(&mut run)?;
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
pub(crate) fn handover() -> Option<Arc<Handover>> {
    let run = lock();
    let (thread, handover) = run.exit_thread.as_ref()?;
    if *thread == ThreadToken::mine() { Some(Arc::clone(handover)) } else { None }
}
