#![allow(unused)]

use atexit_core::at_exit;

#[at_exit(first, last)] //~ ERROR a handler cannot run both `first` and `last`: keep one of them
fn first_and_last() {}

#[at_exit(last, name = "label", first)] //~ ERROR a handler cannot run both `first` and `last`: keep one of them
fn last_and_first() {}

#[at_exit(first, first)] //~ ERROR `first` is given twice: write `first` once
fn flag_twice() {}

#[at_exit(
    name = "a",
    name = "b", //~ ERROR `name` is given twice: write `name = "label"` once
    name = 3, //~ ERROR `name` is given twice: write `name = "label"` once
)]
fn value_thrice() {}

#[at_exit(before = first_and_last, before = last_and_first)] //~ ERROR `before` is given twice: write `before = path` or `before = [path, path]` once
fn paths_twice() {}

#[at_exit(args = 1, args(n = 2))] //~ ERROR `args` is given twice
fn args_in_both_forms(_: u8) {}

#[at_exit(block_on = run)] //~ ERROR `block_on` needs an `async fn`
fn executor_without_async() {}

#[at_exit(crate = atexit_core, crate = ::atexit_core)] //~ ERROR `crate` is given twice
fn crate_twice() {}

fn main() {}
