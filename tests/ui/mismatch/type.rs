#![allow(unused)]

use atexit_core::at_exit;

#[at_exit(args = 5)] //~ ERROR mismatched types
fn one(_: &str) {}

#[at_exit(args = ("x", "y", 3))] //~ ERROR mismatched types
fn several(_: &str, _: u8, _: u8) {}

#[at_exit(args(n = "one", text = "x"))] //~ ERROR mismatched types
fn by_name(text: &str, n: u8) {
    let _ = (text, n);
}

#[at_exit(args = pair())]
fn tuple_of_another_size(_: u8, _: u8, _: u8) {} //~ ERROR mismatched types

#[at_exit(args = pair().0)]
fn no_tuple(_: u8, _: u8) {} //~ ERROR mismatched types

#[at_exit(args = pair())] //~ ERROR mismatched types
fn tuple_of_another_type(_: u8, _: &str) {}

fn pair() -> (u8, u8) {
    (1, 2)
}

#[at_exit(time_limit = 2 + 3)] //~ ERROR mismatched types
fn no_duration() {}

#[at_exit(args = nothing, time_limit = forever())] //~ ERROR cannot find value `nothing` in this scope
//~^ ERROR cannot find function `forever` in this scope
fn unknown_names(_: u8) {}

#[at_exit(args = 1 +)] //~ ERROR expected expression
fn unfinished(_: u8) {}

#[at_exit(block_on = no_executor)]
async fn asynchronous() {} //~ ERROR mismatched types

#[at_exit(block_on = no_executor, args = (1, 2))]
async fn asynchronous_with_arguments(_: u8, _: u8) {} //~ ERROR mismatched types

#[at_exit(args = "x")] //~ ERROR mismatched types
async fn asynchronous_with_another_argument(_: u8) {}

fn no_executor(_: u8) {}

fn main() {}
