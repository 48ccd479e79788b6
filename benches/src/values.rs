//! Owns borrowing a value in each kind of `static`; must not know how the times are compared.

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

/// The function that borrows and reads one kind of value this many times.
fn reader(subject: &str) -> fn(usize) {
    match subject {
        "drop_at_exit" => |times| (0..times).for_each(|_| _ = black_box(*DROPPED.get())),
        "close_at_exit" => |times| (0..times).for_each(|_| _ = black_box(*CLOSED.get())),
        "lazy_lock" => |times| (0..times).for_each(|_| _ = black_box(*LAZY)),
        "rw_lock" => |times| {
            (0..times).for_each(|_| _ = black_box(*LOCKED.read().unwrap_or_else(PoisonError::into_inner)));
        },
        _ => panic!("there is no kind of value {subject}"),
    }
}

/// The time to borrow a value this many times, after its initialization.
pub(crate) fn borrow(subject: &str, times: usize) -> Duration {
    let read = reader(subject);
    read(1);
    let start = Instant::now();
    read(times);
    start.elapsed()
}

/// The same with two threads at the same time, each this many times.
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
