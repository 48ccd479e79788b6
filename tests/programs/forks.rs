//! Forks; the first argument names the scene it plays.

use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use atexit_core::{Handler, at_exit, guard, register};

fn main() {
    let scene = std::env::args().nth(1).unwrap_or_default();
    let (_, play) = SCENES.iter().find(|(name, _)| *name == scene).expect("a scene of this name");
    play();
}

const SCENES: &[(&str, fn())] = &[
    ("inherited", inherited),
    ("ends_at_once", ends_at_once),
    ("becomes_another_program", becomes_another_program),
    ("daemon", || daemon(true)),
    ("daemon_of_a_launcher_that_exits", || daemon(false)),
    ("this_process", this_process),
    ("guarded", guarded),
    ("in_handler", in_handler),
    ("in_handler_of_run", in_handler_of_run),
    ("on_caller", on_caller),
    ("between_places", between_places),
    ("cleared", cleared),
    ("with_limits", with_limits),
    ("during_run", during_run),
    ("while_exiting", while_exiting),
    ("while_others_register", while_others_register),
    ("while_the_loader_is_locked", while_the_loader_is_locked),
];

static DECLARED: AtomicBool = AtomicBool::new(false);

#[at_exit(this_process)]
fn only_in_the_parent() {
    if DECLARED.load(Ordering::Relaxed) {
        eprintln!("{}: declared", who());
    }
}

/// Both may have the same number.
static IS_CHILD: AtomicBool = AtomicBool::new(false);

/// `parent` or `child`.
fn who() -> &'static str {
    if IS_CHILD.load(Ordering::Relaxed) { "child" } else { "parent" }
}

/// Forks; the parent waits for the child to end, and says how it did. `true` in the child. If the second argument says so, the child is process 1
/// of a namespace.
fn fork() -> bool {
    if std::env::args().nth(2).as_deref() == Some("to_process_1") {
        // SAFETY: Linux; it concerns the children of this thread, which can start no threads from now on.
        assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWPID) }, 0);
    }
    // SAFETY: these tests are about just what the child does.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        IS_CHILD.store(true, Ordering::Relaxed);
    } else {
        let mut status = 0;
        // SAFETY: POSIX; the child is ours.
        unsafe { libc::waitpid(pid, &raw mut status, 0) };
        assert!(libc::WIFEXITED(status), "the child exits");
        eprintln!("parent: the child exited with {}", libc::WEXITSTATUS(status));
    }
    pid == 0
}

fn forks() {
    fork();
}

fn inherited() {
    register(|| eprintln!("{}: older", who()));
    register(|| eprintln!("{}: younger", who()));
    if fork() {
        register(|| eprintln!("{}: registered in the child", who()));
        std::process::exit(3);
    }
}

fn ends_at_once() {
    register(|| eprintln!("{}: handler", who()));
    if fork() {
        // SAFETY: POSIX allows it anywhere.
        unsafe { libc::_exit(3) };
    }
}

fn becomes_another_program() {
    use std::os::unix::process::CommandExt as _;
    register(|| eprintln!("{}: handler", who()));
    if fork() {
        eprintln!("{}", std::process::Command::new("true").exec());
    }
}

/// The launcher does not wait for the daemon, but the reader of its pipe does.
fn daemon(at_once: bool) {
    DECLARED.store(true, Ordering::Relaxed);
    register(|| eprintln!("{}: too early", who()));
    let (mut end_of_launcher, launcher) = UnixStream::pair().expect("a pair");
    // SAFETY: these tests are about just what the child does.
    if unsafe { libc::fork() } != 0 {
        if at_once {
            // SAFETY: POSIX allows it anywhere.
            unsafe { libc::_exit(0) };
        }
        return std::mem::forget(launcher); // the end of the process closes it
    }
    IS_CHILD.store(true, Ordering::Relaxed);
    drop(launcher);
    assert_eq!(end_of_launcher.read_to_end(&mut Vec::new()).expect("its end"), 0);
    Handler::new(|| eprintln!("{}: registered", who())).this_process().register();
}

struct Captured;

impl Drop for Captured {
    fn drop(&mut self) {
        eprintln!("{}: captures dropped", who());
    }
}

fn this_process() {
    DECLARED.store(true, Ordering::Relaxed);
    let captured = Captured;
    Handler::new(move || {
        let _captured = &captured;
        eprintln!("{}: registered", who());
    })
    .this_process()
    .register();
    register(|| eprintln!("{}: everywhere", who()));
    fork();
}

fn guarded() {
    let guard = guard(|| eprintln!("{}: guarded", who()));
    if fork() {
        drop(guard);
        eprintln!("child: dropped its copy");
    }
}

/// As in C, the child continues where the parent was: in the handler, and then in the remaining ones.
fn in_handler() {
    register(|| eprintln!("{}: the rest", who()));
    register(|| {
        fork();
        eprintln!("{}: the handler goes on", who());
    });
    std::process::exit(3);
}

fn in_handler_of_run() {
    register(|| eprintln!("{}: the rest", who()));
    register(|| {
        fork();
    });
    let report = atexit_core::run();
    eprintln!("{}: {} ran", who(), report.ran());
}

/// The exit thread that ran the first handler belongs to the parent.
fn on_caller() {
    register(|| eprintln!("{}: the rest", who()));
    Handler::new(forks).caller_thread().register();
    register(|| eprintln!("{}: before the fork", who()));
}

/// The rest belongs to the exiting thread, which the child does not have.
fn between_places() {
    register(|| eprintln!("{}: the rest", who()));
    Handler::new(|| eprintln!("{}: on the caller", who())).caller_thread().register();
    register(forks);
}

/// Unregistering the parent's handlers in the child drops nothing.
fn cleared() {
    let captured = Captured;
    let registration = Handler::new(move || drop(captured)).this_process().register();
    let guard = guard(|| eprintln!("{}: guarded", who()));
    if fork() {
        eprintln!("child: {} pending", atexit_core::pending());
        assert!(!registration.unregister());
        guard.cancel();
        assert_eq!(atexit_core::clear(), 0);
    }
}

fn with_limits() {
    let limit = std::time::Duration::from_secs(60);
    Handler::new(|| eprintln!("{}: the rest", who())).time_limit(limit).register();
    Handler::new(forks).time_limit(limit).register();
}

/// Forks on one thread while another one runs handlers: the child does not wait for that thread.
fn during_run() {
    static IN_RUN: std::sync::Barrier = std::sync::Barrier::new(2);
    static FORKED: std::sync::Barrier = std::sync::Barrier::new(2);
    register(|| eprintln!("{}: the rest", who()));
    register(|| {
        IN_RUN.wait();
        FORKED.wait();
    });
    let runs = thread::spawn(atexit_core::run);
    IN_RUN.wait();
    if fork() {
        return;
    }
    FORKED.wait();
    runs.join().expect("no panic");
}

/// Forks on one thread while another exits: the child exits by itself, with the remaining handlers.
fn while_exiting() {
    static EXITING: std::sync::Barrier = std::sync::Barrier::new(2);
    static FORKED: std::sync::Barrier = std::sync::Barrier::new(2);
    register(|| eprintln!("{}: the rest", who()));
    register(|| {
        EXITING.wait();
        FORKED.wait();
        eprintln!("{}: the handler ends", who());
    });
    thread::spawn(|| {
        EXITING.wait();
        if fork() {
            // Neither std's exit nor C's, which another thread was inside.
            atexit_core::exit(3);
        }
        FORKED.wait();
    });
}

/// Every lock that a child may find locked is locked all the time. The status of a child is that of its handler.
/// No thread starts meanwhile: std takes a lock of its own there, which it also takes at its exit.
fn while_others_register() {
    static OVER: AtomicBool = AtomicBool::new(false);
    static STARTED: std::sync::Barrier = std::sync::Barrier::new(5);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(|| {
                STARTED.wait();
                while !OVER.load(Ordering::Relaxed) {
                    let registration = register(|| ());
                    let _ = atexit_core::pending();
                    atexit_core::configure(atexit_core::Config::new());
                    registration.unregister();
                }
            })
        })
        .collect();
    STARTED.wait();
    for _ in 0..40 {
        // SAFETY: as above.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            register(|| atexit_core::exit(7));
            std::process::exit(0);
        }
        let mut status = 0;
        // SAFETY: as above.
        unsafe { libc::waitpid(pid, &raw mut status, 0) };
        assert_eq!(libc::WEXITSTATUS(status), 7);
    }
    OVER.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().expect("no panic");
    }
    eprintln!("40 children");
}

/// By another thread that looks at the loaded objects, as a profiler does, and keeps the lock.
fn while_the_loader_is_locked() {
    static IS_LOCKED: AtomicBool = AtomicBool::new(false);
    unsafe extern "C" fn keep(_: *mut libc::dl_phdr_info, _: usize, _: *mut libc::c_void) -> libc::c_int {
        IS_LOCKED.store(true, Ordering::Release);
        loop {
            thread::park();
        }
    }
    register(|| eprintln!("{}: handler", who()));
    thread::spawn(|| {
        // SAFETY: the function gets a pointer that it does not read.
        unsafe { libc::dl_iterate_phdr(Some(keep), std::ptr::null_mut()) };
    });
    while !IS_LOCKED.load(Ordering::Acquire) {
        thread::yield_now();
    }
    if fork() {
        std::process::exit(3);
    }
}
