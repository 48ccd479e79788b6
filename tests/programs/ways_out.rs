//! Ends in the way that its first argument names, after registering the handlers that the others name, in that order.

use std::fmt;
use std::os::unix::process::CommandExt as _;
use std::panic::{catch_unwind, panic_any, resume_unwind};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use atexit_core::{Config, Event, Handler, Level, configure, guard};

const HOUR: Duration = Duration::from_secs(3600);

fn main() -> Result<(), String> {
    // Without thread names and numbers, so that output can be compared.
    std::panic::set_hook(Box::new(|info| eprintln!("hook: {}", info.to_string().lines().nth(1).unwrap_or("?"))));
    let mut args = std::env::args().skip(1);
    let way = args.next().unwrap_or_default();
    args.for_each(|argument| set_up(&argument));
    println!("main");
    leave(&way)
}

fn split(text: &str) -> (&str, i32) {
    let (name, number) = text.split_once(':').unwrap_or((text, "0"));
    (name, number.parse().expect("a number after the colon"))
}

fn set_up(argument: &str) {
    match argument {
        "guard" => std::mem::forget(guard(|| println!("guard"))),
        "named_guard" => drop(Handler::new(|| Err::<(), _>("full")).name("a guard").guard()),
        "dropped_guard" => drop(guard(|| Err::<(), _>("in the guard"))),
        "hook_runs" => std::panic::set_hook(Box::new(|_| println!("hook: {} ran", atexit_core::run().ran()))),
        "quiet" => drop(configure(Config::new().failure_status(false))),
        "deadline" => drop(configure(Config::new().deadline(HOUR))),
        "silent" => drop(configure(Config::new().log(Level::Off))),
        "told" => drop(configure(Config::new().observer(|event| {
            if let Event::RunFinished { report, .. } = event {
                report.handlers().iter().for_each(|run| println!("{} {}", run.handler().label(), run.end()));
            }
        }))),
        "run" => {
            let report = atexit_core::run();
            println!("report: {} ran, {} failed", report.ran(), report.failures().len());
        }
        _ => {
            let owned = argument.to_owned();
            let handler = Handler::new(move || handler(&owned)).name(argument);
            if argument.starts_with("caller_") {
                handler.caller_thread().register()
            } else {
                handler.register()
            };
        }
    }
}

/// An error and a panic payload for which even reporting the failure fails.
struct Hostile;

impl fmt::Debug for Hostile {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("in Debug")
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        panic!("in Drop")
    }
}

/// An error that cannot even be dropped.
#[derive(Debug)]
struct Fragile;

impl fmt::Display for Fragile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("fragile")
    }
}

impl std::error::Error for Fragile {}

impl Drop for Fragile {
    fn drop(&mut self) {
        panic!("in Drop")
    }
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        atexit_core::exit(9)
    }
}

enum Returned {
    Nothing,
    Code(ExitCode),
    Error(Box<dyn fmt::Debug>),
    Own(atexit_core::HandlerError),
}

impl atexit_core::Outcome for Returned {
    fn into_result(self) -> Result<(), atexit_core::HandlerError> {
        match self {
            Self::Nothing => Ok(()),
            Self::Code(code) => code.into_result(),
            Self::Error(error) => Err::<(), _>(error).into_result(),
            Self::Own(error) => Err(error),
        }
    }
}

fn handler(what: &str) -> Returned {
    println!("{what}");
    let (name, number) = split(what);
    match name {
        "panic" => panic!("boom"),
        "panic_any" => panic_any(number),
        "resume" => resume_unwind(Box::new("resumed")),
        "drop_bomb" => panic_any(Hostile),
        "exit_in_unwinding" => {
            let _bomb = Bomb;
            panic!("boom")
        }
        "capture" => {
            let _hostile = std::mem::ManuallyDrop::new(Hostile);
        }
        "err" => return Returned::Error(Box::new("bad\nworse")),
        "debug" => return Returned::Error(Box::new(std::mem::ManuallyDrop::new(Hostile))),
        "fault" => return Returned::Own(atexit_core::HandlerError::new("disk full").with_status(number)),
        "fragile" => return Returned::Own(Fragile.into()),
        "code" => return Returned::Code(ExitCode::from(u8::try_from(number).expect("a byte"))),
        "cause" => println!("{:?}", atexit_core::cause()),
        "remaining" => println!("{:?}", atexit_core::remaining().map(|left| left <= HOUR && left > HOUR / 2)),
        "raise" => raise(number),
        "exit" | "caller_exit" => atexit_core::exit(number),
        "caught_exit" => drop(catch_unwind(|| atexit_core::exit(number))),
        "exit_on_thread" => drop(thread::spawn(move || atexit_core::exit(number))),
        "c_exit" => c_exit(number),
        "nested" => {
            let report = atexit_core::run();
            println!("nested: {} ran, {} failed", report.ran(), report.failures().len());
        }
        "register" => {
            Handler::new(|| println!("registered")).register();
        }
        "register2" => {
            Handler::new(|| {
                println!("outer");
                Handler::new(|| println!("inner")).register();
            })
            .register();
        }
        _ => {}
    }
    Returned::Nothing
}

fn c_exit(status: i32) -> ! {
    // SAFETY: ISO C allows it here, but leaves it undefined in a handler; glibc defines it.
    unsafe { libc::exit(status) }
}

unsafe extern "C" {
    fn quick_exit(status: i32) -> !;
}

fn raise(signal: i32) {
    // SAFETY: POSIX.
    unsafe { libc::raise(signal) };
}

fn leave(way: &str) -> Result<(), String> {
    let (name, status) = split(way);
    match name {
        "err" => return Err("from main".into()),
        "panic" => panic!("main"),
        "exit" => std::process::exit(status),
        "thread_exit" => block_on_thread(move || std::process::exit(status)),
        "c_exit" => c_exit(status),
        "thread_c_exit" => block_on_thread(move || c_exit(status)),
        "core_exit" => atexit_core::exit(status),
        "thread_core_exit" => block_on_thread(move || atexit_core::exit(status)),
        "abort" => std::process::abort(),
        "exec" => return Err(format!("{}", Command::new("true").exec())),
        "raise" => raise(status),
        "panic_while_panicking" => {
            let _hostile = Hostile;
            panic!("main")
        }
        "thread_panic" => block_on_thread(|| panic!("thread")),
        // SAFETY: ISO C.
        "quick_exit" => unsafe { quick_exit(status) },
        // SAFETY: POSIX allows it anywhere.
        "_exit" => unsafe { libc::_exit(status) },
        _ => {}
    }
    Ok(())
}

fn block_on_thread(f: impl FnOnce() + Send + 'static) {
    let _ = thread::spawn(f).join();
}
