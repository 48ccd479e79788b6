#![allow(unused)]

use atexit_core::at_exit;

#[at_exit(before)] //~ ERROR `before` needs a value: write `before = path` or `before = [path, path]`
fn missing() {}

#[at_exit(after = )] //~ ERROR `after` needs a value
fn empty() {}

#[at_exit(after = [])] //~ ERROR `after` takes a path: write `after = path` or `after = [path, path]`
fn empty_list() {}

#[at_exit(after = [,])] //~ ERROR unexpected `,`: remove it
fn comma() {}

#[at_exit(before(main))] //~ ERROR `before` needs a value
fn list_in_parentheses() {}

#[at_exit(before = "main")] //~ ERROR `before` takes a path
fn text() {}

#[at_exit(before = main())] //~ ERROR `before` takes a path
fn call() {}

#[at_exit(before = drop::<u8>)] //~ ERROR `before` takes a path
fn type_arguments() {}

#[at_exit(before = <u8>::max)] //~ ERROR `before` takes a path
fn qualified() {}

#[at_exit(before = module::)] //~ ERROR `before` takes a path
fn unfinished() {}

#[at_exit(before = module:main)] //~ ERROR `before` takes a path
fn one_colon() {}

#[at_exit(before = module.main)] //~ ERROR `before` takes a path
fn dot() {}

#[at_exit(before = fn)] //~ ERROR `before` takes a path
fn keyword() {}

#[at_exit(before = |a| a)] //~ ERROR `before` takes a path
fn closure() {}

#[at_exit(before = (main))] //~ ERROR `before` takes a path
fn parentheses() {}

#[at_exit(before = main after = main)] //~ ERROR `before` takes a path
fn no_comma() {}

#[at_exit(after = [main, "main", main::, 3])] //~ ERROR `after` takes a path
//~^ ERROR `after` takes a path
//~| ERROR `after` takes a path
fn several_in_a_list() {}

#[at_exit(block_on = "run")] //~ ERROR `block_on` takes a path: write `block_on = path`
async fn executor() {}

#[at_exit(block_on = [run])] //~ ERROR `block_on` takes a path
async fn list_of_executors() {}

#[at_exit(crate = "atexit_core")] //~ ERROR `crate` takes a path: write `crate = path`
fn library() {}

#[at_exit(crate)] //~ ERROR `crate` needs a value: write `crate = path`
fn no_library() {}

fn main() {}
