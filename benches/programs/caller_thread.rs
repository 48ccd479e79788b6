//! One handler, which runs on the thread that exits.

#[atexit_core::at_exit(caller_thread)]
fn handler() {}

fn main() {}
