//! One function and two handlers, each with an argument: the first program of the README.

use atexit_core::at_exit;

#[at_exit(args = "first")]
#[at_exit(args = "second")]
fn my_cleanup(name: &str) {
    println!("my_cleanup({name})");
}

fn main() {
    println!("main");
    std::process::exit(0); // skips destructors; handlers still run
}
