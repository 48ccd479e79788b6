//! Ends outside `main`: in a constructor before it, in a function that an exit calls before the handlers, or in a destructor of `.fini_array`
//! after all of them. The environment says where and how, because a constructor has no arguments: `EDGE` is `first`, `constructor`, `function`,
//! `local` or `destructor`, `EXITS_BY` is the way out, and `MAIN` says how `main` ends.

use std::sync::{Arc, Barrier};
use std::{env, thread};

use atexit_core::{at_exit, register};

#[at_exit]
fn declared() {
    println!("declared");
}

/// Registers a handler and ends the process, if it must end here.
fn edge(here: &str) {
    if env::var("EDGE").is_ok_and(|edge| edge == here) {
        println!("{here}");
        register(|| println!("registered there"));
        leave();
    }
}

fn leave() {
    match env::var("EXITS_BY").unwrap_or_default().as_str() {
        "std" => std::process::exit(7),
        "core" => atexit_core::exit(7),
        "threads" => leave_by_threads(),
        "run" => println!("{} ran", atexit_core::run().ran()),
        "c" => c_exit(7),
        _ => {}
    }
}

/// Other threads exit while this one continues to where it was going anyway.
fn leave_by_threads() {
    let start = Arc::new(Barrier::new(4));
    for way in [|| c_exit(7), || atexit_core::exit(7), || drop(atexit_core::run())] {
        let start = Arc::clone(&start);
        thread::spawn(move || {
            start.wait();
            way();
        });
    }
    start.wait();
}

fn c_exit(status: i32) {
    // SAFETY: ISO C leaves this undefined during an exit; glibc defines it.
    unsafe { libc::exit(status) }
}

extern "C" fn first() {
    edge("first");
}

extern "C" fn constructor() {
    edge("constructor");
}

/// C's `exit` calls it.
extern "C" fn function() {
    edge("function");
}

struct Local;

impl Drop for Local {
    fn drop(&mut self) {
        edge("local");
    }
}

thread_local! {
    /// C's `exit` drops it on the exiting thread.
    static LOCAL: Local = const { Local };
}

extern "C" fn destructor() {
    edge("destructor");
}

// SAFETY: the section holds pointers to functions of this type; the number puts it before all constructors without one.
#[used]
#[unsafe(link_section = ".init_array.00101")]
static FIRST: extern "C" fn() = first;

// SAFETY: likewise.
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = constructor;

// SAFETY: likewise.
#[used]
#[unsafe(link_section = ".fini_array")]
static DESTRUCTOR: extern "C" fn() = destructor;

fn main() {
    println!("main");
    // SAFETY: ISO C.
    unsafe { libc::atexit(function) };
    let exits = || {
        LOCAL.with(|_| {});
        std::process::exit(0);
    };
    match env::var("MAIN").unwrap_or_default().as_str() {
        "exits" => exits(),
        "exits_by_c" => {
            LOCAL.with(|_| {});
            c_exit(0);
        }
        "waits" => drop(thread::spawn(exits).join()),
        _ => LOCAL.with(|_| {}),
    }
}
