//! Mistakes that a first program may make with the attribute.

#![allow(unused)]

use atexit_core::at_exit;

#[at_exit(name: "label")] //~ ERROR `name` needs a value: write `name = "label"`
fn colon() {}

#[at_exit(args: 5)] //~ ERROR `args` needs a value: write `args = value` or `args(name = value)`
fn colon_of_args(_: u8) {}

#[at_exit("text", 5)] //~ ERROR expected an option: write `name = "text"`, or `args = "text"` to call the function with it
//~^ ERROR expected an option: write `args = 5` to call the function with it
fn values_alone() {}

#[at_exit(label = "label")] //~ ERROR unknown option `label`: did you mean `name`?
fn label() {}

#[at_exit(before("colon"))] //~ ERROR `before` needs a value: write `before = path` or `before = [path, path]`
fn text_in_a_list() {}

#[at_exit(after = (colon, label))] //~ ERROR `after` takes a path: write `after = path` or `after = [path, path]`
fn several_paths() {}

#[at_exit(after = colon, label)] //~ ERROR unknown option `label`: did you mean `name`?
fn several_paths_alone() {}

#[at_exit(after = colon())] //~ ERROR `after` takes a path
fn call() {}

#[at_exit(time_limit(seconds = 5))] //~ ERROR `time_limit` needs a value: write `time_limit = duration`
fn list() {}

fn main() {}
