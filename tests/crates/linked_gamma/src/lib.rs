//! A crate that no code names: only a `link!` links it.

use atexit_core::at_exit;

/// A handler that constraints in other crates name.
#[at_exit(args = "one")]
#[at_exit(args = "two")]
pub fn close(which: &str) {
    println!("{}: {which}", module_path!());
}
