//! A handler that hangs is named on standard error after 10 s, and the deadline ends the process.
//!
//! `cargo run --example hangs; echo $?`

use std::sync::Mutex;
use std::time::Duration;

use atexit_core::{Config, at_exit, configure};

static QUEUE: Mutex<Vec<&str>> = Mutex::new(Vec::new());

#[at_exit]
fn send_queue() {
    if let Ok(queue) = QUEUE.lock() {
        println!("sent {}", queue.join(", "));
    }
}

fn main() {
    configure(Config::new().deadline(Duration::from_secs(12)));
    let _queue = QUEUE.lock();
    std::process::exit(0); // does not release the lock
}
