//! Ends while the system refuses something; the first argument names the scene it plays.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};
use std::{io, thread};

use atexit_core::signals::{self, SignalError};
use atexit_core::{Handler, cause, register, run};

fn main() {
    std::panic::set_hook(Box::new(|_| {})); // only the library's own output matters here
    let scene = std::env::args().nth(1).unwrap_or_default();
    let (_, play) = SCENES.iter().find(|(name, _)| *name == scene).expect("a scene of this name");
    play();
}

const SCENES: &[(&str, fn())] = &[
    ("no_memory", no_memory),
    ("no_memory_during_the_run", no_memory_during_the_run),
    ("memory_used_up_by_a_handler", memory_used_up_by_a_handler),
    ("no_thread", no_thread),
    ("no_thread_to_watch", no_thread_to_watch),
    ("no_thread_for_run", no_thread_for_run),
    ("no_thread_for_signals", no_thread_for_signals),
    ("no_thread_after_signals", no_thread_after_signals),
    ("no_descriptors", no_descriptors),
    ("no_descriptors_for_signals", no_descriptors_for_signals),
    ("fails", fails),
    ("prints", prints),
    ("partial_line", partial_line),
    ("closed", closed),
    ("default_sigpipe", default_sigpipe),
    ("runs_twice", runs_twice),
];

/// A handler that leaves a trace even if nothing can be printed: the status is how many there were.
fn counts() {
    static COUNT: std::sync::Mutex<i32> = std::sync::Mutex::new(40);
    let mut count = COUNT.lock().expect("no panic");
    *count += 1;
    let count_so_far = *count;
    drop(count);
    atexit_core::exit(count_so_far);
}

#[cfg(target_env = "gnu")]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
type Resource = libc::c_int;

fn limit(resource: Resource, value: libc::rlim_t) {
    let limit = libc::rlimit { rlim_cur: value, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: both structures are complete.
    unsafe {
        let mut before = limit;
        assert_eq!(libc::getrlimit(resource, &raw mut before), 0);
        let limit = libc::rlimit { rlim_max: before.rlim_max, ..limit };
        assert_eq!(libc::setrlimit(resource, &raw const limit), 0);
    }
}

/// Leaves this much memory, and no more.
fn leave_memory(bytes: libc::rlim_t) {
    let status = std::fs::read_to_string("/proc/self/statm").expect("procfs");
    let pages: libc::rlim_t = status.split(' ').next().and_then(|pages| pages.parse().ok()).expect("a number");
    limit(libc::RLIMIT_AS, pages * 4096 + bytes);
}

fn register_for_ever() {
    loop {
        let ballast = vec![0_u8; 1 << 10];
        register(move || println!("{}", ballast.len()));
    }
}

/// Registers until no memory is left, which is soon.
fn no_memory() {
    register(|| println!("never"));
    leave_memory(64 << 20);
    register_for_ever();
}

/// A handler finds no memory for a registration: the process ends, and does not start its run again.
fn no_memory_during_the_run() {
    register(|| println!("never"));
    register(register_for_ever);
    register(|| println!("younger"));
    leave_memory(64 << 20);
}

/// A handler takes all memory, and copes: the handlers after it need none, and neither does the thread that watches them.
fn memory_used_up_by_a_handler() {
    for _ in 0..100 {
        register(|| println!("older"));
    }
    register(|| {
        let waits = waits_of_main();
        while waits_of_main() < waits + 3 {
            thread::yield_now();
        }
        println!("was looked at");
    });
    register(|| {
        leave_memory(16 << 20);
        let mut size = 1 << 20;
        while size > 0 {
            let mut taken = Vec::<u8>::new();
            match taken.try_reserve_exact(size) {
                Ok(()) => std::mem::forget(taken),
                Err(_) => size /= 2,
            }
        }
        println!("used up");
    });
}

/// How often the main thread has waited, which it does between two checks of the handlers. Allocates nothing.
fn waits_of_main() -> usize {
    let mut path = [0; 64];
    write!(&mut path[..], "/proc/self/task/{}/status", std::process::id()).expect("room");
    let path = std::str::from_utf8(&path).expect("ASCII").trim_end_matches('\0');
    let mut status = [0; 4096];
    let length = File::open(path).and_then(|mut file| file.read(&mut status)).expect("procfs");
    let status = std::str::from_utf8(&status[..length]).expect("ASCII");
    let waits = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).expect("known");
    waits.trim().parse().expect("a number")
}

/// From here on no thread can be started, whichever user runs this.
fn forbid_threads() {
    // The limit does not bind root. Whether it works is tried below, whatever this returns.
    // SAFETY: POSIX; nothing here needs root's rights.
    unsafe {
        if libc::geteuid() == 0 {
            libc::setuid(NOBODY);
        }
    }
    limit(libc::RLIMIT_NPROC, 0);
    let refused = thread::Builder::new().spawn(|| ()).map(drop);
    if refused.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
        return;
    }
    // The rest would prove nothing.
    println!("threads can be started: {refused:?}");
    std::process::abort();
}

/// Any user except root; this one has no rights on most systems.
const NOBODY: u32 = 65534;

fn say_where(what: &str) {
    println!("{what} on {}: {:?}", thread::current().name().unwrap_or("?"), cause());
}

/// Handlers of each kind, some of which would get the exit thread, others a watchdog.
fn no_thread() {
    atexit_core::configure(atexit_core::Config::new().deadline(Duration::from_secs(3600)));
    register(|| say_where("older"));
    Handler::new(spin).name("slow").time_limit(Duration::from_nanos(1)).register();
    Handler::new(|| say_where("caller")).caller_thread().register();
    Handler::new(|| panic!("boom")).name("panics").register();
    Handler::new(|| atexit_core::exit(5)).register();
    register(|| {
        register(|| say_where("registered"));
    });
    register(|| say_where("younger"));
    forbid_threads();
}

/// The deadline expires while a handler runs, and no thread can be started to watch it.
fn no_thread_to_watch() {
    const DEADLINE: Duration = Duration::from_millis(200);
    atexit_core::configure(atexit_core::Config::new().deadline(DEADLINE));
    Handler::new(|| say_where("older")).name("older").register();
    let sleeps = Handler::new(|| {
        thread::sleep(DEADLINE); // it starts later than the deadline does
        say_where("younger");
    });
    sleeps.name("sleeps").register();
    forbid_threads();
}

/// Longer than a limit of zero.
fn spin() {
    let start = Instant::now();
    while start.elapsed() <= Duration::from_millis(1) {}
}

fn no_thread_for_run() {
    register(|| say_where("older"));
    register(|| say_where("younger"));
    forbid_threads();
    println!("{} ran", run().ran());
    register(|| say_where("at exit"));
}

fn no_thread_for_signals() {
    register(|| say_where("handler"));
    forbid_threads();
    let refused = signals::install();
    assert!(matches!(&refused, Err(SignalError::System(_))), "{refused:?}");
    println!("refused: {}", refused.expect_err("as above"));
}

/// There is a thread already, which the signal wakes.
fn no_thread_after_signals() {
    register(|| say_where("older"));
    Handler::new(|| say_where("caller")).caller_thread().register();
    signals::install().expect("installed");
    forbid_threads();
    // SAFETY: POSIX.
    unsafe { libc::raise(libc::SIGTERM) };
    loop {
        thread::park();
    }
}

fn no_descriptors() {
    register(|| println!("older"));
    register(|| println!("younger"));
    limit(libc::RLIMIT_NOFILE, 0);
}

fn no_descriptors_for_signals() {
    register(|| println!("handler"));
    limit(libc::RLIMIT_NOFILE, 0);
    signals::install().expect("installed");
    // SAFETY: POSIX.
    unsafe { libc::raise(libc::SIGTERM) };
    loop {
        thread::park();
    }
}

/// Failures of each kind, with much to report, between handlers that count.
fn fails() {
    register(counts);
    Handler::new(|| Err::<(), _>(io::Error::other("bad"))).name("err").register();
    register(counts);
    Handler::new(|| panic!("boom")).name("panic").register();
    register(counts);
}

fn prints() {
    register(|| println!("older"));
    register(|| println!("younger"));
}

/// The library must flush the buffer of standard output: C's `exit` knows nothing about it.
fn partial_line() {
    register(counts);
    print!("a line without an end");
    // SAFETY: ISO C; no other thread exits.
    unsafe { libc::exit(0) }
}

fn closed() {
    fails();
    for descriptor in 0..3 {
        // SAFETY: nothing else in this program owns them.
        unsafe { libc::close(descriptor) };
    }
}

fn default_sigpipe() {
    // SAFETY: no handler is set, only the default that a C program has.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    register(|| println!("older"));
    register(|| Err::<(), _>("bad"));
    register(|| println!("younger"));
}

fn runs_twice() {
    register(|| println!("first"));
    atexit_core::run();
    register(|| println!("second"));
}
