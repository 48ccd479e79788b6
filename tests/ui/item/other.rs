#![allow(unused)]

use atexit_core::at_exit;

#[at_exit]
struct Structure; //~ ERROR `#[at_exit]` goes on a function, such as `fn cleanup() { ... }`

#[at_exit(last)]
/// Documented.
#[derive(Debug)]
pub(crate) enum Enumeration {} //~ ERROR `#[at_exit]` goes on a function

#[at_exit]
const CONSTANT: fn() = main; //~ ERROR `#[at_exit]` goes on a function

#[at_exit]
pub static STATIC: fn() = main; //~ ERROR `#[at_exit]` goes on a function

#[at_exit]
mod module {} //~ ERROR `#[at_exit]` goes on a function

#[at_exit(frist)] //~ ERROR unknown option `frist`
#[at_exit]
impl Structure {} //~ ERROR `#[at_exit]` goes on a function

#[at_exit]
unsafe trait Trait {} //~ ERROR `#[at_exit]` goes on a function

#[at_exit]
unsafe extern "C" {} //~ ERROR `#[at_exit]` goes on a function

#[at_exit]
use std::process; //~ ERROR `#[at_exit]` goes on a function

#[at_exit]
macro_rules! rules { //~ ERROR `#[at_exit]` goes on a function
    () => {};
}

fn main() {
    let _ = Structure;
}
