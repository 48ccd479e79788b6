//! Depends on `order_net`; its handlers are stacked, and come from macros.

use atexit_core::at_exit;
use order_net::say;

#[at_exit(args = "one")]
#[at_exit(args = "two")]
#[at_exit(args = "three")]
fn stacked(which: &str) {
    say(module_path!(), which);
}

/// Handlers whose names are in the invocation, in a list of lists, so that the orders of expansion and source differ.
macro_rules! named_by_the_caller {
    ($first:ident, $second:ident, $third:ident) => {
        handler!($third);
        handler!($first);
        handler!($second);
    };
}

/// Handlers whose names are all in the macro: only their expansion distinguishes them.
macro_rules! named_by_the_macro {
    () => {
        #[at_exit(args = "from the macro, above")]
        #[at_exit(args = "from the macro, below")]
        fn from_the_macro(which: &str) {
            say(module_path!(), which);
        }
        #[at_exit]
        fn from_the_macro_too() {
            say(module_path!(), "from_the_macro_too");
        }
    };
}

macro_rules! handler {
    ($name:ident) => {
        #[at_exit]
        fn $name() {
            say(module_path!(), stringify!($name));
        }
    };
}

named_by_the_caller!(first, second, third);
named_by_the_macro!();

/// Named by a crate that wants this one linked.
pub fn connect() {}
