//! Owns where an exit thread or a watchdog meets the owner that has started it, and everything that the two say to each other; must not know
//! what runs there.
//!
//! The exit thread takes handlers one by one, and only says when it stops, because a message between two threads takes longer than most
//! handlers. If nothing is left, it ends; if the next handler insists on the exiting thread, it waits for the order to go on, or to end.
//!
//! | stage | set by | what the exit thread does |
//! |---|---|---|
//! | `Starting` | its owner | nothing yet |
//! | `Probing` | itself | checks whether stdout and stderr can be locked |
//! | `Driving` | itself, or its owner after `Waiting` | runs handlers |
//! | `Waiting` | itself | waits for its next order |
//! | `Finishing` | itself if nothing is left, or its owner after `Waiting` | locks stdout |
//! | `Flushing` | itself | flushes stdout, the last thing that it does |
//! | `Finished` | itself | ends; the destructors of its thread-locals run |
//! | `Ended` | the last destructor of a thread-local | nothing any more: it can be joined |
//! | `Parked` | itself, in a handler that ended by `exit` where nothing can unwind | waits for the end of the process |
//! | `TakenOver` | itself, in a handler that has called C's `exit` | ends the process; its owner parks |
//! | `Dismissed` | its owner: a limit or the deadline is over, or the thread is too slow | leaves as soon as it notices, and touches nothing |
//!
//! `Dismissed` is final: what the exit thread says after that is ignored.
//!
//! To wake a thread takes longer than most handlers, too. So the exit thread wakes its owner only when that has something to do: at `Waiting`,
//! `Ended`, `Parked` and `TakenOver`, and when a handler has a limit. The other stages it sees when it looks, every so often.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::watch::{Lost, Watch};
use crate::handler::facts::Label;
use crate::registry::{self, lease::Lease};
use crate::sys::lock::{Guard, Lock, Rank};
use crate::sys::sync::{Condvar, Instant, park};
use crate::sys::{self, Process};

/// How often an owner looks whether its thread has moved on.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Starting,
    Probing,
    Driving,
    Waiting,
    Finishing,
    Flushing,
    Finished,
    Ended,
    Parked,
    TakenOver,
    Dismissed,
}

struct State {
    stage: Stage,
    limit: Option<Limit>,
}

/// When the running handler has to be over.
struct Limit {
    at: Instant,
    after: Duration,
    handler: Label,
}

impl Limit {
    fn exceeded(self) -> DriveEnd {
        DriveEnd::Lost(Lost { handler: self.handler, elapsed: self.after, dead_end: None })
    }
}

/// Where the two threads meet.
pub(crate) struct Handover {
    state: Lock<State>,
    changed: Condvar,
    /// In a forked child the other thread is gone, and may have held the lock when it vanished.
    process: Process,
    /// The system's number of the exit thread, or 0. `Relaxed`: it publishes nothing else.
    thread_id: AtomicU64,
    /// The number of the lease that the exit thread was granted last.
    lease: AtomicU64,
}

/// Why the exit thread has stopped running handlers.
pub(crate) enum DriveEnd {
    /// Nothing is left for this thread; it waits for the next order.
    Idle,
    /// Nothing is left at all; it is about to end.
    Finishing,
    /// This thread must not be used again, but a new one can be.
    Parked,
    /// The handler exceeded its limit, or will never go on. This thread must not be used again.
    Lost(Lost),
    /// The deadline of the run is over. This thread must not be used again.
    Deadline,
}

impl Handover {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Lock::new(Rank::Handover, State { stage: Stage::Starting, limit: None }),
            changed: Condvar::new(),
            process: Process::current(),
            thread_id: AtomicU64::new(0),
            lease: AtomicU64::new(0),
        })
    }

    fn lock(&self) -> Guard<'_, State> {
        self.state.lock()
    }

    pub(crate) fn is_of_this_process(&self) -> bool {
        self.process.is_current()
    }

    // ---- What the exit thread says -------------------------------------------------------------------------------

    /// Says by which number the system knows this thread.
    pub(crate) fn introduce(&self) {
        self.thread_id.store(sys::thread_id().unwrap_or_default(), Ordering::Relaxed);
    }

    /// Says which lease it has been granted.
    pub(crate) fn hold(&self, lease: &Lease) {
        self.lease.store(lease.number(), Ordering::SeqCst);
    }

    /// Moves on to a stage, and wakes nobody. `false`: the thread was dismissed.
    pub(crate) fn enter(&self, stage: Stage) -> bool {
        let mut now = self.lock();
        let is_dismissed = now.stage == Stage::Dismissed;
        if !is_dismissed {
            now.stage = stage;
        }
        !is_dismissed
    }

    /// The same, and wakes the other thread.
    #[inline(never)] // one copy, to keep programs small
    pub(crate) fn announce(&self, stage: Stage) -> bool {
        let goes_on = self.enter(stage);
        self.changed.notify_all();
        goes_on
    }

    /// Waits for its next order.
    pub(crate) fn next_order(&self) -> Stage {
        let mut state = self.lock();
        while state.stage == Stage::Waiting {
            state = state.wait(&self.changed);
        }
        state.stage
    }

    /// Sets the limit of the handler that starts now. `false`: nobody enforces one that is endless, or in a forked child.
    #[inline]
    pub(crate) fn set_limit(&self, after: Duration, handler: &Label) -> bool {
        let (Some(at), true) = (Instant::now().checked_add(after), self.is_of_this_process()) else { return false };
        self.replace_limit(Some(Limit { at, after, handler: handler.clone() }));
        self.changed.notify_all();
        true
    }

    /// The handler is over, unless it has been abandoned: then this thread's lease has been revoked. `true`: because it exceeded this limit.
    #[inline]
    pub(crate) fn lift_limit(&self) -> bool {
        self.is_of_this_process() && !self.replace_limit(None)
    }

    /// Returns whether there was a limit.
    fn replace_limit(&self, mut limit: Option<Limit>) -> bool {
        std::mem::swap(&mut self.lock().limit, &mut limit); // the former one is dropped without the lock
        limit.is_some()
    }

    /// The handler is never going to return.
    pub(crate) fn park(&self) -> ! {
        self.announce(Stage::Parked);
        park()
    }

    /// A handler has called C's `exit`: from now on, this thread ends the process. `false`: too late, it has been abandoned.
    pub(crate) fn take_over(&self) -> bool {
        !self.is_of_this_process() || self.announce(Stage::TakenOver)
    }

    /// The thread-locals are gone. If a handler has called C's `exit`, this comes in the middle of that, and does not count.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        if state.stage == Stage::Finished {
            state.stage = Stage::Ended;
            drop(state);
            self.changed.notify_all();
        }
    }

    // ---- What its owner says -------------------------------------------------------------------------------------

    pub(crate) fn dismiss(&self) {
        self.announce(Stage::Dismissed);
    }

    /// Waits until this stage is over. `false`: it takes longer than `at_most`, and the thread is dismissed.
    pub(crate) fn outlasts(&self, stage: Stage, at_most: Duration) -> bool {
        let mut now = self.lock_after(stage, at_most);
        let is_over = now.stage != stage;
        if !is_over {
            now.stage = Stage::Dismissed;
        }
        is_over
    }

    /// The same for a stage that takes longer only if the thread waits. One that is not seen to wait gets more time: it may be slow on a busy
    /// machine.
    #[inline]
    pub(crate) fn gets_its_turn(&self, stage: Stage, at_most: Duration) -> bool {
        /// How many halves of `at_most` it gets if it is seen to run, or if the system does not tell.
        const RUNS: usize = 40;
        const UNKNOWN: usize = 10;
        let half = at_most / 2;
        if self.wait_while(stage, half) != stage {
            return true; // as almost always, without asking the system
        }
        for times in 1.. {
            let runs = sys::is_running(self.thread_id.load(Ordering::Relaxed));
            let mut now = self.lock_after(stage, half);
            if now.stage != stage {
                break;
            }
            let most = match runs {
                Some(true) => RUNS,
                Some(false) => 0,
                None => UNKNOWN,
            };
            if times >= most {
                now.stage = Stage::Dismissed;
                return false;
            }
        }
        true
    }

    /// Waits while the thread is at this stage, for this long at most, and returns the stage after that.
    pub(crate) fn wait_while(&self, stage: Stage, at_most: Duration) -> Stage {
        self.lock_after(stage, at_most).stage
    }

    /// The same, and the lock with it.
    fn lock_after(&self, stage: Stage, at_most: Duration) -> Guard<'_, State> {
        self.wait_with(self.lock(), stage, at_most)
    }

    fn wait_with<'a>(&'a self, mut now: Guard<'a, State>, stage: Stage, at_most: Duration) -> Guard<'a, State> {
        let start = Instant::now();
        while now.stage == stage {
            let left = at_most.saturating_sub(Instant::now().saturating_duration_since(start));
            if left.is_zero() {
                break;
            }
            now = now.wait_timeout(&self.changed, left.min(LOOK));
        }
        now
    }

    /// Watches the exit thread until it stops running handlers, or is made to.
    pub(crate) fn watch(&self, watch: &mut Watch) -> DriveEnd {
        loop {
            let mut state = self.lock();
            let now = Instant::now();
            let limit = state.limit.as_ref().map(|limit| limit.at);
            let end = match state.stage {
                Stage::Waiting => return DriveEnd::Idle,
                Stage::Finishing | Stage::Flushing | Stage::Finished | Stage::Ended => return DriveEnd::Finishing,
                Stage::Parked => return DriveEnd::Parked,
                Stage::TakenOver => {
                    drop(state);
                    park()
                }
                _ if watch.is_over(now) => Some(DriveEnd::Deadline),
                _ if limit.is_some_and(|limit| now >= limit) => state.limit.take().map(Limit::exceeded),
                _ => None,
            };
            if let Some(end) = end {
                self.give_up(state);
                return end;
            }
            if let Some(pause) = watch.pause(now, limit) {
                drop(state.wait_timeout(&self.changed, pause));
            } else {
                drop(state); // the look may print, which may take long
                if let Some(stuck) = watch.look(now, self.thread_id()) {
                    self.give_up(self.lock());
                    return DriveEnd::Lost(stuck);
                }
            }
        }
    }

    /// From now on, the exit thread has no part in the run.
    #[inline(never)] // one copy, to keep programs small
    fn give_up(&self, mut state: Guard<'_, State>) {
        state.stage = Stage::Dismissed;
        // Only this lease: another thread may have begun to end the run, with a lease of its own.
        registry::revoke_one_lease(self.lease.load(Ordering::SeqCst));
    }

    /// Waits to be dismissed, and meanwhile watches the handlers on its owner. `true`: the deadline came first.
    pub(crate) fn watch_owner(&self, watch: &mut Watch) -> bool {
        loop {
            let state = self.lock();
            let now = Instant::now();
            if state.stage == Stage::Dismissed {
                return false;
            }
            if watch.is_over(now) {
                return true;
            }
            if let Some(pause) = watch.pause(now, None) {
                drop(state.wait_timeout(&self.changed, pause));
            } else {
                drop(state);
                watch.look(now, None);
            }
        }
    }

    fn thread_id(&self) -> Option<u64> {
        let thread_id = self.thread_id.load(Ordering::Relaxed);
        if thread_id == 0 { None } else { Some(thread_id) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_that_waits_sees_a_stage_that_nobody_announces() {
        let handover = Handover::new();
        let (start, far) = (Instant::now(), Duration::from_secs(600));
        let locked = handover.lock();
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(handover.enter(Stage::Flushing))); // it gets the lock when the owner waits
            assert_eq!(handover.wait_with(locked, Stage::Starting, far).stage, Stage::Flushing);
        });
        assert!(start.elapsed() < far, "it was only seen when the time was over");
    }
}
