//! Functions that never return.

#![forbid(unsafe_code)]
#![deny(missing_docs, warnings)]

use std::convert::Infallible;

use atexit_core::{HandlerError, Outcome, at_exit};

#[at_exit]
fn never() -> ! {
    panic!()
}

#[at_exit(args = "a")]
fn never_with_an_argument(text: &str) -> ! {
    panic!("{text}")
}

#[at_exit(args = pair())]
fn never_with_a_tuple(a: u8, b: u8) -> ! {
    panic!("{a}{b}")
}

#[at_exit]
#[at_exit(block_on = block_on)]
async fn never_asynchronously() -> ! {
    panic!()
}

#[at_exit(args = "a")]
#[at_exit(args = "a", block_on = block_on)]
async fn never_asynchronously_with_an_argument(text: &str) -> ! {
    panic!("{text}")
}

#[at_exit(args = pair())]
#[at_exit(args = pair(), block_on = block_on)]
async fn never_asynchronously_with_a_tuple(a: u8, b: u8) -> ! {
    panic!("{a}{b}")
}

#[at_exit]
fn infallible() -> Infallible {
    panic!()
}

#[at_exit(args = ("a", 1))]
fn infallible_by_its_path(text: &str, n: u8) -> core::convert::Infallible {
    panic!("{text}{n}")
}

#[at_exit(args = (String::from("a"), String::from("b")))]
#[at_exit(args = strings())]
fn infallible_of_strings(a: String, b: String) -> Infallible {
    panic!("{a}{b}")
}

fn strings() -> (String, String) {
    <_>::default()
}

#[at_exit]
#[at_exit(block_on = block_on)]
async fn infallible_asynchronously() -> Infallible {
    panic!()
}

#[at_exit(args = pair())]
async fn infallible_asynchronously_with_a_tuple(a: u8, b: u8) -> Infallible {
    panic!("{a}{b}")
}

#[at_exit]
fn error_or_infallible() -> Result<Infallible, String> {
    Err(String::new())
}

/// Names the type `!`, which not every compiler accepts everywhere.
trait Function {
    type Output;
}

impl<T> Function for fn() -> T {
    type Output = T;
}

#[at_exit]
fn error_or_never() -> Result<<fn() -> ! as Function>::Output, Infallible> {
    panic!()
}

/// Custom outcomes do not overlap with those.
struct Own<T>(T);

impl<T: 'static> Outcome for Own<T> {
    fn into_result(self) -> Result<(), HandlerError> {
        Ok(())
    }
}

impl Outcome for Box<Own<Infallible>> {
    fn into_result(self) -> Result<(), HandlerError> {
        match self.0 {}
    }
}

#[at_exit]
fn own() -> Own<Infallible> {
    panic!()
}

#[at_exit]
fn own_in_a_box() -> Result<Box<Own<Infallible>>, String> {
    Err(String::new())
}

const fn pair() -> (u8, u8) {
    (1, 2)
}

fn block_on<F: Future>(_: F) -> F::Output {
    panic!()
}

macro_rules! handler {
    ($output:ty) => {
        #[at_exit]
        fn of_a_macro() -> $output {
            panic!()
        }
    };
}

handler!(!);

/// One more in a module, because of the name.
pub mod one_more {
    use atexit_core::at_exit;

    handler!(std::convert::Infallible);
}

fn main() {
    atexit_core::register(|| -> Infallible { panic!() });
    atexit_core::register(|| -> ! { panic!() });
    atexit_core::register(|| Err::<Infallible, _>(""));
    atexit_core::register(|| panic!());
    // All of them would fail, so leave in a way that runs no handler.
    #[cfg(unix)]
    panic!("{}", std::os::unix::process::CommandExt::exec(&mut std::process::Command::new("true")));
}
