//! A leaf of the crate graph that nothing relates to the others.

use atexit_core::at_exit;

#[at_exit]
fn close() {
    println!("{}: close", module_path!());
}

/// Named by a crate that wants this one linked.
pub fn log() {}
