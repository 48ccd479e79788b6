//! An async handler that needs a Tokio runtime, in a program without the feature `tokio`.

use std::time::Duration;

use atexit_core::at_exit;

#[at_exit]
async fn sleeps() {
    tokio::time::sleep(Duration::from_millis(1)).await;
    println!("slept");
}

#[at_exit]
async fn fails() {
    panic!("of its own");
}

fn main() {
    std::panic::set_hook(Box::new(|_| eprintln!("hook")));
}
