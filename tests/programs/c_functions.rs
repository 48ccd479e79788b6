//! Mixes handlers with exit functions of C, of a constructor and of `.fini_array`; the first argument names the scene it plays.

use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Duration;

use atexit_core::{Handler, arm, at_exit, register};

#[at_exit]
fn declared() {
    println!("declared handler");
}

static SCENE: Mutex<String> = Mutex::new(String::new());

fn plays(scene: &str) -> bool {
    *SCENE.lock().expect("no panic") == scene
}

extern "C" fn planted_in_main() {
    if plays("two_threads") {
        thread::sleep(Duration::from_millis(20)); // time enough to be cut off
    }
    println!("exit function planted in main");
    if plays("registers") {
        register(|| println!("registered by it"));
    }
}

extern "C" fn planted_in_a_handler() {
    println!("exit function planted in a handler");
}

extern "C" fn planted_before_the_hook() {
    if plays("late") || plays("nested") {
        println!("exit function planted before the hook");
        register(|| println!("registered by it"));
    }
}

extern "C" fn constructor() {
    // SAFETY: ISO C.
    unsafe { libc::atexit(planted_before_the_hook) };
}

extern "C" fn destructor() {
    if plays("fini_array") || plays("nested") {
        println!("destructor");
        register(|| println!("registered by it"));
    }
}

// SAFETY: the section holds pointers to functions of this type; the number puts it before constructors without one.
#[used]
#[unsafe(link_section = ".init_array.00101")]
static CONSTRUCTOR: extern "C" fn() = constructor;

// SAFETY: likewise.
#[used]
#[unsafe(link_section = ".fini_array")]
static DESTRUCTOR: extern "C" fn() = destructor;

fn main() {
    *SCENE.lock().expect("no panic") = std::env::args().nth(1).unwrap_or_default();
    // SAFETY: ISO C.
    unsafe { libc::atexit(planted_in_main) };
    if plays("in_a_handler") {
        register(|| {
            println!("handler that plants");
            // SAFETY: ISO C.
            unsafe { libc::atexit(planted_in_a_handler) };
        });
    }
    if plays("nested") {
        Handler::new(|| {
            println!("handler that exits");
            // SAFETY: ISO C leaves this undefined, but the C library in use allows it.
            unsafe { libc::exit(3) }
        })
        .caller_thread()
        .register();
    }
    if plays("armed") || plays("two_threads") {
        arm();
    }
    if plays("two_threads") {
        two_threads();
    }
}

/// Enters C's `exit` while another thread runs the handlers, and is about to do the same.
fn two_threads() -> ! {
    static RUNNING: Barrier = Barrier::new(2);
    register(|| {
        RUNNING.wait();
        thread::sleep(Duration::from_millis(50)); // from here, one cannot see that C has called the hook
    });
    thread::spawn(|| atexit_core::exit(5));
    RUNNING.wait();
    // SAFETY: ISO C.
    unsafe { libc::exit(3) }
}
