//! A crate that no code names: only a `link!` brings it in.

use atexit_core::at_exit;

/// Handled at exit, and to be named by constraints of other crates.
#[at_exit(args = "one")]
#[at_exit(args = "two")]
pub fn close(which: &str) {
    println!("{}: {which}", module_path!());
}
