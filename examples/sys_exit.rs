//! `std::process::exit` skips every destructor but no handler.
//!
//! `cargo run --example sys_exit`

use atexit_core::register;

fn all_done() {
    println!("all_done()");
}

fn main() {
    println!("Registering");
    register(all_done);
    println!("Registered");
    println!("Exiting...");
    std::process::exit(0);
}
