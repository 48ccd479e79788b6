//! Owns what it takes to borrow a value in a `static`, of each kind; must not know how that is compared.

use std::hint::black_box;
use std::sync::{Barrier, LazyLock, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use atexit_core::{CloseAtExit, DropAtExit};

const VALUE: u64 = 7;

static DROPPED: DropAtExit<u64> = DropAtExit::new(|| VALUE);
static CLOSED: CloseAtExit<u64> = CloseAtExit::new(|| VALUE).close_with(|_| ());
static LAZY: LazyLock<u64> = LazyLock::new(|| VALUE);
static LOCKED: RwLock<Option<u64>> = RwLock::new(Some(VALUE));

/// What borrows and reads one kind of value so often.
fn reader(subject: &str) -> fn(usize) {
    match subject {
        "drop_at_exit" => |times| (0..times).for_each(|_| _ = black_box(*DROPPED.get())),
        "close_at_exit" => |times| (0..times).for_each(|_| _ = black_box(*CLOSED.get())),
        "lazy_lock" => |times| (0..times).for_each(|_| _ = black_box(*LAZY)),
        "rw_lock" => |times| {
            (0..times).for_each(|_| _ = black_box(*LOCKED.read().unwrap_or_else(PoisonError::into_inner)));
        },
        _ => panic!("{subject} is none of the kinds of values"),
    }
}

/// How long it takes to borrow a value so often, which is made by then.
pub(crate) fn borrow(subject: &str, times: usize) -> Duration {
    let read = reader(subject);
    read(1);
    let start = Instant::now();
    read(times);
    start.elapsed()
}

/// The same by two threads, each so often, at the same time.
pub(crate) fn borrow_from_two(subject: &str, times: usize) -> Duration {
    let barrier = Barrier::new(2);
    let one = || {
        barrier.wait();
        borrow(subject, times)
    };
    thread::scope(|scope| {
        let other = scope.spawn(one);
        one().max(other.join().expect("nothing panics"))
    })
}
