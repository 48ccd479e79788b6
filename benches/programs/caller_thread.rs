//! One handler that runs on the exiting thread.

#[atexit_core::at_exit(caller_thread)]
fn handler() {}

fn main() {}
