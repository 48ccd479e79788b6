//! Threads that initialize, borrow, release and close values of many cells while the process exits: each value is finished once, and
//! never while in use.

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::thread;

use atexit_core::{CloseAtExit, DropAtExit, Handler, run};

const CELLS: usize = 16;
const THREADS: usize = 4;

/// What is known about the value of a cell.
#[derive(Debug)]
struct Count {
    made: AtomicUsize,
    finished: AtomicUsize,
    borrowed: AtomicUsize,
}

impl Count {
    const fn new() -> Self {
        Self { made: AtomicUsize::new(0), finished: AtomicUsize::new(0), borrowed: AtomicUsize::new(0) }
    }
}

static COUNTS: [Count; 2 * CELLS] = [const { Count::new() }; 2 * CELLS];

struct Value {
    count: &'static Count,
    text: String,
}

impl Value {
    fn new(at: usize) -> Self {
        let count = &COUNTS[at];
        check(count.made.fetch_add(1, Ordering::SeqCst) == 0, "made twice");
        Self { count, text: format!("value {at}") }
    }

    fn borrow(&self) {
        self.count.borrowed.fetch_add(1, Ordering::SeqCst);
        check(self.text.starts_with("value"), "no value");
        self.count.borrowed.fetch_sub(1, Ordering::SeqCst);
    }

    fn finish(&self) {
        check(self.count.finished.fetch_add(1, Ordering::SeqCst) == 0, "finished twice");
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        check(self.count.borrowed.load(Ordering::SeqCst) == 0, "dropped under somebody's hands");
        self.finish();
    }
}

/// Panics are part of the storm: asking for a value too late is one.
fn check(is_so: bool, what: &str) {
    if !is_so {
        eprintln!("{what}");
    }
}

static DROPPED: [DropAtExit<Value>; CELLS] = [const { DropAtExit::empty() }; CELLS];
static KEPT: [CloseAtExit<Value>; CELLS] = [const { CloseAtExit::<Value>::empty().close_with(Value::finish) }; CELLS];

fn storm(mut random: u64, steps: &AtomicUsize) {
    loop {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let [at, what] = [33, 48].map(|bits| usize::try_from(random >> bits).unwrap_or_default());
        let at = at % CELLS;
        let (dropped, kept) = (&DROPPED[at], &KEPT[at]);
        match what % 64 {
            0 => drop(dropped.close()),
            1 => drop(kept.close()),
            2..10 => drop(catch_unwind(|| dropped.get_or_init(|| panic!("no value")))),
            10..20 => {
                let mut half_way = pin!(dropped.get_or_try_init_async(async || pending::<Result<Value, ()>>().await));
                let poll = || half_way.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
                let _ = catch_unwind(AssertUnwindSafe(poll));
            }
            20..30 => dropped.get_if_open().into_iter().for_each(|value| value.clone().borrow()),
            30..40 => kept.get_if_open().into_iter().for_each(Value::borrow),
            40..50 => drop(catch_unwind(|| dropped.get_or_init(|| Value::new(at)).borrow())),
            _ => drop(catch_unwind(|| kept.get_or_init(|| Value::new(CELLS + at)).borrow())),
        }
        steps.fetch_add(1, Ordering::SeqCst);
    }
}

fn main() {
    static STEPS: AtomicUsize = AtomicUsize::new(0);
    let until = |steps| {
        while STEPS.load(Ordering::SeqCst) < steps {
            thread::yield_now();
        }
    };
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<usize>().expect("a number"));
    let [seed, steps] = [(); 2].map(|()| numbers.next().expect("a seed, and a number of steps"));
    set_hook(Box::new(|_| {}));
    let all_are_finished = || {
        let is_left = |count: &Count| count.made.load(Ordering::SeqCst) != count.finished.load(Ordering::SeqCst);
        while COUNTS.iter().any(is_left) {
            thread::yield_now(); // a thread may be about to close one
        }
        println!("all are finished");
    };
    Handler::new(all_are_finished).last().register();
    for thread in 0..THREADS {
        thread::spawn(move || storm((seed * THREADS + thread) as u64, &STEPS));
    }
    until(steps);
    if seed % 2 == 1 {
        run();
        until(2 * steps);
        Handler::new(all_are_finished).last().register();
    }
    std::process::exit(0);
}
