//! Owns ordering: declared handlers in random order, and records to sort; must not know about processes.

use std::cell::UnsafeCell;
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use atexit_core::__private::inventory::{ErasedNode, Node};
use atexit_core::__private::{Declared, Description, Site, identity};

use crate::rounds::shuffle;

/// Declares this many handlers, as uses of the attribute do, and measures the time to order them.
pub(crate) fn collect(count: usize) -> Duration {
    declare(count, describe);
    timed(count)
}

/// The same, with all handlers but one constrained to run after that one.
pub(crate) fn collect_constrained(count: usize) -> Duration {
    declare(1, describe_pivot);
    declare(count - 1, || describe().after(identity(&pivot), "pivot"));
    timed(count)
}

fn timed(count: usize) -> Duration {
    let start = Instant::now();
    let pending = atexit_core::pending();
    let elapsed = start.elapsed();
    assert_eq!(pending, count);
    elapsed
}

fn declare(count: usize, describe: fn() -> Description) {
    for _ in 0..count {
        let declared: &'static Declared = Box::leak(Box::new(Declared::new(describe)));
        let node: &'static Node = Box::leak(Box::new(Node { value: declared, next: UnsafeCell::new(None) }));
        // SAFETY: the value has the type of its registry, and no other thread reads the registry.
        unsafe { declared.submit(node) };
    }
}

/// The expansion of the attribute, except that the line differs at every call; only the first call counts.
fn describe() -> Description {
    static CALLS: AtomicU32 = AtomicU32::new(1);
    let line = CALLS.fetch_add(1, Ordering::Relaxed).wrapping_mul(ODD);
    Description::new(site(line), identity(&handler), |_| {
        handler();
        Ok(())
    })
}

/// Multiplying by this shuffles the 32-bit numbers.
const ODD: u32 = 0x9e37_79b1;

/// Describes the handler that registers first, and so runs last.
fn describe_pivot() -> Description {
    Description::new(site(0), identity(&pivot), |_| {
        pivot();
        Ok(())
    })
}

fn site(line: u32) -> Site {
    Site {
        function: "handler",
        arguments: "",
        package: "benches 0.0.0",
        binary: "benches",
        test: false,
        module: module_path!(),
        file: file!(),
        line,
        column: 1,
        name_line: line,
        name_column: 4,
        expansion: line,
    }
}

fn pivot() {}

fn handler() {}

/// Sorts this many records of 64 bytes by an integer.
pub(crate) fn sort(count: usize) -> Duration {
    let mut records: Vec<[u64; 8]> = (0..count as u64).map(|key| [key, 0, 0, 0, 0, 0, 0, 0]).collect();
    shuffle(&mut records, 0);
    let start = Instant::now();
    records.sort_by_key(|record| record[0]);
    let elapsed = start.elapsed();
    black_box(records);
    elapsed
}
