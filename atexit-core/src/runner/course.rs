//! Owns the state of a process's runs, and every transition; must not know who waits for one, how a handler is run, or what ends a process.
//!
//! # The course of a run
//!
//! | from | to | by | afterwards |
//! |---|---|---|---|
//! | `Idle` | `Opening` | a thread that [`begin`](RunState::begin)s a run | no other thread runs handlers; no thread may end the run yet |
//! | `Opening` | `Running` | the same thread, which [`open`](RunState::open)s it | the run has a record; a lease may be granted; any thread may claim the end |
//! | `Running` | `Running`, one deeper or one up | the holder of the lease, for a run inside a handler ([`nest`](RunState::nest), [`unnest`](RunState::unnest)) | only the innermost record is written |
//! | `Running` | `Running`, with a new owner | the holder of the lease, inside C's `exit` ([`take_over`](RunState::take_over)) | this thread ends the process, and the former owner parks |
//! | `Running`, `Ending` | `Running`, with a new owner | a thread that waits to exit and has what the owner waits for in vain ([`take_over_from_stuck`](RunState::take_over_from_stuck)) | the same |
//! | `Running` | `Ending` | its owner when nothing is left ([`claim_end`](RunState::claim_end)); at a deadline also its watchdog, or a thread that waits ([`claim_end_at_deadline`](RunState::claim_end_at_deadline), [`begin`](RunState::begin)) | no lease is granted; other threads that claim the end wait for the process to end |
//! | `Ending` | `Running` | the thread that has claimed the end, when the observer calls C's `exit` on it ([`take_over`](RunState::take_over)) | the end can be claimed again |
//! | `Opening`, `Ending` | `Idle` | the thread that began the run, or claimed its end ([`end`](RunState::end)) | the next thread may begin |
//! | any | `Idle`; `Running` if the run goes on | the one thread of a forked child ([`go_on_in_child`](RunState::go_on_in_child)) | nobody waits, and no other thread has a part in the run |
//!
//! # The exit of the process
//!
//! No thread exits (`No`), or one does (`By`), and others that exit wait for it. When the handlers have run and that thread is about to enter
//! C's `exit`, it publishes its status (`Leaving`): another thread may already be inside and hold C's own lock. That other thread then leaves
//! with this status, because otherwise the two would wait for each other. But only one may leave: if C has no lock, a second thread finds C's
//! exit functions taken, goes on, and so cuts off those that the first one is calling. So the first that goes on from the hook takes over the
//! exit (`By` again), and the other waits for the end.

use std::cell::Cell;
use std::sync::Arc;

use super::handover::Handover;
use super::record::{Reported, RunRecord};
use crate::registry::lease;
use crate::report::{Failure, HandlerRecord, RunResults};
use crate::sys;
use crate::sys::sync::thread::JoinHandle;
use crate::sys::sync::{never_unwinds, thread_local};
use crate::sys::token::ThreadToken;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    Idle,
    Opening { by: ThreadToken },
    Running { by: ThreadToken },
    Ending { by: ThreadToken },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    No,
    By(ThreadToken),
    Leaving { by: ThreadToken, status: i32 },
}

impl Exit {
    pub(super) fn by(self) -> Option<ThreadToken> {
        match self {
            Self::No => None,
            Self::By(by) | Self::Leaving { by, .. } => Some(by),
        }
    }
}

/// The exit thread that runs handlers, or is about to, and where its owner meets it.
pub(super) type ExitThread = (ThreadToken, Arc<Handover>);

/// A thread that has been left alone, and those before it: a list takes a new one without an allocation under the lock.
pub(super) struct Kept {
    pub(super) _thread: JoinHandle<()>,
    pub(super) before: Option<Box<Self>>,
}

/// Finds the record of a run.
pub(super) type FindRecord = fn(&mut RunState) -> Option<&mut RunRecord>;

/// Changed under a lock, so nothing here allocates or frees.
pub(crate) struct RunState {
    pub(super) course: Course,
    pub(super) exit: Exit,
    /// The system's number of the thread that owns the run, once it is open. Most exits open none, and need not ask for it.
    pub(super) owner_id: Option<u64>,
    /// Whether that thread came here from C's `exit`.
    pub(super) owner_in_exit: bool,
    /// The record of the innermost run, which leads to those of the runs around it.
    pub(super) innermost: Option<Box<RunRecord>>,
    /// The handlers that have ended in these runs: all of them, or only those that failed. Those of an inner run come last, so if it does not
    /// go on, they are the outer one's.
    pub(super) ended: Vec<HandlerRecord>,
    pub(super) exit_thread: Option<ExitThread>,
    /// Threads that nobody joins. From glibc 2.41 on, dropping a handle may take as long as joining.
    pub(super) kept: Option<Box<Kept>>,
    /// This process was forked while another thread was ending its parent; or the thread that should end it is stuck.
    pub(super) is_exit_locked: bool,
    /// A thread ends the process because its exit has hung at the deadline.
    pub(super) is_late_end_claimed: bool,
    /// How many threads are in the hook because C's `exit` has called it.
    pub(super) in_hook: usize,
    /// The status with which a handler of the current run, or the observer, has called C's `exit`, if it is known.
    pub(super) exits_with: Option<i32>,
    /// How many threads wait for the run to end. If there are none, no wake-up is sent.
    pub(super) waiting: usize,
}

/// What a thread that asks to begin a run does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Begin {
    /// It runs handlers now.
    Mine,
    /// Nothing: it is already beginning or ending a run, allocates for that, and the allocator has called `run`. All that is pending belongs to
    /// the run that it is in.
    Within,
    /// It waits for another thread's run, and then asks again; it also asks again at its deadline.
    Wait,
    /// The same, but without a deadline: another thread is ending the process, or is already ending that run.
    WaitForTheEnd,
    /// It leaves: all handlers have run, and the process is to end with this status.
    Leave(i32),
    /// It ends the run of another thread, because its own deadline has passed.
    PastDeadline,
}

/// Whether a thread is to end the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Claim {
    Mine,
    /// Another thread ends it, or it is over: this thread waits for the process to end.
    Others,
}

impl RunState {
    pub(crate) const fn new() -> Self {
        Self {
            course: Course::Idle,
            exit: Exit::No,
            owner_id: None,
            owner_in_exit: false,
            innermost: None,
            ended: Vec::new(),
            exit_thread: None,
            kept: None,
            is_exit_locked: false,
            is_late_end_claimed: false,
            in_hook: 0,
            exits_with: None,
            waiting: 0,
        }
    }

    /// `ends_process`: the run is part of an exit. `is_past`: this thread's deadline has passed.
    pub(super) fn begin(&mut self, me: ThreadToken, ends_process: bool, is_past: bool) -> Begin {
        let others_exit = ends_process && self.exit.by().is_some_and(|by| by != me);
        match (self.course, self.exit) {
            (Course::Idle, Exit::Leaving { status, .. }) if others_exit => Begin::Leave(status),
            _ if others_exit => Begin::WaitForTheEnd,
            (Course::Idle, _) => {
                self.course = Course::Opening { by: me };
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

    never_unwinds! {
        /// The run is this thread's now.
        #[inline(never)] // one copy, to keep programs small
        fn note_owner(&mut self) {
            (self.owner_id, self.owner_in_exit) = (sys::thread_id(), IN_EXIT.get());
        }
    }

    pub(super) fn begin_exit(&mut self, me: ThreadToken) {
        if self.exit.by() != Some(me) {
            self.exit = Exit::By(me);
        }
    }

    pub(super) fn open(&mut self, me: ThreadToken, record: Box<RunRecord>) {
        self.course = Course::Running { by: me };
        self.note_owner();
        self.nest(record);
    }

    pub(crate) fn outermost(&mut self) -> Option<&mut RunRecord> {
        let mut record = self.innermost.as_deref_mut()?;
        while record.outer.is_some() {
            record = record.outer.as_deref_mut()?;
        }
        Some(record)
    }

    /// `None` if this thread is no longer inside it.
    pub(crate) fn innermost_if_leased(&mut self) -> Option<&mut RunRecord> {
        if lease::is_held() { self.innermost.as_deref_mut() } else { None }
    }

    /// A run begins inside a handler.
    pub(super) fn nest(&mut self, mut record: Box<RunRecord>) {
        record.first = self.ended.len();
        record.outer = self.innermost.take();
        self.innermost = Some(record);
    }

    /// The innermost run is over.
    pub(super) fn unnest(&mut self) -> Option<Box<RunRecord>> {
        let mut record = self.innermost.take()?;
        self.innermost = record.outer.take();
        Some(record)
    }

    /// A run around the innermost one, which itself is at 0.
    pub(super) fn record_at(&mut self, at: usize) -> Option<&mut RunRecord> {
        let mut record = self.innermost.as_deref_mut()?;
        for _ in 0..at {
            record = record.outer.as_deref_mut()?;
        }
        Some(record)
    }

    /// A handler of the innermost run has ended. There is room for it.
    #[inline(never)] // one copy, to keep programs small
    pub(super) fn note_ended(&mut self, handler: HandlerRecord) {
        self.note_failure(&handler);
        self.ended.push(handler);
    }

    /// If this handler of the innermost run has failed, its status counts.
    fn note_failure(&mut self, handler: &HandlerRecord) {
        if let (Some(record), Some(failure)) = (&mut self.innermost, handler.failure()) {
            record.note_failure(failure.status());
        }
    }

    /// The handler of the innermost run that ended last has failed after its end. This takes the place of its success. If it has failed
    /// already, this is another failure, unless the first one `suffices`. There is room for one. Returns the record that does not count.
    #[inline]
    pub(super) fn note_instead(
        &mut self,
        failed: HandlerRecord,
        suffices: fn(&Failure) -> bool,
    ) -> Option<HandlerRecord> {
        // Not one that ended in a run around that.
        let first = self.innermost.as_deref().map_or(0, |record| record.first);
        let before = self.ended.get(first..).and_then(<[_]>::last).map(HandlerRecord::failure);
        if before.flatten().is_some_and(suffices) {
            return Some(failed);
        }
        let has_succeeded = matches!(before, Some(None));
        self.note_failure(&failed);
        match self.ended.last_mut() {
            Some(last) if has_succeeded => Some(std::mem::replace(last, failed)),
            _ => {
                self.ended.push(failed);
                None
            }
        }
    }

    /// Notes that a run is over, and copies what happened in it to `results`, which has room for its handlers. Returns what was reported before.
    #[inline]
    pub(super) fn end_record(&mut self, find: FindRecord, results: &mut RunResults) -> Option<Reported> {
        let first = find(self)?.first;
        let mut failures = 0;
        for handler in self.ended.get(first..)? {
            failures += usize::from(handler.failure().is_some());
            results.handlers.push(handler.clone());
        }
        Some(find(self)?.end(failures, results))
    }

    /// Runs that are open inside the outermost one do not go on. Returns their records: they may own values whose `drop` is a user's code, and
    /// must not be dropped here.
    pub(super) fn abandon_nested(&mut self) -> Option<Box<RunRecord>> {
        let mut abandoned = None;
        let mut record = self.unnest()?;
        while let Some(mut outer) = self.unnest() {
            outer.absorb(&record);
            record.outer = abandoned;
            abandoned = Some(record);
            record = outer;
        }
        self.innermost = Some(record);
        abandoned
    }

    /// This thread has called C's `exit` inside a handler, or inside the observer at the run's end. It goes on with the run, unless another
    /// thread ends it or has ended it. The exit thread that the run had has no part in it any more.
    pub(super) fn take_over(&mut self, me: ThreadToken, former: &mut Option<ExitThread>) -> Claim {
        if !matches!(self.course, Course::Running { .. }) && self.course != (Course::Ending { by: me }) {
            return Claim::Others;
        }
        self.go_on(me, former);
        Claim::Mine
    }

    /// From now on, this thread goes on with the run, and ends the process.
    fn go_on(&mut self, me: ThreadToken, former: &mut Option<ExitThread>) {
        std::mem::swap(former, &mut self.exit_thread); // it was none: there is nothing to drop
        self.course = Course::Running { by: me };
        self.note_owner();
        self.begin_exit(me);
    }

    /// The owner and this thread wait for each other, so this thread goes on with the run, if there is one.
    pub(super) fn take_over_from_stuck(
        &mut self,
        me: ThreadToken,
        owner_id: u64,
        former: &mut Option<ExitThread>,
    ) -> bool {
        let goes_on =
            self.owner_id == Some(owner_id) && matches!(self.course, Course::Running { .. } | Course::Ending { .. });
        if goes_on {
            if self.owner_in_exit {
                // The owner does not come back to leave with this thread's status, either, and it keeps the lock of C's `exit`.
                self.in_hook = self.in_hook.saturating_sub(1);
                self.is_exit_locked = true;
            }
            self.go_on(me, former);
        }
        goes_on
    }

    pub(super) fn is_owner(&self, me: ThreadToken) -> bool {
        self.course == (Course::Running { by: me })
    }

    /// Nothing is left to run: the owner ends the run.
    pub(super) fn claim_end(&mut self, me: ThreadToken) -> Claim {
        if self.is_owner(me) { self.claim_end_at_deadline(me) } else { Claim::Others }
    }

    /// The first thread that asks ends the run.
    pub(super) fn claim_end_at_deadline(&mut self, me: ThreadToken) -> Claim {
        if !matches!(self.course, Course::Running { .. }) {
            return Claim::Others;
        }
        self.end_by(me);
        Claim::Mine
    }

    /// Whether this thread may run handlers: it is the owner, or the exit thread that the owner has started.
    pub(super) fn may_run(&self, me: ThreadToken) -> bool {
        let is_exit_thread = matches!(&self.exit_thread, Some((thread, _)) if *thread == me);
        self.is_owner(me) || (is_exit_thread && matches!(self.course, Course::Running { .. }))
    }

    /// The deadline has been over for some time. Of the threads that notice, the first ends the process. `Others`: also if a thread has run all
    /// handlers, because the deadline does not cover what else C's `exit` calls.
    pub(super) fn claim_late_end(&mut self) -> Claim {
        let is_over = self.course == Course::Idle && self.exit.by().is_some();
        if is_over || std::mem::replace(&mut self.is_late_end_claimed, true) { Claim::Others } else { Claim::Mine }
    }

    pub(super) fn end(&mut self) {
        self.course = Course::Idle;
    }

    pub(super) fn leave(&mut self, me: ThreadToken, status: i32) {
        self.exit = Exit::Leaving { by: me, status };
    }

    /// The hook is done on this thread. Of the threads that leave with one status, the first goes on.
    pub(super) fn go_on_in_exit(&mut self, me: ThreadToken) -> Claim {
        self.in_hook = self.in_hook.saturating_sub(1); // it is 0 already in a child
        match self.exit {
            Exit::By(by) if by != me => return Claim::Others,
            Exit::Leaving { .. } => self.exit = Exit::By(me),
            Exit::No | Exit::By(_) => {}
        }
        Claim::Mine
    }

    /// In a forked child there is no other thread. `goes_on`: this thread is inside a run, which goes on.
    pub(crate) fn go_on_in_child(&mut self, me: ThreadToken, goes_on: bool) {
        self.course = if goes_on { Course::Running { by: me } } else { Course::Idle };
        self.is_exit_locked |= self.exit.by().is_some_and(|by| by != me);
        self.exit = match self.exit.by() {
            Some(by) if goes_on || by == me => Exit::By(me),
            _ => Exit::No,
        };
        (self.in_hook, self.waiting, self.is_late_end_claimed) = (0, 0, false);
        self.note_owner();
        // Forgotten, not dropped: a thread that is gone may have been using it, or may have locked it.
        std::mem::forget(self.exit_thread.take());
        if !goes_on {
            std::mem::forget(self.innermost.take());
            std::mem::forget(std::mem::take(&mut self.ended));
        }
    }
}

thread_local! {
    /// Whether this thread is in the hook because C's `exit` has called it. Without a destructor, so that it still works there.
    pub(super) static IN_EXIT: Cell<bool> = const { Cell::new(false) };
}

#[cfg(test)]
mod tests;
