//! Owns whose turn it is: which thread runs handlers now, and which one takes the process down; must not know what is run.
//!
//! At most one handler runs at a time. A thread takes the turn for a whole run; the run seats one thread after the other, its own or
//! an exit thread, and who sits is inside a handler. A thread that lost its seat, because its handler was abandoned, is
//! a thread like any other from then on, whatever it still does.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

thread_local! {
    // Without destructors, so that they still serve on a thread whose other thread-locals are gone.
    static SEAT: Cell<u64> = const { Cell::new(NOBODY) };
    static EXITING: Cell<bool> = const { Cell::new(false) };
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
pub(crate) fn is_seated() -> bool {
    let seat = SEAT.get();
    seat != NOBODY && seat == SEATED.load(Ordering::SeqCst)
}

/// Whether this thread is taking the process down.
pub(crate) fn is_exiting() -> bool {
    EXITING.get()
}

struct Turns {
    running: bool,
    exiting: bool,
}

static TURNS: Mutex<Turns> = Mutex::new(Turns { running: false, exiting: false });
static TURN_OVER: Condvar = Condvar::new();

/// Waits until no other thread runs handlers.
///
/// When `to_exit`, and another thread is taking the process down already, it waits for ever: going on would cut that one off.
pub(crate) fn take(to_exit: bool) {
    let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
    while turns.running || (to_exit && turns.exiting && !is_exiting()) {
        turns = TURN_OVER.wait(turns).unwrap_or_else(PoisonError::into_inner);
    }
    turns.running = true;
    if to_exit {
        turns.exiting = true;
        EXITING.set(true);
    }
}

pub(crate) fn end() {
    TURNS.lock().unwrap_or_else(PoisonError::into_inner).running = false;
    TURN_OVER.notify_all();
}
