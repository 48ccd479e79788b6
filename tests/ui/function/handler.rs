//! What `Handler::before` and `Handler::after` are given is looked at when the program is built.

use atexit_core::Handler;

fn function() {}

fn main() {
    Handler::new(function).before(function).after(function).register();
    Handler::new(function).after(7).register(); //~ ERROR evaluation panicked: what is named here must be a function
    Handler::new(function).before("function").register(); //~ ERROR evaluation panicked: what is named here must be a function
}
