//! The functions that can be handlers.

#![forbid(unsafe_code)]
#![deny(missing_docs, warnings)]

use std::convert::Infallible;
use std::process::ExitCode;

use atexit_core::{Outcome, at_exit};

#[at_exit]
fn private() {}

#[at_exit]
#[doc = "Documented."]
pub fn public() {}

#[at_exit()]
pub(crate) fn of_the_crate() {}

#[at_exit[]]
pub(self) fn of_this_module() {}

#[at_exit]
const fn constant() {}

#[at_exit]
extern "C" fn c() {}

/// Documented.
#[at_exit(args = 1)]
pub extern "C" fn c_with_a_parameter(_n: i32) {}

#[at_exit]
#[inline(never)]
#[cold]
#[must_use]
fn with_attributes() -> ExitCode {
    ExitCode::SUCCESS
}

#[must_use]
#[at_exit]
fn behind_attributes() -> ExitCode {
    ExitCode::SUCCESS
}

#[at_exit]
#[deprecated]
fn deprecated() {}

#[deprecated(note = "use the other one")]
#[at_exit(args(text = "x"))]
#[at_exit(args = "y")]
fn deprecated_with_parameters(text: &str) {
    let _ = text;
}

#[at_exit]
fn r#type() {}

#[at_exit]
fn unit() -> () {}

#[at_exit]
fn result() -> Result<(), Box<dyn std::error::Error>> {
    Ok(())
}

#[at_exit]
fn result_of_status() -> Result<ExitCode, String> {
    Ok(ExitCode::SUCCESS)
}

#[at_exit]
fn result_that_never_succeeds_or_fails() -> Result<(), Infallible> {
    Ok(())
}

#[at_exit(args = &String::from("x"))]
fn borrowed_result(text: &str) -> Result<(), &str> {
    let _ = text;
    Ok(())
}

#[at_exit]
fn opaque() -> impl Outcome {}

#[at_exit]
fn generic_braces() -> Result<(), Sized<{ 1 + 1 }>> {
    Ok(())
}

/// A type with braces in it.
#[derive(Debug)]
pub struct Sized<const N: usize>;

/// A custom outcome.
struct Own;

impl Outcome for Own {
    fn into_result(self) -> Result<(), atexit_core::HandlerError> {
        Ok(())
    }
}

#[at_exit]
fn own() -> Own {
    Own
}

/// A module.
pub mod modules {
    #[atexit_core::at_exit]
    fn inside() {}

    /// One more.
    pub mod nested {
        use ::atexit_core::at_exit;

        #[at_exit]
        pub(super) fn deep() {}

        #[at_exit]
        pub(in crate::modules) fn deeper() {}
    }
}

fn main() {
    #[at_exit]
    fn inside() {}

    {
        #[at_exit(args = 2)]
        fn inside(n: u8) {
            let _ = n;
        }
    }

    let closure = || {
        #[at_exit]
        fn inside() {}
    };
    closure();
}
