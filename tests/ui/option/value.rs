#![allow(unused)]

use atexit_core::at_exit;

#[at_exit(name)] //~ ERROR `name` needs a value: write `name = "label"`
fn name_without_a_value() {}

#[at_exit(name = )] //~ ERROR `name` needs a value: write `name = "label"`
fn name_with_an_empty_value() {}

#[at_exit(name("label"))] //~ ERROR `name` needs a value: write `name = "label"`
fn name_with_a_list() {}

#[at_exit(name = "")] //~ ERROR a name cannot be empty: write `name = "label"`
fn empty_name() {}

#[at_exit(name = "  ")] //~ ERROR a name cannot be empty: write `name = "label"`
fn blank_name() {}

#[at_exit(name = label)] //~ ERROR a name must be a string literal: write `name = "label"`
fn name_of_a_word() {}

#[at_exit(name = b"label")] //~ ERROR a name must be a string literal: write `name = "label"`
fn name_of_bytes() {}

#[at_exit(name = concat!("la", "bel"))] //~ ERROR a name must be a string literal: write `name = "label"`
fn name_of_a_macro() {}

#[at_exit(time_limit = 5)] //~ ERROR a time limit must be a `Duration`: write `std::time::Duration::from_secs(5)`
fn limit_of_a_number() {}

#[at_exit(first = true)] //~ ERROR `first` takes no value: write `first`
fn flag_with_a_value() {}

#[at_exit(last())] //~ ERROR `last` takes no value: write `last`
fn flag_with_a_list() {}

#[at_exit(caller_thread = )] //~ ERROR `caller_thread` takes no value: write `caller_thread`
fn flag_with_an_empty_value() {}

#[at_exit(this_process = "yes")] //~ ERROR `this_process` takes no value: write `this_process`
fn flag_with_a_text() {}

#[at_exit(time_limit)] //~ ERROR `time_limit` needs a value: write `time_limit = duration`
fn time_limit_without_a_value() {}

#[at_exit(time_limit(5))] //~ ERROR `time_limit` needs a value: write `time_limit = duration`
fn time_limit_with_a_list() {}

#[at_exit(args)] //~ ERROR `args` needs a value: write `args = value` or `args(name = value)`
fn args_without_a_value(_: u8) {}

#[at_exit(args = , last)] //~ ERROR `args` needs a value: write `args = value` or `args(name = value)`
fn args_with_an_empty_value(_: u8) {}

#[at_exit(args["x"])] //~ ERROR `args` needs a value
fn args_with_brackets(_: u8) {}

fn main() {}
