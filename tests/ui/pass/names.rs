//! The attribute adds no name to any namespace, and needs none.

#![forbid(unsafe_code)]
#![deny(missing_docs, warnings)]

use atexit_core::at_exit;

#[at_exit]
fn logging() {}

mod logging {
    pub(crate) struct Type;
}

#[at_exit]
fn libc() {}

#[at_exit]
fn core() {}

#[at_exit]
fn std() {}

#[at_exit]
fn inventory() {}

#[at_exit(after = atexit_core)]
fn atexit_macros() {}

#[at_exit]
fn atexit_core() {}

mod core {}
mod std {}

struct Declared;
struct Description;
struct Site;
enum Option {}
const IDENTITY: Declared = Declared;
static OUTCOME: Description = Description;

#[at_exit(args = (1, 2))]
fn identity(value: u8, outcome: u8) {
    let _ = (value, outcome);
}

#[at_exit(args = (Site, logging::Type))]
fn outcome(_: Site, _: logging::Type) {}

// The names that the expansion binds are its own.
const fn value() -> u8 {
    1
}
#[allow(non_upper_case_globals)]
const a0: u8 = 2;
#[allow(non_upper_case_globals)]
static executor: u8 = 3;
#[allow(non_upper_case_globals)]
static _executor: u8 = 4;
#[allow(non_camel_case_types)]
struct argument;

#[at_exit(args = (value(), a0))]
#[at_exit(args = tuple())]
fn hygiene(a1: u8, a2: u8) {
    assert_eq!((a1, a2), (1, 2));
}

#[at_exit(args = executor + _executor)]
async fn driven(sum: u8) {
    ::std::future::ready(()).await;
    assert_eq!(sum, 7);
}

const fn tuple() -> (u8, u8) {
    (value(), a0)
}

/// No prelude.
#[no_implicit_prelude]
pub mod no_implicit_prelude {
    #[::atexit_core::at_exit]
    fn plain() {}

    #[::atexit_core::at_exit(args = (1, "x"), name = "x", time_limit = ::core::time::Duration::MAX, before = plain)]
    #[::atexit_core::at_exit(args = pair(), last, caller_thread, this_process)]
    fn with_arguments(_: u8, _: &str) -> ::core::result::Result<(), ()> {
        ::core::result::Result::Ok(())
    }

    const fn pair() -> (u8, &'static str) {
        (1, "x")
    }

    #[allow(dead_code)]
    struct Result;
}

fn main() {
    let _ = argument;
    let _: (Declared, &Description) = (IDENTITY, &OUTCOME);
    let _ = |option: Option| match option {};
}
