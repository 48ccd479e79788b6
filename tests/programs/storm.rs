//! Ends from many threads at once, with many handlers; the first argument names the scene it plays.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use atexit_core::{Config, Event, Handler, configure, register, run, signals};

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let scene = args.next().unwrap_or_default();
    let number = args.next().and_then(|number| number.parse().ok()).unwrap_or_default();
    let (_, play) = SCENES.iter().find(|(name, _)| *name == scene).expect("a scene of this name");
    play(number);
    ExitCode::from(if scene == "exits_and_returns" { 7 } else { 0 })
}

/// A scene, how it is played, and a number for it.
type Scene = (&'static str, fn(usize));

const SCENES: &[Scene] = &[
    ("exits", |count| {
        exits(count, false);
        std::process::exit(7)
    }),
    ("exits_while_others_ask", exits_while_others_ask),
    ("fails", fails),
    ("exits_and_returns", |count| exits(count, true)),
    ("registers_for_ever", registers_for_ever),
    ("too_late", too_late),
    ("changes_during_the_run", changes_during_the_run),
    ("changes_at_exit", changes_at_exit),
    ("chain", chain),
    ("many", many),
    ("many_at_once", many_at_once),
];

/// This many threads end the process at once, each in its own way; each handler prints its number. At most one signal is sent: a second
/// one kills at once.
fn exits(count: usize, signal: bool) {
    for number in 0..100 {
        register(move || println!("{number}"));
    }
    if signal {
        signals::install().expect("installed");
    }
    let start = Arc::new(Barrier::new(count + 1));
    for number in 0..count {
        let start = Arc::clone(&start);
        thread::spawn(move || {
            start.wait();
            match number % 4 {
                // SAFETY: POSIX.
                _ if signal && number == 0 => assert_eq!(unsafe { libc::kill(libc::getpid(), libc::SIGTERM) }, 0),
                0 => std::process::exit(7),
                1 => atexit_core::exit(7),
                // SAFETY: ISO C; the test is about several threads at once.
                2 => unsafe { libc::exit(7) },
                _ => drop(run()),
            }
        });
    }
    start.wait();
}

/// This many threads call C's `exit` with 0 at once, and a handler fails.
fn fails(count: usize) {
    Handler::new(|| Err::<(), _>("broken")).name("fails").register();
    let start = Arc::new(Barrier::new(count));
    for _ in 0..count {
        let start = Arc::clone(&start);
        thread::spawn(move || {
            start.wait();
            // SAFETY: ISO C; the test is about several threads at once.
            unsafe { libc::exit(0) }
        });
    }
    loop {
        thread::park();
    }
}

/// Other threads keep asking what the first exiting thread has to ask, so that many threads enter C's `exit` before it has an answer.
fn exits_while_others_ask(count: usize) {
    for _ in 0..4 {
        thread::spawn(|| {
            loop {
                let _ = atexit_core::pending();
            }
        });
    }
    exits(count, false);
    std::process::exit(7);
}

/// Threads that register forever cannot keep the process alive.
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

/// Another thread registers in the first round, and as many in the extra one, of which it unregisters one.
fn too_late(count: usize) {
    static REGISTERED: Barrier = Barrier::new(2);
    static FURTHER: Barrier = Barrier::new(2);
    static TOO_LATE: Barrier = Barrier::new(2);
    register(|| {
        println!("first round");
        REGISTERED.wait();
    });
    register(move || {
        thread::spawn(move || {
            register(|| {
                println!("further round");
                FURTHER.wait();
                TOO_LATE.wait();
            });
            REGISTERED.wait();
            FURTHER.wait();
            let registrations: Vec<_> = (0..=count).map(|_| register(|| println!("never"))).collect();
            assert!(registrations[0].unregister());
            TOO_LATE.wait();
        });
    });
}

/// Handlers are unregistered, oldest first, while others run, youngest first: each has exactly one fate.
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

/// While the process exits, other threads register handlers and unregister every second one: each has exactly one fate, too.
fn changes_at_exit(count: usize) {
    const THREADS: usize = 4;
    static RAN: AtomicUsize = AtomicUsize::new(0);
    static TAKEN_BACK: AtomicUsize = AtomicUsize::new(0);
    static BEGIN: Barrier = Barrier::new(THREADS + 1);
    static END: Barrier = Barrier::new(THREADS + 1);
    fn runs() {
        RAN.fetch_add(1, Ordering::SeqCst);
    }
    configure(Config::new().observer(|event| {
        if matches!(event, Event::RunFinished { .. }) {
            println!("{}", RAN.load(Ordering::SeqCst) + TAKEN_BACK.load(Ordering::SeqCst));
        }
    }));
    register(|| {
        END.wait();
    });
    for _ in 0..count {
        register(runs);
    }
    register(|| {
        BEGIN.wait();
    });
    for _ in 0..THREADS {
        thread::spawn(move || {
            BEGIN.wait();
            for number in 0..count {
                let registration = register(runs);
                let taken_back = number % 2 == 0 && registration.unregister();
                TAKEN_BACK.fetch_add(usize::from(taken_back), Ordering::SeqCst);
            }
            END.wait();
        });
    }
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

/// Four threads register so many handlers at once, and unregister every fourth of their own after a while.
fn many_at_once(count: usize) {
    let runs: &'static [AtomicUsize] = Vec::leak((0..count).map(|_| AtomicUsize::new(0)).collect());
    let is_unregistered = |number| number / 4 % 4 == 0;
    register(move || {
        let expected = |&number: &usize| usize::from(!is_unregistered(number));
        let wrong = (0..count).filter(|number| runs[*number].load(Ordering::Relaxed) != expected(number)).count();
        println!("{wrong} of {count} are wrong");
    });
    let start = Barrier::new(4);
    thread::scope(|scope| {
        for first in 0..4 {
            let start = &start;
            scope.spawn(move || {
                let mut unwanted = Vec::new();
                start.wait();
                for number in (first..count).step_by(4) {
                    let registration = register(move || {
                        runs[number].fetch_add(1, Ordering::Relaxed);
                    });
                    if is_unregistered(number) {
                        unwanted.push(registration);
                    }
                    if unwanted.len() == 100 {
                        assert!(unwanted.drain(..).all(|registration| registration.unregister()));
                    }
                }
                assert!(unwanted.drain(..).all(|registration| registration.unregister()));
            });
        }
    });
}
