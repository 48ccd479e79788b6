#![deny(warnings)]

use atexit_core::{Handler, guard};

fn function() {}

fn main() {
    Handler::new(function); //~ ERROR unused `Handler` that must be used
    Handler::new(function).name("label").last(); //~ ERROR unused `Handler` that must be used
    guard(function); //~ ERROR unused `ExitGuard` that must be used
}
