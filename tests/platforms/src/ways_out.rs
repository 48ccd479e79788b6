//! Owns the ways in which a process ends.

use std::io;
use std::sync::atomic::Ordering;
use std::thread;

use crate::{spawn, split, system, words};

/// Sets up what this way out needs from the start.
pub fn prepare(way: &str) {
    if ["interrupt", "terminate"].contains(&way) {
        system::have_a_console();
    }
}

/// Leaves in the way that this word names, or returns what `main` should return.
///
/// # Errors
///
/// The error that the word `err` stands for.
///
/// # Panics
///
/// If the word names a panic.
pub fn leave(way: &str) -> Result<(), String> {
    let (name, status) = split(way);
    match name {
        "return" => {}
        "err" => return Err("from main".into()),
        "panic" => panic!("main"),
        "thread_panic" => on_thread(|| panic!("thread")),
        "exit" => std::process::exit(status),
        "thread_exit" => on_thread(move || std::process::exit(status)),
        "c_exit" => system::exit(status),
        "thread_c_exit" => on_thread(move || system::exit(status)),
        "core_exit" => atexit_core::exit(status),
        "thread_core_exit" => on_thread(move || atexit_core::exit(status)),
        "held_exit" => {
            let _out = io::stdout().lock();
            std::process::exit(status)
        }
        "exit_during_run" => exit_during_run(status),
        "abort" => std::process::abort(),
        "interrupt" => die_of(system::interrupt),
        "terminate" => die_of(system::terminate),
        _ => return Err(format!("no way out is called {way}")),
    }
    Ok(())
}

fn on_thread(f: impl FnOnce() + Send + 'static) {
    let _ = spawn(f).map(thread::JoinHandle::join);
}

/// Exits while another thread runs the handlers, the first of which must be `meets`.
fn exit_during_run(status: i32) -> ! {
    let other = spawn(|| {
        words::ARE_TWO.store(true, Ordering::Relaxed);
        atexit_core::run();
        wait_for_the_end();
    });
    if other.is_some() {
        words::MEETING.wait();
    }
    std::process::exit(status)
}

fn die_of(signal: fn() -> bool) {
    match atexit_core::signals::install() {
        Err(error) => println!("signals: {error}"),
        Ok(()) if signal() => wait_for_the_end(),
        Ok(()) => println!("no signal: {}", io::Error::last_os_error()),
    }
}

fn wait_for_the_end() -> ! {
    loop {
        thread::park();
    }
}
