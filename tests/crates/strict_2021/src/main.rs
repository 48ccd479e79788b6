//! Every form of the attribute in a crate that forbids and denies everything it can.
#![forbid(unsafe_code)]
#![deny(missing_docs, warnings, unused, future_incompatible, let_underscore, nonstandard_style, rust_2018_idioms)]
#![deny(unreachable_pub, unused_qualifications, unused_results, unused_crate_dependencies, single_use_lifetimes)]
#![deny(missing_debug_implementations, missing_copy_implementations, trivial_casts, trivial_numeric_casts)]
#![deny(elided_lifetimes_in_paths, explicit_outlives_requirements, absolute_paths_not_starting_with_crate)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery, clippy::cargo)]
#![allow(clippy::cargo_common_metadata)] // this package is not published

use std::process::ExitCode;
use std::time::Duration;

use atexit_core::at_exit;

#[at_exit]
fn plain() {
    println!("plain");
}

#[at_exit(args = "one")]
#[at_exit(args(which = "two"), name = "stacked")]
fn stacked(which: &str) {
    println!("stacked({which})");
}

#[at_exit(args = (1, Some("two"), &[3.0]))]
fn several(a: i32, b: Option<&str>, c: &[f64]) -> Result<(), std::fmt::Error> {
    let b = b.ok_or(std::fmt::Error)?;
    println!("several({a}, {b}, {c:?})");
    Ok(())
}

#[at_exit(args(b = 2, a = 1), time_limit = Duration::from_secs(60))]
const fn by_name(a: i32, b: i32) -> ExitCode {
    if a < b {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[at_exit(caller_thread, this_process)]
extern "C" fn of_c() {
    println!("of_c");
}

#[at_exit]
async fn asynchronous() {
    std::future::ready(()).await;
    println!("asynchronous");
}

#[at_exit]
fn never() -> ! {
    println!("never");
    atexit_core::exit(5)
}

/// A module with the same name as an annotated function.
pub mod logging {
    /// Public, and therefore documented.
    #[atexit_core::at_exit]
    pub fn close() {
        println!("logging::close");
    }
}

#[at_exit]
fn logging() {
    println!("logging");
}

fn main() {
    #[at_exit]
    fn inner() {
        println!("inner");
    }
    println!("main");
}
