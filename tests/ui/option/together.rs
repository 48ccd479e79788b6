//! Whatever is wrong comes in one compile, and each of it once.

#![allow(unused)]

use atexit_core::at_exit;

#[at_exit(
    frist, //~ ERROR unknown option `frist`: did you mean `first`?
    name = 5, //~ ERROR a name is a string literal
    before = "x", //~ ERROR `before` takes a path
    last = true, //~ ERROR `last` takes no value
    args = (1, 2), //~ ERROR `all` takes 3 parameters, and this gives 2 values
    block_on = run, //~ ERROR `block_on` is for an `async fn`
    name = "x", //~ ERROR `name` is given twice
)]
unsafe fn all<T>(a: u8, b: impl Copy, c: u16) {} //~ ERROR a handler cannot be unsafe
//~^ ERROR a handler cannot be generic
//~| ERROR a handler cannot be generic, as `impl` makes it here

// The function is there all the same, so its calls are no error.
fn main() {
    unsafe { all::<u8>(1, 2, 3) };
}
