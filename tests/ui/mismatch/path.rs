#![allow(unused)]

use atexit_core::at_exit;

#[at_exit(before = nobody)] //~ ERROR cannot find value `nobody` in this scope
fn unknown() {}

#[at_exit(after = [main, no::such::module])] //~ ERROR cannot find module or crate `no`
fn unknown_module() {}

#[at_exit(after = private::handler)] //~ ERROR function `handler` is private
fn hidden() {}

mod private {
    #[atexit_core::at_exit]
    fn handler() {}
}

#[at_exit(before = generic)] //~ ERROR type annotations needed
fn of_a_generic_function() {}

fn generic<T>() {}

#[at_exit(block_on = nobody::block_on)] //~ ERROR cannot find module or crate `nobody`
async fn executor() {}

#[at_exit(crate = nowhere)] //~ ERROR cannot find module or crate `nowhere`
fn library() {}

fn main() {}
