//! `cargo check` checks the paths in `before` and `after`, too.

#![allow(unused)]

use atexit_core::at_exit;

fn function() {}
struct Unit;

static STATIC: u32 = 1;
static WITH_A_LOCK: std::sync::Mutex<u32> = std::sync::Mutex::new(1);
const CONST: &str = "function";
const POINTER: fn() = function;

#[at_exit(before = STATIC)] //~ ERROR evaluation panicked: expected the path of a function
fn before_a_static() {}

#[at_exit(after = [function, CONST])] //~ ERROR evaluation panicked: expected the path of a function
fn after_a_constant() {}

#[at_exit(before = crate::POINTER)] //~ ERROR evaluation panicked: expected the path of a function
fn before_a_pointer() {}

#[at_exit(after = WITH_A_LOCK)] //~ ERROR evaluation panicked: expected the path of a function
fn after_a_lock() {}

#[at_exit(before = function, after = inner::function)]
fn right() {}

mod inner {
    #[atexit_core::at_exit]
    pub(crate) fn function() {}
}

fn main() {}
