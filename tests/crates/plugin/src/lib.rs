//! A library that a C program loads, and may unload, with handlers of its own.

use std::cell::RefCell;
use std::ffi::CStr;
use std::io;
use std::net::ToSocketAddrs as _;
use std::process::ExitCode;
use std::thread;

use atexit_core::{CloseAtExit, DropAtExit, Handler, at_exit, cause, register};

#[at_exit]
fn declared() {
    println!("declared: {:?} on {}", cause(), place());
    print!("and a line without an end");
}

#[at_exit(name = "fails")]
fn failing() -> ExitCode {
    ExitCode::from(7)
}

/// Registers one more handler.
#[unsafe(export_name = "plugin_start")]
pub extern "C" fn start() {
    register(|| println!("registered"));
}

/// Registers a handler that ends the process.
#[unsafe(export_name = "plugin_exit")]
pub extern "C" fn exits() {
    Handler::new(|| atexit_core::exit(9)).register();
}

/// Registers a handler that uses thread-locals, as logging and async runtimes do.
#[unsafe(export_name = "plugin_locals")]
pub extern "C" fn locals() {
    struct Dropped;
    impl Drop for Dropped {
        fn drop(&mut self) {
            println!("thread-local dropped");
        }
    }
    thread_local!(static LOCAL: RefCell<Option<Dropped>> = const { RefCell::new(None) });
    LOCAL.set(Some(Dropped));
    register(|| {
        LOCAL.set(Some(Dropped));
        println!("thread-local used, and {}", thread::spawn(|| "another thread").join().unwrap_or("none"));
    });
}

/// Registers a handler that resolves a host name, for which C loads libraries of its own.
#[unsafe(export_name = "plugin_resolves")]
pub extern "C" fn resolves() {
    register(|| {
        let mut found = ("localhost", 80).to_socket_addrs()?;
        println!("localhost is here: {}", found.all(|address| address.ip().is_loopback()));
        io::Result::Ok(())
    });
}

struct Dropped(&'static str);

impl Drop for Dropped {
    fn drop(&mut self) {
        println!("{} dropped on {}", self.0, place());
    }
}

/// Makes values in a `static`, and registers a handler that makes another one.
#[unsafe(export_name = "plugin_values")]
pub extern "C" fn values() {
    static DROPPED: DropAtExit<Dropped> = DropAtExit::new(|| Dropped("value"));
    static CLOSED: CloseAtExit<u8> = CloseAtExit::new(|| 1).close_with(|_| println!("value closed on {}", place()));
    static LATE: DropAtExit<Dropped> = DropAtExit::new(|| Dropped("late one"));
    println!("{} made", DROPPED.get().0);
    CLOSED.get();
    register(|| println!("{} made", LATE.get().0));
}

/// Borrows a value for longer than the library is loaded.
#[unsafe(export_name = "plugin_borrows")]
pub extern "C" fn borrows() {
    static BORROWED: DropAtExit<Dropped> = DropAtExit::new(|| Dropped("never")).name("borrowed");
    std::mem::forget(BORROWED.get());
}

/// By the system's name for it: std's handle of a thread that it has not started takes a `pthread_key` forever.
fn place() -> &'static str {
    let mut name = [0; 16];
    // SAFETY: the name of this thread is cut off at 16 bytes, including a final zero.
    let name = unsafe {
        libc::pthread_getname_np(libc::pthread_self(), name.as_mut_ptr(), name.len());
        CStr::from_ptr(name.as_ptr())
    };
    if name == c"at_exit" { "at_exit" } else { "the calling thread" }
}
