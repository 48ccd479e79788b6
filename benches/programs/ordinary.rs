//! One handler that runs on an exit thread.

#[atexit_core::at_exit]
fn handler() {}

fn main() {}
