//! The expansion triggers no lint, and lints that the function allows are also allowed in its arguments.

#![forbid(unsafe_code)]
#![deny(missing_docs, warnings, dead_code)]
#![deny(future_incompatible, let_underscore, nonstandard_style, rust_2018_idioms, rust_2024_compatibility, unused)]
#![deny(
    absolute_paths_not_starting_with_crate,
    explicit_outlives_requirements,
    macro_use_extern_crate,
    meta_variable_misuse,
    missing_abi,
    missing_copy_implementations,
    missing_debug_implementations,
    redundant_imports,
    redundant_lifetimes,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unit_bindings,
    unnameable_types,
    unreachable_pub,
    unused_extern_crates,
    unused_import_braces,
    unused_lifetimes,
    unused_macro_rules,
    unused_qualifications,
    unused_results,
    variant_size_differences
)]

use std::process::ExitCode;
use std::time::Duration;

use atexit_core::at_exit;

#[at_exit(name = "all", time_limit = Duration::MAX, caller_thread, this_process, last, before = result, after = unit)]
fn all() {}

#[at_exit]
fn unit() {}

#[at_exit(args = ("x", 1))]
#[at_exit(args(n = 1, text = "x"))]
#[at_exit(args = pair())]
#[must_use]
fn result(text: &str, n: u8) -> Result<(), String> {
    if n == 0 { Err(text.into()) } else { Ok(()) }
}

const fn pair() -> (&'static str, u8) {
    ("x", 1)
}

#[at_exit]
#[must_use]
fn status() -> ExitCode {
    ExitCode::SUCCESS
}

#[allow(deprecated)]
#[at_exit(args = old())]
fn allowed(_: u8) {}

#[at_exit(args = old())]
#[expect(deprecated, reason = "it calls the old one, and so do its arguments")]
fn expected(_: u8) {
    let _ = old();
}

#[deprecated]
const fn old() -> u8 {
    1
}

fn main() {}
