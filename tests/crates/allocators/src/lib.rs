//! Forks with the allocator of the program that calls this; the first argument names the scene it plays.

use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use atexit_core::{Handler, guard, register, run};

/// Plays the scene that the first argument names.
///
/// # Panics
///
/// If there is none, or something fails.
pub fn play() {
    let _guard = guard(|| println!("guarded"));
    Handler::new(|| ()).name(String::from("forgotten in a child")).this_process().register();
    let scene = std::env::args().nth(1).unwrap_or_default();
    let (_, play) = SCENES.iter().find(|(name, _)| *name == scene).expect("a scene of this name");
    play();
}

const SCENES: &[(&str, fn())] = &[
    ("command_of_a_user", command_of_a_user),
    ("pre_exec", pre_exec),
    ("in_a_handler", in_a_handler),
    ("in_a_run", in_a_run),
    ("while_others_register", while_others_register),
];

/// Makes std fork; otherwise it would have the system spawn.
fn command_of_a_user() {
    // SAFETY: POSIX.
    let user = unsafe { libc::getuid() };
    for _ in 0..20 {
        assert!(Command::new("true").uid(user).status().expect("it starts").success());
    }
}

fn pre_exec() {
    for _ in 0..20 {
        let mut command = Command::new("true");
        // SAFETY: the function does nothing.
        unsafe { command.pre_exec(|| Ok(())) };
        assert!(command.status().expect("it starts").success());
    }
}

/// Forks; the child ends with what its last handler reports.
fn fork() {
    // SAFETY: the test is about just what the child does.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        register(|| atexit_core::exit(7));
        atexit_core::exit(0);
    }
    let mut status = 0;
    // SAFETY: POSIX; the child is ours.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    assert_eq!(libc::WEXITSTATUS(status), 7);
}

fn in_a_handler() {
    register(fork);
}

fn in_a_run() {
    register(fork);
    assert_eq!(run().ran(), 3);
}

fn while_others_register() {
    // No thread starts meanwhile: std takes a lock of its own there, which it also takes at its exit.
    static OVER: AtomicBool = AtomicBool::new(false);
    static STARTED: Barrier = Barrier::new(4);
    let others = [0; 3].map(|_| {
        thread::spawn(|| {
            STARTED.wait();
            while !OVER.load(Ordering::Relaxed) {
                let words = [1_usize; 8]; // too large to fit without an allocation
                let many: Vec<_> = (0..100).map(|_| register(move || assert_eq!(words.len(), 8))).collect();
                assert!(many.iter().all(atexit_core::Registration::unregister));
            }
        })
    });
    STARTED.wait();
    (0..50).for_each(|_| fork());
    OVER.store(true, Ordering::Relaxed);
    for other in others {
        other.join().expect("no panic");
    }
}
