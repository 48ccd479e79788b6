//! Is ended by signals; the first argument says which of its scenes it plays. It says `ready` when it can be killed.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use atexit_core::signals::{install, install_for};
use atexit_core::{Handler, cause, register};

fn main() {
    let scene = std::env::args().nth(1).unwrap_or_default();
    let (_, play) = SCENES.iter().find(|(name, _)| *name == scene).expect("a scene of this name");
    play();
}

const SCENES: &[(&str, fn())] = &[
    ("waits", || wait(false)),
    ("kills_itself", kills_itself),
    ("holds_stdout", || wait(true)),
    ("holds_stdout_and_prints", holds_stdout_and_prints),
    ("ignored", ignored),
    ("own_handler", own_handler),
    ("hangs", hangs),
    ("exits", exits),
    ("fails", fails),
    ("on_caller", on_caller),
    ("main_returns", main_returns),
    ("then_returns", then_returns),
    ("in_handler", in_handler),
    ("child", child),
    ("child_installs", child_installs),
];

fn say_why() {
    eprintln!("{:?} on {}", cause(), thread::current().name().unwrap_or("?"));
}

/// Sits in a system call, twice installed, until it is killed.
fn wait(holds_stdout: bool) {
    register(say_why);
    install().expect("installed");
    install().expect("installed");
    install_for(&[libc::SIGUSR1]).expect("installed");
    let mut out = io::stdout().lock();
    ready_on(&mut out);
    if !holds_stdout {
        drop(out);
    }
    block();
}

fn ready_on(out: &mut impl io::Write) {
    writeln!(out, "ready").and_then(|()| out.flush()).expect("stdout");
}

fn ready() {
    ready_on(&mut io::stdout());
}

fn block() {
    let _ = io::stdin().read(&mut [0]);
}

fn park() -> ! {
    loop {
        thread::park();
    }
}

fn kills_itself() {
    register(say_why);
    install().expect("installed");
    ready();
    // SAFETY: POSIX.
    unsafe { libc::kill(libc::getpid(), libc::SIGTERM) };
    block();
}

fn holds_stdout_and_prints() {
    register(|| eprintln!("the next one"));
    Handler::new(|| println!("never printed")).name("prints").register();
    install().expect("installed");
    let mut out = io::stdout().lock();
    ready_on(&mut out);
    block();
}

fn ignored() {
    register(say_why);
    // SAFETY: POSIX; it is what `nohup` does.
    unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
    install().expect("installed");
    install_for(&[libc::SIGPIPE]).expect("Rust ignores it");
    ready();
    block();
}

static OWN: AtomicBool = AtomicBool::new(false);

fn own_handler() {
    extern "C" fn own(_: i32) {
        OWN.store(true, Ordering::SeqCst);
    }
    register(|| eprintln!("the program's own handler ran: {}", OWN.load(Ordering::SeqCst)));
    // SAFETY: POSIX; the handler only stores.
    unsafe { libc::signal(libc::SIGTERM, own as *const () as libc::sighandler_t) };
    install().expect("installed");
    ready();
    loop {
        block();
    }
}

/// Says so when its handler has begun.
fn hangs() {
    register(|| eprintln!("never"));
    register(|| {
        println!("hangs");
        park();
    });
    install().expect("installed");
    ready();
    block();
}

fn exits() {
    register(|| eprintln!("the rest"));
    register(|| atexit_core::exit(9));
    install().expect("installed");
    ready();
    block();
}

fn fails() {
    Handler::new(|| Err::<(), _>("bad")).name("fails").register();
    install().expect("installed");
    ready();
    block();
}

fn on_caller() {
    Handler::new(say_why).caller_thread().register();
    install().expect("installed");
    ready();
    block();
}

/// `main` returns while the handlers run because of a signal.
fn main_returns() {
    static RETURNING: std::sync::Barrier = std::sync::Barrier::new(2);
    register(|| eprintln!("the rest"));
    register(|| {
        RETURNING.wait();
    });
    install().expect("installed");
    ready();
    RETURNING.wait();
}

/// The signal and the return from `main` come together: whichever is first, the process dies by the signal.
fn then_returns() {
    register(|| eprintln!("ran"));
    install().expect("installed");
    ready();
    // SAFETY: POSIX.
    unsafe { libc::raise(libc::SIGTERM) };
}

fn in_handler() {
    register(|| eprintln!("the rest"));
    // SAFETY: POSIX.
    register(|| assert_eq!(unsafe { libc::raise(libc::SIGINT) }, 0));
    install().expect("installed");
    ready();
}

fn fork() -> libc::pid_t {
    // SAFETY: what the child does is what these tests are about.
    unsafe { libc::fork() }
}

/// The child only waits; its parent kills it, and says how it died.
fn child() {
    install().expect("installed");
    register(|| eprintln!("parent's handler"));
    let pid = fork();
    if pid == 0 {
        park();
    }
    report_death(pid);
    atexit_core::clear();
}

fn child_installs() {
    install().expect("installed");
    register(say_why);
    let (mut theirs, mut ours) = UnixStream::pair().expect("a pair of sockets");
    let pid = fork();
    if pid == 0 {
        install().expect("installed");
        ours.write_all(&[0]).expect("a pipe");
        park();
    }
    theirs.read_exact(&mut [0]).expect("the child is ready");
    report_death(pid);
    atexit_core::clear();
}

fn report_death(pid: libc::pid_t) {
    let mut status = 0;
    // SAFETY: POSIX; the child is ours.
    unsafe {
        libc::kill(pid, libc::SIGTERM);
        libc::waitpid(pid, &raw mut status, 0);
    }
    println!("signal {}", libc::WTERMSIG(status));
}
