//! Owns the one state that a process's runs are in, and every transition; must not know how a handler is run, or what ends a process.
//!
//! # The course of a run
//!
//! | from | to | by | afterwards |
//! |---|---|---|---|
//! | `Idle` | `Opening` | a thread that [`begin`](RunState::begin)s a run | nobody else runs handlers; nobody may end the run yet |
//! | `Opening` | `Running` | the same thread, which [`open`](RunState::open)s it | the run has a record; a lease may be granted; anyone may claim its end |
//! | `Running` | `Running`, one deeper or one up | who holds the lease, for a run inside a handler ([`nest`](RunState::nest), [`unnest`](RunState::unnest)) | the innermost record is the one that is written |
//! | `Running` | `Running`, with a new owner | who holds the lease, inside C's `exit` ([`take_over`](RunState::take_over)) | this thread takes the process down, and the former owner parks |
//! | `Running`, `Ending` | `Running`, with a new owner | who waits to exit, where the owner waits in vain for what that thread has ([`take_over_from_stuck`](RunState::take_over_from_stuck)) | the same |
//! | `Running` | `Ending` | its owner when nothing is left ([`claim_end`](RunState::claim_end)); at a deadline also its watchdog, or a thread that waits ([`claim_end_at_deadline`](RunState::claim_end_at_deadline), [`begin`](RunState::begin)) | no lease is granted; whoever else asks for the end waits for that of the process |
//! | `Ending` | `Running` | who has claimed it, when its observer calls C's `exit` ([`take_over`](RunState::take_over)) | the end is there to be claimed again |
//! | `Opening`, `Ending` | `Idle` | who has begun or claimed it ([`end`](RunState::end)) | the next thread may begin |
//! | any | `Idle`; `Running`, where the run goes on | the one thread of a forked child ([`go_on_in_child`](RunState::go_on_in_child)) | nobody waits, and no other thread has a part in it |
//!
//! # The exit of the process
//!
//! No thread exits (`No`), or one does (`By`) and others that exit wait for it. When its handlers have run and it is about to enter C's
//! `exit`, it says with which status (`Leaving`): another thread may be in there already and hold C's own lock. That one then leaves with
//! this status, for otherwise the two would wait for each other. And it leaves alone, for where C has no lock, who finds C's exit functions
//! taken cuts off those of the other: the first that goes on from the hook takes the exit over (`By` again), and the other waits for the end.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use super::exit_status::AskedStatus;
use super::handover::Handover;
use super::record::{RunContext, RunEnd, RunRecord, Told};
use super::watch::{Suspicion, TICK};
use crate::handler::info::HandlerInfo;
use crate::registry::{
    self,
    lease::{self, Lease},
};
use crate::report::Failure;
use crate::sys::lock::{Guard, Lock, Rank};
use crate::sys::sync::thread::JoinHandle;
use crate::sys::sync::{Condvar, Instant, thread_local};
use crate::sys::token::ThreadToken;
use crate::sys::{self, DeadEnd, VainWait};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    Idle,
    Opening { by: ThreadToken },
    Running { by: ThreadToken },
    Ending { by: ThreadToken },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    No,
    By(ThreadToken),
    Leaving { by: ThreadToken, status: i32 },
}

impl Exit {
    fn by(self) -> Option<ThreadToken> {
        match self {
            Self::No => None,
            Self::By(by) | Self::Leaving { by, .. } => Some(by),
        }
    }
}

/// The exit thread that runs handlers, or is about to, and where its owner meets it.
type ExitThread = (ThreadToken, Arc<Handover>);

/// It is changed under a lock: nothing here allocates or frees.
pub(crate) struct RunState {
    course: Course,
    exit: Exit,
    /// By what the system knows the thread that owns the run, or began it.
    owner_id: Option<u64>,
    /// C's `exit` has brought that thread here.
    owner_in_exit: bool,
    /// Of the runs that are inside each other, the outermost first.
    records: Vec<RunRecord>,
    exit_thread: Option<ExitThread>,
    /// Exit threads that nobody joins. To drop a handle may take as long, in glibc from 2.41 on.
    kept: Vec<JoinHandle<()>>,
    /// This process was forked while another thread took its parent down; or one is stuck that was to take it down.
    is_exit_locked: bool,
    /// How many threads C's `exit` has brought to the hook.
    in_hook: usize,
    /// How many threads wait for the run to end, so that no wake-up is sent where nobody waits.
    waiting: usize,
}

/// What becomes of a thread that begins a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Begin {
    /// It runs handlers now.
    Mine,
    /// It begins or ends a run already, and allocates for it, and the allocator has called `run`: what is pending is that run's.
    Within,
    /// It waits for the run of another thread, and then asks again; at its deadline, too.
    Wait,
    /// The same, but its deadline does not count: another thread takes the process down, or ends that run already.
    WaitForTheEnd,
    /// All handlers have run, and the process is to end with this status.
    Leave(i32),
    /// Its deadline has passed while another thread's run goes on, and it is to end that run.
    PastDeadline,
}

/// What has become of a thread that has waited as long as it had to.
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
    /// The owner of another run waits in vain for what this thread has, so that this one is to go on with that run.
    Stuck(DeadEnd),
}

/// Whether a thread is to end the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Claim {
    Mine,
    /// Another one ends it, or it is over: this one is to wait for the end of the process.
    Others,
}

impl RunState {
    pub(crate) const fn new() -> Self {
        Self {
            course: Course::Idle,
            exit: Exit::No,
            owner_id: None,
            owner_in_exit: false,
            records: Vec::new(),
            exit_thread: None,
            kept: Vec::new(),
            is_exit_locked: false,
            in_hook: 0,
            waiting: 0,
        }
    }

    /// `ends_process`: the run is part of an exit. `is_past`: the deadline of this thread is over.
    fn begin(&mut self, me: ThreadToken, ends_process: bool, is_past: bool) -> Begin {
        let others_exit = ends_process && self.exit.by().is_some_and(|by| by != me);
        match (self.course, self.exit) {
            (Course::Idle, Exit::Leaving { status, .. }) if others_exit => Begin::Leave(status),
            _ if others_exit => Begin::WaitForTheEnd,
            (Course::Idle, _) => {
                self.course = Course::Opening { by: me };
                self.note_owner();
                if ends_process {
                    self.begin_exit(me);
                }
                Begin::Mine
            }
            (Course::Opening { by } | Course::Running { by } | Course::Ending { by }, _)
                if by == me && !ends_process =>
            {
                Begin::Within
            }
            (Course::Running { .. }, _) if is_past => {
                self.end_by(me);
                Begin::PastDeadline
            }
            _ if is_past => Begin::WaitForTheEnd,
            _ => Begin::Wait,
        }
    }

    fn end_by(&mut self, me: ThreadToken) {
        self.course = Course::Ending { by: me };
        self.note_owner();
    }

    /// The run is this thread's now.
    fn note_owner(&mut self) {
        (self.owner_id, self.owner_in_exit) = (sys::thread_id(), IN_EXIT.get());
    }

    fn begin_exit(&mut self, me: ThreadToken) {
        if self.exit.by() != Some(me) {
            self.exit = Exit::By(me);
        }
    }

    fn open(&mut self, me: ThreadToken, record: RunRecord) {
        self.course = Course::Running { by: me };
        self.records.push(record);
    }

    pub(crate) fn outermost(&mut self) -> Option<&mut RunRecord> {
        self.records.first_mut()
    }

    /// `None` if this thread is no longer inside it.
    pub(crate) fn innermost_if_leased(&mut self) -> Option<&mut RunRecord> {
        self.records.last_mut().filter(|_| lease::is_held())
    }

    /// A run begins inside a handler.
    fn nest(&mut self, record: RunRecord) {
        self.records.push(record);
    }

    /// The innermost run is over.
    fn unnest(&mut self) -> Option<RunRecord> {
        self.records.pop()
    }

    /// What is open inside the outermost run does not go on. The records of what was open, for which there is room, may own what a user's
    /// code drops: not here.
    fn abandon_nested(&mut self, nested: &mut Vec<RunRecord>) {
        nested.extend(self.records.drain(self.records.len().min(1)..));
        if let Some(outermost) = self.records.first_mut() {
            for inner in nested {
                outermost.absorb(inner);
            }
        }
    }

    /// Where the outermost run has its failures, and how many those are that are nested.
    fn nested_failures(&mut self) -> Option<(&mut Vec<Arc<Failure>>, usize)> {
        let (outermost, nested) = self.records.split_first_mut()?;
        Some((outermost.failures(), nested.iter_mut().map(|inner| inner.failures().len()).sum()))
    }

    /// A thread that is inside a handler, or tells the observer of the run's end, has called C's `exit`: it goes on with the run, unless
    /// another one ends it, or has. The exit thread that the run had has no part in it any more.
    fn take_over(&mut self, me: ThreadToken, former: &mut Option<ExitThread>) -> Claim {
        if !matches!(self.course, Course::Running { .. }) && self.course != (Course::Ending { by: me }) {
            return Claim::Others;
        }
        self.go_on(me, former);
        Claim::Mine
    }

    /// From now on, this thread goes on with the run, and takes the process down.
    fn go_on(&mut self, me: ThreadToken, former: &mut Option<ExitThread>) {
        *former = self.exit_thread.take();
        self.course = Course::Running { by: me };
        self.note_owner();
        self.begin_exit(me);
    }

    /// The owner waits in vain for this thread, which waits for it: this one goes on with the run, if there is one to go on with.
    fn take_over_from_stuck(&mut self, me: ThreadToken, owner_id: u64, former: &mut Option<ExitThread>) -> bool {
        let goes_on =
            self.owner_id == Some(owner_id) && matches!(self.course, Course::Running { .. } | Course::Ending { .. });
        if goes_on {
            if self.owner_in_exit {
                // Nor does it come back to leave with the status of this one; and it keeps what lock there is.
                self.in_hook = self.in_hook.saturating_sub(1);
                self.is_exit_locked = true;
            }
            self.go_on(me, former);
        }
        goes_on
    }

    fn is_owner(&self, me: ThreadToken) -> bool {
        self.course == (Course::Running { by: me })
    }

    /// Nothing is left to run: the owner ends the run.
    fn claim_end(&mut self, me: ThreadToken) -> Claim {
        if self.is_owner(me) { self.claim_end_at_deadline(me) } else { Claim::Others }
    }

    /// The first that asks ends the run.
    fn claim_end_at_deadline(&mut self, me: ThreadToken) -> Claim {
        if !matches!(self.course, Course::Running { .. }) {
            return Claim::Others;
        }
        self.end_by(me);
        Claim::Mine
    }

    /// Whether this thread is to run handlers: the owner, or the exit thread that it has started.
    fn may_run(&self, me: ThreadToken) -> bool {
        let is_exit_thread = self.exit_thread.as_ref().is_some_and(|(thread, _)| *thread == me);
        self.is_owner(me) || (is_exit_thread && matches!(self.course, Course::Running { .. }))
    }

    fn end(&mut self) {
        self.course = Course::Idle;
    }

    fn leave(&mut self, me: ThreadToken, status: i32) {
        self.exit = Exit::Leaving { by: me, status };
    }

    /// The hook is done on this thread. Of those that leave with one status, the first goes on.
    fn go_on_in_exit(&mut self, me: ThreadToken) -> Claim {
        self.in_hook = self.in_hook.saturating_sub(1); // in a child it was forgotten
        match self.exit {
            Exit::By(by) if by != me => return Claim::Others,
            Exit::Leaving { .. } => self.exit = Exit::By(me),
            Exit::No | Exit::By(_) => {}
        }
        Claim::Mine
    }

    /// In a forked child there is no other thread. A run that this one is inside of goes on.
    pub(crate) fn go_on_in_child(&mut self, me: ThreadToken, goes_on: bool) {
        self.course = if goes_on { Course::Running { by: me } } else { Course::Idle };
        self.is_exit_locked |= self.exit.by().is_some_and(|by| by != me);
        self.exit = match self.exit.by() {
            Some(by) if goes_on || by == me => Exit::By(me),
            _ => Exit::No,
        };
        (self.in_hook, self.waiting) = (0, 0);
        self.note_owner();
        // Forgotten, not dropped: a thread that is no more may have had it in use, or locked.
        std::mem::forget(self.exit_thread.take());
        if !goes_on {
            std::mem::forget(std::mem::take(&mut self.records));
        }
    }
}

pub(crate) static RUN: Lock<RunState> = Lock::new(Rank::Run, RunState::new());

/// What threads wait for that would begin a run.
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
        let at_most = match run.begin(me, ends_process, left == Some(Duration::ZERO)) {
            Begin::Mine => return Begun::Mine,
            Begin::Within => return Begun::Within,
            Begin::Leave(status) => return Begun::Leave(status),
            Begin::PastDeadline => return Begun::PastDeadline,
            Begin::Wait => left,
            Begin::WaitForTheEnd => None,
        };
        // A thread that is exiting may have what the other one waits for.
        let at_most = if ends_process { Some(at_most.map_or(TICK, |left| left.min(TICK))) } else { at_most };
        run.waiting += 1;
        run = match at_most {
            Some(at_most) => run.wait_timeout(&CHANGED, at_most),
            None => run.wait(&CHANGED),
        };
        run.waiting -= 1;
        let owner_id = run.owner_id.filter(|_| ends_process);
        drop(run);
        let Some(owner_id) = owner_id else { continue };
        let found = sys::vain_wait(owner_id);
        let is_certain = suspicion.becomes_certain((owner_id, registry::running().0), found, Instant::now());
        if let Some(VainWait { dead_end, .. }) = found.filter(|_| is_certain) {
            let mut former = None; // dropped without the lock
            if lock().take_over_from_stuck(me, owner_id, &mut former) {
                return Begun::Stuck(dead_end);
            }
        }
    }
}

pub(crate) fn open(context: &Arc<RunContext>) {
    let record = RunRecord::new(Arc::clone(context));
    let mut run = lock_to_nest();
    run.open(ThreadToken::mine(), record);
    wake(&run);
}

/// `false`: the handler that this run is to be inside of was abandoned meanwhile.
pub(crate) fn nest(context: &Arc<RunContext>) -> bool {
    let record = RunRecord::new(Arc::clone(context));
    let mut run = lock_to_nest();
    lease::is_held().then(|| run.nest(record)).is_some()
}

/// With room for one record more.
fn lock_to_nest() -> Guard<'static, RunState> {
    RUN.lock_with_room(|run| Some((&mut run.records, 1)))
}

/// With room for what becomes of nested runs, and for so many failures more.
fn lock_to_abandon(nested: &mut Vec<RunRecord>, failures: usize) -> Guard<'static, RunState> {
    loop {
        let run = RUN.lock_with_room(|run| run.nested_failures().map(|(all, nested)| (all, nested + failures)));
        let records = run.records.len();
        if records <= nested.capacity() + 1 {
            return run;
        }
        drop(run);
        nested.reserve(records);
    }
}

/// Ends a record, if there is one that this thread may end, and says what there is to tell; see [`RunRecord::end`].
pub(crate) fn end_record(which: fn(&mut RunState) -> Option<&mut RunRecord>, end: RunEnd) -> Option<Told> {
    let RunEnd { ran, too_late, stayed_held } = end;
    let mut failures = Vec::new();
    let ended = loop {
        let mut run = lock();
        let record = which(&mut run)?;
        let needed = record.failures().len();
        if needed <= failures.capacity() {
            break record.end(&mut failures);
        }
        drop(run);
        failures.reserve(needed);
    };
    Some(Told { report: ended.report(ran, &failures), before: ended.before, too_late, stayed_held })
}

/// The record of the innermost run, if this thread is still the one to close it. Whoever takes it drops it, for an observer has captures.
pub(crate) fn unnest() -> Option<RunRecord> {
    if_leased(RunState::unnest).flatten()
}

/// The same of the outermost run, whose end this thread has claimed.
pub(crate) fn close() -> Option<RunRecord> {
    lock().unnest()
}

/// Abandoning a handler revokes its lease before it reads the records, so that the abandoned thread cannot change them any more.
pub(crate) fn if_leased<R>(f: impl FnOnce(&mut RunState) -> R) -> Option<R> {
    let mut run = lock();
    lease::is_held().then(|| f(&mut run))
}

pub(crate) fn abandon_nested() {
    let mut nested = Vec::new();
    lock_to_abandon(&mut nested, 0).abandon_nested(&mut nested);
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

/// This thread goes on with the run, and takes the process down.
pub(crate) fn take_over() -> Claim {
    let mut former = None; // dropped without the lock
    lock().take_over(ThreadToken::mine(), &mut former)
}

/// The handler that was running has been abandoned, and so is what it ran inside: that is a failure. `Others`: this thread's run is ended
/// by another one, which tells what becomes of the handler.
pub(crate) fn abandon(failure: Failure) -> Claim {
    let failure = Arc::new(failure);
    let mut nested = Vec::new();
    let mut run = lock_to_abandon(&mut nested, 1);
    if !run.is_owner(ThreadToken::mine()) {
        return Claim::Others;
    }
    let label = registry::take_running();
    run.abandon_nested(&mut nested);
    if let Some(record) = run.records.last_mut() {
        record.failures().push(failure);
    }
    drop(run);
    drop(label);
    Claim::Mine
}

/// Waits, inside C's `exit`, for the status of the thread that ends the run, and is yet to come there.
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

/// The same by a thread that may be inside a handler, and takes the process down now. Nobody is woken: other threads wait for the end.
pub(crate) fn end_by_exit() {
    let mut run = lock();
    run.end();
    run.begin_exit(ThreadToken::mine());
    lease::revoke();
}

/// Gives the memory of the records back, if no run is under way: the library goes away.
pub(crate) fn free() {
    let mut run = lock();
    let records = if run.records.is_empty() { std::mem::take(&mut run.records) } else { Vec::new() };
    drop(run);
    drop(records);
}

/// Says that this thread, which has run the handlers, is about to enter C's `exit` with this status. `false`: another one is in there
/// already, and leaves with that status.
pub(crate) fn leave(status: i32) -> bool {
    let mut run = lock();
    run.leave(ThreadToken::mine(), status);
    wake(&run);
    run.in_hook == 0
}

thread_local! {
    /// C's `exit` has called the hook on this thread, and that is not over. Without a destructor, so that it still serves there.
    static IN_EXIT: Cell<bool> = const { Cell::new(false) };
}

/// C's `exit` has called the hook on this thread.
pub(crate) fn enter_hook() {
    IN_EXIT.set(true);
    lock().in_hook += 1;
}

/// Whether this thread, on which C's `exit` has called the hook, is the one that goes on there.
pub(crate) fn go_on_in_exit() -> Claim {
    IN_EXIT.set(false);
    lock().go_on_in_exit(ThreadToken::mine())
}

/// Whether a thread has run all handlers, and is on its way out.
pub(crate) fn is_over() -> bool {
    let run = lock();
    run.course == Course::Idle && run.exit.by().is_some()
}

pub(crate) fn is_idle() -> bool {
    lock().course == Course::Idle
}

/// Whether this thread is taking the process down.
pub(crate) fn is_exiting() -> bool {
    lock().exit.by() == Some(ThreadToken::mine())
}

/// Whether C's `exit`, and std's, may be locked for good: by a thread of the process that this one was forked from, or one that is stuck.
pub(crate) fn is_exit_locked() -> bool {
    lock().is_exit_locked
}

/// What handlers have asked for when the deadline has come and no run has ended: that is a failure itself.
pub(crate) fn asked_status_at_deadline() -> AskedStatus {
    let run = lock();
    let asked = run.records.first().map(RunRecord::asked_status).unwrap_or_default();
    let counts = run.records.first().is_none_or(RunRecord::counts_failures);
    AskedStatus { failure: asked.failure.or(counts.then_some(1)), ..asked }
}

/// The context of the innermost run.
pub(crate) fn context() -> Option<Arc<RunContext>> {
    lock().records.last().map(|record| Arc::clone(record.context()))
}

/// The status that the process was about to end with, where that is known.
pub(crate) fn pending_status() -> Option<i32> {
    lock().records.first().and_then(|record| record.context().cause.status())
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

/// A handler of the innermost run has failed.
pub(crate) fn fail(failure: Failure) {
    let failure = Arc::new(failure);
    let mut run = RUN.lock_with_room(|run| run.records.last_mut().map(|record| (record.failures(), 1)));
    if let Some(record) = run.records.last_mut() {
        record.failures().push(failure);
    }
}

/// What this thread ends at its deadline is part of another run from now on: that of the thread.
pub(crate) fn go_by(context: &Arc<RunContext>) {
    let mut nested = Vec::new();
    let mut run = lock_to_abandon(&mut nested, 0);
    run.abandon_nested(&mut nested);
    let former = run.records.last_mut().map(|record| record.go_by(Arc::clone(context)));
    drop(run);
    drop(former);
}

/// From now on, the runs that are under way have this deadline, if they had none.
pub(crate) fn set_deadline(deadline: Instant) {
    let mut at = 0;
    while change(|run| run.records.get_mut(at), |context| context.with_deadline(deadline)).is_some() {
        at += 1;
    }
}

/// From now on, handlers of the innermost run that have no limit of their own have this one, if it had none.
pub(crate) fn limit(limit: Duration) -> Option<Arc<RunContext>> {
    change(|run| run.records.last_mut(), |context| context.with_limit(limit))
}

/// Has a run go by a changed context, which is made, and the former one dropped, without the lock.
fn change(
    which: impl Fn(&mut RunState) -> Option<&mut RunRecord>,
    change: impl Fn(&RunContext) -> RunContext,
) -> Option<Arc<RunContext>> {
    loop {
        let before = Arc::clone(which(&mut lock())?.context());
        let after = Arc::new(change(&before));
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

/// From now on, this is the exit thread of this thread's run. `false`: the run is not this thread's any more.
pub(crate) fn set_exit_thread(thread: ThreadToken, handover: &Arc<Handover>) -> bool {
    let mut run = lock();
    let is_owner = run.is_owner(ThreadToken::mine());
    let former = is_owner.then(|| run.exit_thread.replace((thread, Arc::clone(handover))));
    drop(run);
    drop(former);
    is_owner
}

/// Keeps the handle of a thread until the process ends.
pub(crate) fn keep(thread: JoinHandle<()>) {
    RUN.lock_with_room(|run| Some((&mut run.kept, 1))).kept.push(thread);
}

/// Where this thread meets its owner, if it is the exit thread.
pub(crate) fn handover() -> Option<Arc<Handover>> {
    let run = lock();
    let (thread, handover) = run.exit_thread.as_ref()?;
    (*thread == ThreadToken::mine()).then(|| Arc::clone(handover))
}

#[cfg(test)]
mod tests;
