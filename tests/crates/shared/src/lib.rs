//! A library that a program is linked with, or opens, with handlers that say where they run and why. `SHARED` in the environment makes one of
//! them do more.

use std::cell::RefCell;
use std::ffi::CStr;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use atexit_core::{Cause, at_exit, cause, register};

fn is_to(what: &str) -> bool {
    std::env::var("SHARED").is_ok_and(|value| value == what)
}

/// By the system's name for it: std's handle of a thread that it has not started takes a `pthread_key` forever.
fn place() -> &'static str {
    let mut name = [0; 16];
    // SAFETY: the name of this thread is cut off at 16 bytes, including a final zero.
    let name = unsafe {
        libc::pthread_getname_np(libc::pthread_self(), name.as_mut_ptr(), name.len());
        CStr::from_ptr(name.as_ptr())
    };
    if name == c"at_exit" { "the exit thread" } else { "the calling thread" }
}

struct Dropped;

impl Drop for Dropped {
    fn drop(&mut self) {
        println!("thread-local dropped");
    }
}

thread_local!(static LOCAL: RefCell<Option<Dropped>> = const { RefCell::new(None) });

#[at_exit]
fn tells() {
    if is_to("say nothing") {
        return; // and leave no buffer of std's stdout behind
    }
    println!("{:?} on {}", cause(), place());
}

#[at_exit]
fn uses_thread_locals() {
    // No handler may be the first to do that while a library is unloaded.
    if is_to("use thread-locals") && cause() != Some(Cause::Unload) {
        LOCAL.set(Some(Dropped));
        println!("and {}", thread::spawn(|| "another thread").join().unwrap_or("none"));
    }
}

#[at_exit(name = "fails")]
fn fails() -> ExitCode {
    ExitCode::from(if is_to("fail") { 7 } else { 0 })
}

#[at_exit(name = "exits")]
fn exits() {
    if is_to("exit") {
        atexit_core::exit(9);
    }
}

/// No limit unless it hangs: a slow machine must not reach one.
fn limit() -> Duration {
    if is_to("hang") { Duration::from_millis(20) } else { Duration::MAX }
}

#[at_exit(name = "hangs", time_limit = limit())]
fn hangs() {
    while is_to("hang") {
        thread::sleep(Duration::from_secs(1));
    }
}

/// Registers one more handler, on a thread that has a thread-local of its own.
#[unsafe(export_name = "shared_start")]
pub extern "C" fn start() {
    if is_to("use thread-locals") {
        LOCAL.set(Some(Dropped));
    }
    register(|| println!("registered"));
}
