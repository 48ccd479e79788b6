//! Conditional compilation, in either order.

#![forbid(unsafe_code)]
#![deny(missing_docs, warnings)]

use atexit_core::at_exit;

#[cfg(any())]
#[at_exit]
fn above() {
    compile_error!("not compiled");
}

#[at_exit]
#[cfg(any())]
fn below() {
    compile_error!("not compiled");
}

#[cfg(all())]
#[at_exit]
fn above() {}

#[at_exit]
#[cfg(all())]
fn below() {}

#[cfg_attr(all(), at_exit(last))]
fn conditional_attribute() {}

#[cfg_attr(any(), at_exit("no option"))]
fn no_attribute<T>(_: T) {}

#[cfg_attr(all(), at_exit(args = 1), at_exit(args = 2))]
#[cfg_attr(all(), deprecated)]
fn several_attributes(_: u8) {}

fn main() {
    no_attribute(());
}
