//! What `unregister` is given is looked at when the program is built.

use atexit_core::{Registration, register, unregister};

fn function() {}

fn main() {
    let registration: Registration = register(function);
    let captured = 7;
    unregister(7); //~ ERROR evaluation panicked: what is named here must be a function, by its path
    unregister(registration); //~ ERROR evaluation panicked: what is named here must be a function
    unregister(function as fn()); //~ ERROR evaluation panicked: what is named here must be a function
    unregister(move || println!("{captured}")); //~ ERROR evaluation panicked: what is named here must be a function
    unregister("function"); //~ ERROR evaluation panicked: what is named here must be a function
    unregister(function);
}
