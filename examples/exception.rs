//! Handlers that fail stop no others, and the exit status reports the failure.
//!
//! `cargo run --example exception; echo $?`

use atexit_core::at_exit;

#[at_exit(args = "Registered first")]
#[at_exit(args = "Registered second")]
fn exit_with_exception(message: &str) {
    panic!("{message}");
}

fn main() {}
