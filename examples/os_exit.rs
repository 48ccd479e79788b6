//! `_exit` ends a process at once: no handler runs.
//!
//! `cargo run --example os_exit`

use atexit_core::register;

fn all_done() {
    println!("all_done()");
}

fn main() {
    println!("Registering");
    register(all_done);
    println!("Registered");
    println!("Exiting...");
    // SAFETY: POSIX lets a process call `_exit` at any time.
    unsafe { libc::_exit(0) }
}
