//! Owns whose turn it is: which thread runs handlers now, and which one takes the process down; must not know what is run.
//!
//! At most one handler runs at a time. A thread takes the turn for a whole run; the run seats one thread after the other, its own or
//! an exit thread, and who sits is inside a handler. A thread that lost its seat, because its handler was abandoned, is
//! a thread like any other from then on, whatever it still does.

use std::cell::Cell;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::sync::{AtomicU64, Condvar, Instant, Mutex, MutexGuard, thread_local};

thread_local! {
    // Without destructors, so that they still serve on a thread whose other thread-locals are gone.
    static SEAT: Cell<u64> = const { Cell::new(NOBODY) };
    static EXITING: Cell<bool> = const { Cell::new(false) };
    /// This thread ends the run.
    static ENDS: Cell<bool> = const { Cell::new(false) };
}

const NOBODY: u64 = 0;

/// The seat that counts. Sequentially consistent, as everything here that is not under a lock: it is touched a few times a run.
static SEATED: AtomicU64 = AtomicU64::new(NOBODY);
static SEATS: AtomicU64 = AtomicU64::new(NOBODY);

/// While this is kept, the thread that made it is inside the run.
pub(crate) struct Seat {
    outer: u64,
}

impl Seat {
    pub(crate) fn take() -> Self {
        let seat = SEATS.fetch_add(1, Ordering::SeqCst) + 1;
        SEATED.store(seat, Ordering::SeqCst);
        Self { outer: SEAT.replace(seat) }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if is_seated() {
            SEATED.store(self.outer, Ordering::SeqCst);
        }
        SEAT.set(self.outer);
    }
}

/// Takes the seat away from whoever sits.
pub(crate) fn unseat() {
    SEATED.store(NOBODY, Ordering::SeqCst);
}

/// Whether this thread is inside a handler, or in what a run does between two handlers.
#[inline]
pub(crate) fn is_seated() -> bool {
    let seat = SEAT.get();
    seat != NOBODY && seat == SEATED.load(Ordering::SeqCst)
}

/// Whether this thread is taking the process down.
pub(crate) fn is_exiting() -> bool {
    EXITING.get()
}

#[derive(Default)]
pub(crate) struct Turns {
    running: bool,
    /// The run is not open yet, or a thread has begun to end it: nobody else is to.
    claimed: bool,
    exiting: bool,
    /// The status with which a thread that has run the handlers is about to enter C's `exit`.
    leaving: Option<i32>,
    /// How many threads wait for the turn: nobody is woken by a system call that is for nobody.
    waiting: usize,
}

static TURNS: Mutex<Turns> =
    Mutex::new(Turns { running: false, claimed: false, exiting: false, leaving: None, waiting: 0 });
static TURN_OVER: Condvar = Condvar::new();

pub(crate) fn lock() -> MutexGuard<'static, Turns> {
    TURNS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Turns {
    fn wake(&self) {
        if self.waiting > 0 {
            TURN_OVER.notify_all();
        }
    }

    /// In a forked child there is no other thread, unless this one `goes_on` with its run.
    pub(crate) fn forget_in_child(&mut self, goes_on: bool) {
        (self.running, self.exiting, self.leaving) = (goes_on, self.exiting && goes_on, None);
        self.waiting = 0;
        self.claimed = false; // whoever had begun to end the run did so in the parent
        if !goes_on {
            SEATED.store(NOBODY, Ordering::SeqCst);
        }
    }
}

/// What becomes of a thread that asked for the turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It runs handlers now.
    Mine,
    /// All handlers have run, and the process is to end with this status.
    Leave(i32),
    /// The deadline was over first, and this thread is to end the run of the other.
    Late,
}

/// Waits until no other thread runs handlers.
///
/// When `to_exit`, and another thread is taking the process down already, it waits for ever: going on would cut that one off. Unless that
/// other one is yet to enter C's `exit`, and would wait there for this one, which is inside.
pub(crate) fn take(to_exit: bool, deadline: Option<Instant>) -> Turn {
    let mut turns = lock();
    loop {
        let others_exit = to_exit && turns.exiting && !is_exiting();
        if !turns.running {
            match turns.leaving.filter(|_| others_exit) {
                Some(status) => return Turn::Leave(status),
                None if !others_exit => break,
                None => {}
            }
        }
        let left = deadline.filter(|_| !others_exit).map(|at| at.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) && !turns.claimed {
            turns.claimed = true;
            ENDS.set(true);
            return Turn::Late;
        }
        turns.waiting += 1;
        turns = match left {
            Some(left) if left > Duration::ZERO => {
                TURN_OVER.wait_timeout(turns, left).unwrap_or_else(PoisonError::into_inner).0
            }
            _ => TURN_OVER.wait(turns).unwrap_or_else(PoisonError::into_inner),
        };
        turns.waiting -= 1;
    }
    (turns.running, turns.claimed) = (true, true);
    if to_exit {
        turns.exiting = true;
        EXITING.set(true);
    }
    Turn::Mine
}

/// From now on the run has an account, and any thread may end it.
pub(crate) fn open() {
    let mut turns = lock();
    turns.claimed = false;
    turns.wake();
}

/// Whether this thread is to end the run: the first that asks is. At the deadline it may be another one than the run's own.
pub(crate) fn claim_end() -> bool {
    let claims = !std::mem::replace(&mut lock().claimed, true);
    if claims {
        ENDS.set(true);
    }
    claims
}

/// An observer may call C's `exit` while its thread ends the run, which goes on then. What another thread has claimed stays claimed.
pub(crate) fn reopen() {
    if ENDS.replace(false) {
        open();
    }
}

pub(crate) fn end() {
    let mut turns = lock();
    turns.running = false;
    turns.wake();
    drop(turns);
    ENDS.set(false);
}

pub(crate) fn is_running() -> bool {
    lock().running
}

/// This thread, which is inside a run, takes the process down from now on: others that exit wait for it.
pub(crate) fn begin_exit() {
    lock().exiting = true;
    EXITING.set(true);
}

/// Ends the turn of a run that this thread, from inside a handler, has finished; it takes the process down now.
pub(crate) fn end_by_exit() {
    let mut turns = lock();
    (turns.running, turns.exiting) = (false, true);
    EXITING.set(true);
    unseat();
}

/// Says that this thread, which has run the handlers, is about to enter C's `exit` with this status.
pub(crate) fn leave(status: i32) {
    let mut turns = lock();
    turns.leaving = Some(status);
    turns.wake();
}
