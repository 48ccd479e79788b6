//! A library that the program of this package does not name.

use atexit_core::at_exit;

#[at_exit]
fn close() {
    println!("{}: close", module_path!());
}
