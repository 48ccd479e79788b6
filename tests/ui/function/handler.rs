//! The arguments of `Handler::before` and `Handler::after` are checked when the program is built.

use atexit_core::Handler;

fn function() {}

fn main() {
    Handler::new(function).before(function).after(function).register();
    Handler::new(function).after(7).register(); //~ ERROR evaluation panicked: expected the path of a function
    Handler::new(function).before("function").register(); //~ ERROR evaluation panicked: expected the path of a function
}
