//! Owns what state a process's runs are in, and every transition; must not know who waits for one, how a handler is run, or what ends a
//! process.
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

use super::handover::Handover;
use super::record::RunRecord;
use crate::registry::lease;
use crate::report::HandlerRecord;
use crate::sys;
use crate::sys::sync::thread::JoinHandle;
use crate::sys::sync::thread_local;
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

/// It is changed under a lock: nothing here allocates or frees.
pub(crate) struct RunState {
    pub(super) course: Course,
    pub(super) exit: Exit,
    /// By what the system knows the thread that owns the run, or began it.
    pub(super) owner_id: Option<u64>,
    /// C's `exit` has brought that thread here.
    pub(super) owner_in_exit: bool,
    /// Of the runs that are inside each other, the outermost first.
    pub(super) records: Vec<RunRecord>,
    pub(super) exit_thread: Option<ExitThread>,
    /// Exit threads that nobody joins. To drop a handle may take as long, in glibc from 2.41 on.
    pub(super) kept: Vec<JoinHandle<()>>,
    /// This process was forked while another thread took its parent down; or one is stuck that was to take it down.
    pub(super) is_exit_locked: bool,
    /// How many threads C's `exit` has brought to the hook.
    pub(super) in_hook: usize,
    /// With which status a handler of the run that is under way, or the observer, has called C's `exit`, where that is known.
    pub(super) exits_with: Option<i32>,
    /// How many threads wait for the run to end, so that no wake-up is sent where nobody waits.
    pub(super) waiting: usize,
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
            exits_with: None,
            waiting: 0,
        }
    }

    /// `ends_process`: the run is part of an exit. `is_past`: the deadline of this thread is over.
    pub(super) fn begin(&mut self, me: ThreadToken, ends_process: bool, is_past: bool) -> Begin {
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

    pub(super) fn begin_exit(&mut self, me: ThreadToken) {
        if self.exit.by() != Some(me) {
            self.exit = Exit::By(me);
        }
    }

    pub(super) fn open(&mut self, me: ThreadToken, record: RunRecord) {
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
    pub(super) fn nest(&mut self, record: RunRecord) {
        self.records.push(record);
    }

    /// The innermost run is over.
    pub(super) fn unnest(&mut self) -> Option<RunRecord> {
        self.records.pop()
    }

    /// What is open inside the outermost run does not go on. The records of what was open, for which there is room, may own what a user's
    /// code drops: not here.
    pub(super) fn abandon_nested(&mut self, nested: &mut Vec<RunRecord>) {
        nested.extend(self.records.drain(self.records.len().min(1)..));
        if let Some(outermost) = self.records.first_mut() {
            for inner in nested {
                outermost.absorb(inner);
            }
        }
    }

    /// Where it is written what has ended in the outermost run, and how much that is of those inside it.
    pub(super) fn ended_within(&mut self) -> Option<(&mut Vec<HandlerRecord>, usize)> {
        let (outermost, nested) = self.records.split_first_mut()?;
        Some((outermost.ended(), nested.iter_mut().map(|inner| inner.ended().len()).sum()))
    }

    /// A thread that is inside a handler, or tells the observer of the run's end, has called C's `exit`: it goes on with the run, unless
    /// another one ends it, or has. The exit thread that the run had has no part in it any more.
    pub(super) fn take_over(&mut self, me: ThreadToken, former: &mut Option<ExitThread>) -> Claim {
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
                // Nor does it come back to leave with the status of this one; and it keeps what lock there is.
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

    /// The first that asks ends the run.
    pub(super) fn claim_end_at_deadline(&mut self, me: ThreadToken) -> Claim {
        if !matches!(self.course, Course::Running { .. }) {
            return Claim::Others;
        }
        self.end_by(me);
        Claim::Mine
    }

    /// Whether this thread is to run handlers: the owner, or the exit thread that it has started.
    pub(super) fn may_run(&self, me: ThreadToken) -> bool {
        let is_exit_thread = self.exit_thread.as_ref().is_some_and(|(thread, _)| *thread == me);
        self.is_owner(me) || (is_exit_thread && matches!(self.course, Course::Running { .. }))
    }

    pub(super) fn end(&mut self) {
        self.course = Course::Idle;
    }

    pub(super) fn leave(&mut self, me: ThreadToken, status: i32) {
        self.exit = Exit::Leaving { by: me, status };
    }

    /// The hook is done on this thread. Of those that leave with one status, the first goes on.
    pub(super) fn go_on_in_exit(&mut self, me: ThreadToken) -> Claim {
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

thread_local! {
    /// C's `exit` has called the hook on this thread, and that is not over. Without a destructor, so that it still serves there.
    pub(super) static IN_EXIT: Cell<bool> = const { Cell::new(false) };
}

#[cfg(test)]
mod tests;
