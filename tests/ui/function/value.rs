//! The argument of `unregister` is checked when the program is built.

use atexit_core::{Registration, register, unregister};

fn function() {}

fn main() {
    let registration: Registration = register(function);
    let captured = 7;
    unregister(7); //~ ERROR evaluation panicked: expected the path of a function
    unregister(registration); //~ ERROR evaluation panicked: expected the path of a function
    unregister(function as fn()); //~ ERROR evaluation panicked: expected the path of a function
    unregister(move || println!("{captured}")); //~ ERROR evaluation panicked: expected the path of a function
    unregister("function"); //~ ERROR evaluation panicked: expected the path of a function
    unregister(function);
}
