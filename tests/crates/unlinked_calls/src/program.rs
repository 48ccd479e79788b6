//! A module of the program alone.

#[atexit_core::at_exit]
fn close() {}
