#![allow(unused)]

use atexit_core::at_exit;

struct Server;

impl Server {
    #[at_exit]
    fn by_reference(&self) {} //~ ERROR a handler cannot take `self`: write a function outside any `impl` or `trait`

    #[at_exit(args = 1)]
    fn with_a_parameter(&'static mut self, n: u8) {} //~ ERROR a handler cannot take `self`

    #[at_exit]
    fn by_value(mut self) {} //~ ERROR a handler cannot take `self`

    #[at_exit]
    fn typed(self: Box<Self>, n: u8) {} //~ ERROR a handler cannot take `self`
    //~^ ERROR `typed` takes a parameter: write `#[at_exit(args = value)]`
}

trait Service {
    #[at_exit]
    fn stop(&self) {} //~ ERROR a handler cannot take `self`

    #[at_exit]
    fn without_a_body(); //~ ERROR a handler needs a body: write `{ ... }` instead of this `;`
}

unsafe extern "C" {
    #[at_exit]
    safe fn foreign(); //~ ERROR a handler needs a body: write `{ ... }` instead of this `;`

    #[at_exit(args = 1)]
    unsafe fn variadic(n: i32, ...); //~ ERROR a handler cannot be variadic: list its parameters
    //~^ ERROR a handler cannot be unsafe
    //~| ERROR a handler needs a body
}

fn main() {}
