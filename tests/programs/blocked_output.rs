//! Ends while nobody reads its output; the first argument names the scene it plays.
//!
//! Handlers report to standard input, which is a socket: the one stream that takes anything here.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use atexit_core::{Config, Handler, configure, guard, register, run, signals};

fn main() {
    let scene = std::env::args().nth(1).unwrap_or_default();
    let (_, play) = SCENES.iter().find(|(name, _)| *name == scene).expect("a scene of this name");
    play();
}

const SCENES: &[(&str, fn())] = &[
    ("succeeds", succeeds),
    ("hangs_past_the_notice", || until_the_deadline(PAST_THE_NOTICE, hang, false)),
    ("caller_hangs_past_the_notice", || until_the_deadline(PAST_THE_NOTICE, hang, true)),
    ("limit_past_the_notice", || until_its_limit(Duration::from_secs(11), hang)),
    ("limit_between_notice_and_deadline", limit_between_notice_and_deadline),
    ("hangs", || until_the_deadline(SECOND, hang, false)),
    ("caller_hangs", || until_the_deadline(SECOND, hang, true)),
    ("limit", || until_its_limit(LIMIT, hang)),
    ("limit_and_deadline", limit_and_deadline),
    ("fails_and_exceeds", fails_and_exceeds),
    ("fails_and_exits", fails_and_exits),
    ("fails", fails),
    ("fails_and_waits", fails_and_waits),
    ("fails_often", fails_often),
    ("run_fails", run_fails),
    ("guard_fails", guard_fails),
    ("signal", || fails_by_a_signal(None)),
    ("signal_and_deadline", || fails_by_a_signal(Some(SECOND))),
    ("prints", || until_the_deadline(SECOND, to_stdout, false)),
    ("eprints", || until_the_deadline(SECOND, to_stderr, false)),
    ("caller_prints", || until_the_deadline(SECOND, to_stdout, true)),
    ("caller_eprints", || until_the_deadline(SECOND, to_stderr, true)),
    ("prints_with_limit", || until_its_limit(LIMIT, to_stdout)),
    ("eprints_with_limit", || until_its_limit(LIMIT, to_stderr)),
    ("two_print_with_limit", || two_until_their_limit(to_stdout)),
    ("two_eprint_with_limit", || two_until_their_limit(to_stderr)),
    ("panics_with_limit", || until_its_limit(LIMIT, panics)),
    ("flush", || leaves_something_to_flush(None)),
    ("flush_and_deadline", || leaves_something_to_flush(Some(SECOND))),
    ("flush_of_a_run_and_deadline_of_an_exit", flush_of_a_run_and_deadline_of_an_exit),
    ("fails_at_length", || fails_at_length(None)),
    ("fails_at_length_and_deadline_soon", || fails_at_length(Some(SECOND))),
    ("fails_at_length_and_deadline_late", || fails_at_length(Some(Duration::from_secs(20)))),
];

const SECOND: Duration = Duration::from_secs(1);

const LIMIT: Duration = Duration::from_millis(300);

/// The first notice of a handler that hangs comes after 10 s.
const PAST_THE_NOTICE: Duration = Duration::from_secs(12);

fn tell(what: &str) {
    let channel = io::stdin().as_fd().try_clone_to_owned().expect("a descriptor");
    File::from(channel).write_all(format!("{what}\n").as_bytes()).expect("the socket takes it");
}

fn tells(what: &'static str) {
    Handler::new(move || tell(what)).name(what).register();
}

fn deadline(deadline: Duration) {
    configure(Config::new().deadline(deadline));
}

fn hang() {
    loop {
        thread::park();
    }
}

fn to_stdout() {
    println!("a handler's own words");
}

fn to_stderr() {
    eprintln!("a handler's own words");
}

fn panics() {
    panic!("the panic hook has the word");
}

fn err() -> Result<(), &'static str> {
    tell("fails");
    Err("bad")
}

fn succeeds() {
    tells("older");
    tells("younger");
}

/// The handler never ends: it hangs, or prints to a stream that nobody reads.
fn until_the_deadline(after: Duration, handler: fn(), caller: bool) {
    deadline(after);
    tells("older");
    let handler = Handler::new(handler).name("hangs");
    if caller {
        handler.caller_thread().register()
    } else {
        handler.register()
    };
}

fn until_its_limit(limit: Duration, handler: fn()) {
    tells("older");
    Handler::new(handler).name("hangs").time_limit(limit).register();
}

/// The first one that is abandoned holds the stream for good.
fn two_until_their_limit(handler: fn()) {
    until_its_limit(LIMIT, handler);
    Handler::new(handler).name("hangs first").time_limit(LIMIT).register();
}

fn limit_and_deadline() {
    deadline(2 * SECOND);
    until_its_limit(LIMIT, hang);
}

/// Anything that delays the limit until the deadline keeps the older handler from running.
fn limit_between_notice_and_deadline() {
    deadline(Duration::from_secs(19));
    until_its_limit(Duration::from_secs(11), hang);
}

fn fails_and_exceeds() {
    deadline(2 * SECOND);
    tells("older");
    Handler::new(err).name("fails").register();
    Handler::new(hang).name("hangs").time_limit(LIMIT).register();
}

fn fails_and_exits() {
    deadline(2 * SECOND);
    tells("older");
    Handler::new(err).name("fails").register();
    std::process::exit(5);
}

/// There is something to write at once, and more at the end; the last failure has a status of its own.
fn fails() {
    tells("older");
    let returns = || {
        tell("returns");
        ExitCode::from(3)
    };
    Handler::new(returns).name("returns").register();
    Handler::new(err).name("fails").register();
}

/// Between the output written at once and the output at the end, a handler waits for the other side of the channel.
fn fails_and_waits() {
    Handler::new(|| {
        tell("waits");
        io::stdin().read_exact(&mut [0])
    })
    .register();
    let fails_early = || Err::<(), _>("bad");
    Handler::new(fails_early).name("fails").register();
}

/// A run called by the program has no deadline.
fn run_fails() {
    Handler::new(err).name("fails").register();
    assert_eq!(atexit_core::run().failures().len(), 1);
    tells("older");
}

/// Long before the exit, and not a failure of a run.
fn guard_fails() {
    tells("older");
    drop(guard(err));
}

fn fails_by_a_signal(after: Option<Duration>) {
    signals::install().expect("installed");
    if let Some(after) = after {
        deadline(after);
    }
    tells("older");
    Handler::new(err).name("fails").register();
    // SAFETY: POSIX.
    unsafe { libc::raise(libc::SIGTERM) };
    hang();
}

fn leaves_something_to_flush(after: Option<Duration>) {
    if let Some(after) = after {
        deadline(after);
    }
    register(|| {
        print!("no line break");
        tell("older");
    });
    // SAFETY: ISO C. Unlike std's, this exit leaves a buffer to Rust's stdout.
    unsafe { libc::exit(0) }
}

/// The handler that ran last has ended when the deadline comes, although the run has not.
fn flush_of_a_run_and_deadline_of_an_exit() {
    deadline(SECOND);
    let ends = || {
        thread::spawn(|| atexit_core::exit(0));
        tell("ended");
    };
    Handler::new(ends).caller_thread().last().register();
    register(|| print!("no line break"));
    run();
    hang();
}

/// Each failure's message is as long as a pipe takes at once.
fn fails_often() {
    for _ in 0..50 {
        register(|| Err::<(), _>("x".repeat(4000)));
    }
}

/// The message is longer than any pipe.
fn fails_at_length(after: Option<Duration>) {
    if let Some(after) = after {
        deadline(after);
    }
    tells("older");
    let lengthy = || {
        tell("fails");
        Err::<(), _>("x".repeat(100_000))
    };
    Handler::new(lengthy).name("fails").register();
}
