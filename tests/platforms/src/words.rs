//! Owns what the words of a case set up: most register a handler that prints the word and does what it names.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::panic::panic_any;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::Duration;

use atexit_core::{Config, Handler, HandlerError, Outcome, configure, guard};

use crate::{spawn, split, system};

/// Where a handler and another thread meet, if there are two threads. It publishes nothing else.
pub(crate) static MEETING: Barrier = Barrier::new(2);
pub(crate) static ARE_TWO: AtomicBool = AtomicBool::new(false);

/// Does what this word says.
///
/// # Panics
///
/// If its number cannot be parsed.
pub fn set_up(word: &str) {
    let (name, number) = split(word);
    match name {
        "quiet" => drop(configure(Config::new().failure_status(false))),
        "limit" => drop(configure(Config::new().time_limit(milliseconds(number)))),
        "deadline" => drop(configure(Config::new().deadline(milliseconds(number)))),
        "guard" => std::mem::forget(guard(|| println!("guard"))),
        "dropped_guard" => drop(guard(|| println!("dropped guard"))),
        "unregistered" => drop(Handler::new(|| println!("never")).register().unregister()),
        "local" => use_local(),
        "run" => println!("{}", run()),
        "run_on_thread" => run_on_thread(),
        _ => register(word),
    }
}

fn register(word: &str) {
    let (is_caller, is_limited) = (word.contains("caller_"), word.contains("limited_"));
    let verb = word.replace("caller_", "").replace("limited_", "");
    let printed = word.to_owned();
    let mut handler = Handler::new(move || {
        println!("{printed}");
        act(&verb)
    });
    handler = handler.name(word);
    if is_limited {
        handler = handler.time_limit(Duration::from_millis(50));
    }
    if is_caller {
        handler.caller_thread().register()
    } else {
        handler.register()
    };
}

fn milliseconds(number: i32) -> Duration {
    Duration::from_millis(number.unsigned_abs().into())
}

fn run() -> String {
    let report = atexit_core::run();
    format!("report: {} ran, {} failed", report.ran(), report.failures().len())
}

/// Returns when a handler of that run meets this thread.
fn run_on_thread() {
    ARE_TWO.store(true, Ordering::Relaxed);
    if spawn(|| drop(atexit_core::run())).is_some() {
        MEETING.wait();
    }
}

enum Returned {
    Nothing,
    Code(ExitCode),
    Error(Box<dyn fmt::Debug>),
    Own(HandlerError),
}

impl Outcome for Returned {
    fn into_result(self) -> Result<(), HandlerError> {
        match self {
            Self::Nothing => Ok(()),
            Self::Code(code) => code.into_result(),
            Self::Error(error) => Err::<(), _>(error).into_result(),
            Self::Own(error) => Err(error),
        }
    }
}

fn act(verb: &str) -> Returned {
    let (name, number) = split(verb);
    match name {
        "panic" => panic!("boom"),
        "panic_any" => panic_any(number),
        "err" => return Returned::Error(Box::new("bad\nworse")),
        "code" => return Returned::Code(ExitCode::from(u8::try_from(number).expect("a byte"))),
        "fault" => return Returned::Own(HandlerError::new("disk full").with_status(number)),
        "exit" => atexit_core::exit(number),
        "std_exit" => std::process::exit(number),
        "c_exit" => system::exit(number),
        "std_exit_on_thread" => drop(spawn(move || std::process::exit(number))),
        "exit_on_thread" => drop(spawn(move || atexit_core::exit(number))),
        "plants" => system::plant(),
        "cause" => println!("{:?}", atexit_core::cause()),
        "nested" => println!("nested {}", run()),
        "registers" => drop(Handler::new(|| println!("registered")).register()),
        "where" => println!("on {}", thread::current().name().unwrap_or("?")),
        "use_local" => use_local(),
        "std" => use_std(),
        "spawns" => use_threads(),
        "late" => late(number),
        "meets_and_late" => {
            MEETING.wait();
            late(number);
        }
        "meets" if ARE_TWO.load(Ordering::Relaxed) => drop(MEETING.wait()),
        _ => {}
    }
    Returned::Nothing
}

fn late(number: i32) {
    thread::sleep(milliseconds(number)); // the time itself is tested
    println!("goes on");
}

fn use_local() {
    struct Dropped;
    impl Drop for Dropped {
        fn drop(&mut self) {
            println!("thread-local dropped");
        }
    }
    thread_local!(static LOCAL: RefCell<Vec<Dropped>> = const { RefCell::new(Vec::new()) });
    LOCAL.with_borrow_mut(|local| local.push(Dropped));
    println!("thread-local used");
}

/// Uses parts of std that need the system, a thread-local, or both.
fn use_std() {
    let numbers: HashMap<i32, i32> = (0..10).map(|number| (number, number * number)).collect();
    let start = std::time::Instant::now();
    thread::sleep(Duration::from_millis(1));
    let has_passed = !start.elapsed().is_zero(); // Node's WASI may wake a thread a little early
    println!("{} {has_passed} {}", numbers[&7], std::env::args().count() > 1);
}

fn use_threads() {
    let (sender, receiver) = mpsc::channel();
    if let Some(other) = spawn(move || sender.send(6).expect("received")) {
        let number = receiver.recv().expect("sent");
        other.join().expect("no panic");
        thread::scope(|scope| scope.spawn(|| println!("{}", number * 7)).join().expect("no panic"));
    }
}
