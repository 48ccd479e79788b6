//! Handlers that fail do not keep the others from running, and a shell sees the failure in the exit status.
//!
//! `cargo run --example exception; echo $?`

use atexit_core::at_exit;

#[at_exit(args = "Registered first")]
#[at_exit(args = "Registered second")]
fn exit_with_exception(message: &str) {
    panic!("{message}");
}

fn main() {}
