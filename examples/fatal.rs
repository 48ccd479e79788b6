//! `abort` kills the process: no handler runs, and the parent sees SIGABRT (a shell reports status 134).
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
