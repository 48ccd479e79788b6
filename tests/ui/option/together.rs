//! A single compile shows every error, and each one once.

#![allow(unused)]

use atexit_core::at_exit;

#[at_exit(
    frist, //~ ERROR unknown option `frist`: did you mean `first`?
    name = 5, //~ ERROR a name must be a string literal
    before = "x", //~ ERROR `before` takes a path
    last = true, //~ ERROR `last` takes no value
    args = (1, 2), //~ ERROR `all` takes 3 parameters, but this tuple has 2 values
    block_on = run, //~ ERROR `block_on` needs an `async fn`
    name = "x", //~ ERROR `name` is given twice
)]
unsafe fn all<T>(a: u8, b: impl Copy, c: u16) {} //~ ERROR a handler cannot be unsafe
//~^ ERROR a handler cannot be generic
//~| ERROR a handler cannot be generic, and `impl` makes it so

// The function exists all the same, so calling it is no error.
fn main() {
    unsafe { all::<u8>(1, 2, 3) };
}
