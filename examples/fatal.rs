//! `abort` kills the process: no handler runs, and its parent sees a death by SIGABRT (a shell says status 134).
//!
//! `cargo run --example fatal`

use atexit_core::register;

fn all_done() {
    println!("all_done()");
}

fn main() {
    println!("Registering");
    register(all_done);
    println!("Registered");
    std::process::abort();
}
