//! Ends while the system refuses something; the first argument says which of its scenes it plays.

use std::io;

use atexit_core::signals::{self, SignalError};
use atexit_core::{Handler, register};

fn main() {
    std::panic::set_hook(Box::new(|_| {})); // what is looked at here is what the library says
    let scene = std::env::args().nth(1).unwrap_or_default();
    let (_, play) = SCENES.iter().find(|(name, _)| *name == scene).expect("a scene of this name");
    play();
}

const SCENES: &[(&str, fn())] = &[
    ("no_memory", no_memory),
    ("no_descriptors", no_descriptors),
    ("no_descriptors_for_signals", no_descriptors_for_signals),
    ("fails", fails),
    ("prints", prints),
    ("partial_line", partial_line),
    ("closed", closed),
    ("default_sigpipe", default_sigpipe),
    ("runs_twice", runs_twice),
];

/// A handler that leaves a trace behind even where nothing can be printed: the status is how many there were.
fn counts() {
    static COUNT: std::sync::Mutex<i32> = std::sync::Mutex::new(40);
    let mut count = COUNT.lock().expect("no panic");
    *count += 1;
    let count_so_far = *count;
    drop(count);
    atexit_core::exit(count_so_far);
}

fn limit(resource: libc::__rlimit_resource_t, value: libc::rlim_t) {
    let limit = libc::rlimit { rlim_cur: value, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: both structures are whole.
    unsafe {
        let mut before = limit;
        assert_eq!(libc::getrlimit(resource, &raw mut before), 0);
        let limit = libc::rlimit { rlim_max: before.rlim_max, ..limit };
        assert_eq!(libc::setrlimit(resource, &raw const limit), 0);
    }
}

/// Registers until no memory is left, which is soon.
fn no_memory() {
    register(|| println!("never"));
    let status = std::fs::read_to_string("/proc/self/statm").expect("procfs");
    let pages: libc::rlim_t = status.split(' ').next().and_then(|pages| pages.parse().ok()).expect("a number");
    limit(libc::RLIMIT_AS, pages * 4096 + (64 << 20));
    loop {
        let ballast = vec![0_u8; 1 << 10];
        register(move || println!("{}", ballast.len()));
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
    let refused = signals::install();
    assert!(matches!(&refused, Err(SignalError::System(_))), "{refused:?}");
    println!("refused: {}", refused.expect_err("as above"));
    limit(libc::RLIMIT_NOFILE, 64);
    println!("{:?}", signals::install());
}

/// Failures of each kind, of which the library has much to say, between handlers that count.
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

/// What is left in the buffer of standard output is for the library to flush: C's `exit` knows nothing of it.
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
