//! The smallest program: one handler that runs after `main`.
//!
//! `cargo run --example simple`

use atexit_core::register;

fn all_done() {
    println!("all_done()");
}

fn main() {
    println!("Registering");
    register(all_done);
    println!("Registered");
}
