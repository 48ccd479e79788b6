#![allow(unused)]

use atexit_core::at_exit;

#[at_exit]
unsafe fn not_safe() {} //~ ERROR a handler cannot be unsafe: write a safe function that calls this one

#[at_exit]
pub const unsafe extern "C" fn not_safe_either() {} //~ ERROR a handler cannot be unsafe

#[at_exit]
fn type_parameter<T: Fn(u8) -> Vec<T>>() {} //~ ERROR a handler cannot be generic: use concrete types, and omit lifetimes or make them `'static`

#[at_exit]
fn constant_parameter<const N: usize>() {} //~ ERROR a handler cannot be generic

#[at_exit(args = "x")]
fn lifetime<'a>(text: &'a str) {} //~ ERROR a handler cannot be generic

#[at_exit(args = ("x", &[], 1))]
fn hidden_types(text: impl AsRef<str>, list: &[Option<impl Copy>], n: u8) {} //~ ERROR a handler cannot be generic, and `impl` makes it so
//~^ ERROR a handler cannot be generic, and `impl` makes it so

#[at_exit]
fn clause()
where //~ ERROR a handler cannot have a `where` clause, since it cannot be generic: remove it
    u8: Copy,
{
}

#[at_exit]
#[at_exit(last)]
#[at_exit(first)]
#[allow(unused)]
fn stacked<T>() -> u8 { //~ ERROR a handler cannot be generic
    1
}

fn main() {}
