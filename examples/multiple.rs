//! One function, registered three times with different arguments: the last registration runs first.
//!
//! `cargo run --example multiple` uses the attribute; `cargo run --example multiple calls` calls `register`.

use atexit_core::{at_exit, register};

#[at_exit(args = "first")]
#[at_exit(args = "second")]
#[at_exit(args = "third")]
fn my_cleanup(name: &str) {
    println!("my_cleanup({name})");
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("calls") {
        atexit_core::unregister(my_cleanup);
        for name in ["first", "second", "third"] {
            register(move || my_cleanup(name));
        }
    }
}
