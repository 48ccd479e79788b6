//! Owns one measurement inside its own process, and printing the number; must not know what the number is compared with.

use std::hint::black_box;
use std::sync::{Barrier, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::contender::{Atexit, Contender, CxaAtexit, Naive, Ours};
use crate::subject::Measure;
use crate::{order, rounds, values};

/// The start of the exit, and the number of handlers.
static EXIT: OnceLock<(Instant, usize)> = OnceLock::new();

/// Measures `subject` and prints the number. For a measurement of the exit it does not return.
pub(crate) fn measure(subject: &str, measure: Measure, count: usize) {
    let number = match (subject, measure) {
        ("ours", Measure::RegisterAgain) => per_handler(register_again(count), count),
        ("ours", Measure::Call) => per_handler(run(count), count),
        ("ours", Measure::Order) => per_handler(order::collect(count), count),
        ("ours", Measure::OrderConstrained) => per_handler(order::collect_constrained(count), count),
        ("sort", Measure::Order) => per_handler(order::sort(count), count),
        (_, Measure::Borrow) => per_handler(values::borrow(subject, count), count),
        (_, Measure::BorrowFromTwo) => per_handler(values::borrow_from_two(subject, count), count),
        ("ours", _) => contender::<Ours>(measure, count),
        ("atexit", _) => contender::<Atexit>(measure, count),
        ("cxa_atexit", _) => contender::<CxaAtexit>(measure, count),
        ("naive", _) => contender::<Naive>(measure, count),
        _ => panic!("there is no subject {subject}"),
    };
    println!("{number}");
    end();
}

fn contender<C: Contender>(measure: Measure, count: usize) -> f64 {
    match measure {
        Measure::Register => per_handler(register::<C>(count), count),
        Measure::RegisterFromTwo => per_handler(register_from_two::<C>(count), count),
        Measure::Remove => per_handler(remove::<C>(count), count),
        Measure::Allocated => per_count(growth(allocated, || register::<C>(count)), count),
        Measure::Resident => per_count(growth(resident, || register::<C>(count)), count),
        Measure::Run => {
            C::register_witness();
            register::<C>(count);
            let _ = EXIT.set((Instant::now(), count));
            std::process::exit(0)
        }
        Measure::RegisterAgain
        | Measure::Call
        | Measure::Order
        | Measure::OrderConstrained
        | Measure::Borrow
        | Measure::BorrowFromTwo => unreachable!("this subject has no such measure"),
    }
}

/// The last handler of all: prints the time for each handler.
pub(crate) fn tell_elapsed() {
    if let Some(&(start, count)) = EXIT.get() {
        println!("{}", per_handler(start.elapsed(), count));
    }
}

/// Ends the process without running the handlers that a measurement has left.
fn end() -> ! {
    // SAFETY: POSIX lets a process call `_exit` at any time.
    unsafe { libc::_exit(0) }
}

fn per_handler(elapsed: Duration, count: usize) -> f64 {
    elapsed.as_secs_f64() * 1e9 / as_float(count)
}

fn per_count(bytes: usize, count: usize) -> f64 {
    as_float(bytes) / as_float(count)
}

#[expect(clippy::cast_precision_loss, reason = "no count and no size comes near 2^52")]
fn as_float(count: usize) -> f64 {
    count as f64
}

fn register_each<C: Contender>(count: usize) {
    for at in 0..count as u64 {
        black_box(C::register(black_box([at, 1, 2])));
    }
}

fn register<C: Contender>(count: usize) -> Duration {
    let start = Instant::now();
    register_each::<C>(count);
    start.elapsed()
}

fn register_again(count: usize) -> Duration {
    register::<Ours>(count);
    assert_eq!(atexit_core::clear(), count);
    register::<Ours>(count)
}

fn register_from_two<C: Contender>(count: usize) -> Duration {
    let barrier = Barrier::new(2);
    let half = || {
        barrier.wait();
        let start = Instant::now();
        register_each::<C>(count / 2);
        (start, Instant::now())
    };
    let (one, other) = thread::scope(|scope| {
        let (one, other) = (scope.spawn(half), scope.spawn(half));
        (one.join().expect("nothing panics"), other.join().expect("nothing panics"))
    });
    one.1.max(other.1) - one.0.min(other.0)
}

fn remove<C: Contender>(count: usize) -> Duration {
    let mut handles: Vec<C::Handle> = (0..count as u64).map(|at| C::register([at, 1, 2])).collect();
    rounds::shuffle(&mut handles, 0);
    let start = Instant::now();
    for handle in handles {
        C::remove(handle);
    }
    start.elapsed()
}

fn run(count: usize) -> Duration {
    register::<Ours>(count);
    let start = Instant::now();
    let report = atexit_core::run();
    let elapsed = start.elapsed();
    assert_eq!(report.ran(), count);
    elapsed
}

fn growth(of: fn() -> usize, during: impl FnOnce() -> Duration) -> usize {
    let before = of();
    during();
    of() - before
}

/// The bytes that C's allocator has given out, also to C's `atexit`.
fn allocated() -> usize {
    // SAFETY: it reads counters of the allocator, under its locks.
    let info = unsafe { libc::mallinfo2() };
    info.uordblks + info.hblkhd
}

fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let pages = pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    // SAFETY: it reads a constant.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    pages.expect("the second number is what is resident") * usize::try_from(page).expect("a page has a size")
}
