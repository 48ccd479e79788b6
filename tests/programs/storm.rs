//! Ends from many threads at once, with many handlers; the first argument says which of its scenes it plays.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use atexit_core::{register, run};

fn main() {
    let mut args = std::env::args().skip(1);
    let scene = args.next().unwrap_or_default();
    let number = args.next().and_then(|number| number.parse().ok()).unwrap_or_default();
    let (_, play) = SCENES.iter().find(|(name, _)| *name == scene).expect("a scene of this name");
    play(number);
}

/// A scene and how it is played, with a number.
type Scene = (&'static str, fn(usize));

const SCENES: &[Scene] = &[
    ("exits", exits),
    ("registers_for_ever", registers_for_ever),
    ("changes_during_the_run", changes_during_the_run),
    ("chain", chain),
    ("many", many),
];

/// So many threads end the process at once, each in its own way; each handler says its number.
fn exits(count: usize) {
    for number in 0..100 {
        register(move || println!("{number}"));
    }
    let start = Arc::new(Barrier::new(count + 1));
    for number in 0..count {
        let start = Arc::clone(&start);
        thread::spawn(move || {
            start.wait();
            match number % 4 {
                0 => std::process::exit(7),
                1 => atexit_core::exit(7),
                // SAFETY: ISO C; several threads at once is what this is about.
                2 => unsafe { libc::exit(7) },
                _ => drop(run()),
            }
        });
    }
    start.wait();
    std::process::exit(7);
}

/// Threads that register for ever cannot keep the process alive.
fn registers_for_ever(count: usize) {
    static RAN: AtomicU64 = AtomicU64::new(0);
    let start = Arc::new(Barrier::new(count + 1));
    for _ in 0..count {
        let start = Arc::clone(&start);
        thread::spawn(move || {
            start.wait();
            loop {
                register(|| {
                    RAN.fetch_add(1, Ordering::Relaxed);
                });
            }
        });
    }
    start.wait();
    register(|| println!("main's"));
}

/// Handlers are taken back, from the oldest on, while others run, from the youngest on: each has one fate.
fn changes_during_the_run(count: usize) {
    static RAN: AtomicUsize = AtomicUsize::new(0);
    let registrations: Vec<_> = (0..count)
        .map(|_| {
            register(|| {
                RAN.fetch_add(1, Ordering::SeqCst);
            })
        })
        .collect();
    let start = Arc::new(Barrier::new(2));
    let theirs = Arc::clone(&start);
    let thread = thread::spawn(move || {
        theirs.wait();
        registrations.iter().filter(|registration| registration.unregister()).count()
    });
    register(move || {
        start.wait();
    });
    let ran = run().ran();
    let taken_back = thread.join().expect("no panic");
    assert_eq!(ran - 1, RAN.load(Ordering::SeqCst));
    println!("{}", ran - 1 + taken_back);
}

fn chain(count: usize) {
    static RAN: AtomicUsize = AtomicUsize::new(0);
    fn link(left: usize) {
        RAN.fetch_add(1, Ordering::Relaxed);
        if left > 1 {
            register(move || link(left - 1));
        }
    }
    register(|| println!("{}", RAN.load(Ordering::Relaxed)));
    register(move || link(count));
}

fn many(count: usize) {
    static RAN: AtomicUsize = AtomicUsize::new(0);
    register(|| println!("{}", RAN.load(Ordering::Relaxed)));
    for number in (0..count).rev() {
        register(move || assert_eq!(RAN.fetch_add(1, Ordering::Relaxed), number));
    }
}
