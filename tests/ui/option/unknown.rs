#![allow(unused)]

use atexit_core::at_exit;

#[at_exit(frist)] //~ ERROR unknown option `frist`: did you mean `first`?
fn near() {}

#[at_exit(timelimit = std::time::Duration::MAX)] //~ ERROR unknown option `timelimit`: did you mean `time_limit`?
fn near_with_a_value() {}

#[at_exit(arg = 1)] //~ ERROR unknown option `arg`: did you mean `args`?
fn one_letter_less() {}

#[at_exit(timeout = 1)] //~ ERROR unknown option `timeout`: did you mean `time_limit`?
fn synonym() {}

#[at_exit(priority = 10)] //~ ERROR unknown option `priority`: the options are `args`
fn far() {}

#[at_exit(r#first)] //~ ERROR unknown option `r#first`
fn raw() {}

#[at_exit("close the log")] //~ ERROR expected an option: write `name = "close the log"`, or `args = "close the log"` to call the function with it
fn label() {}

#[at_exit(last, r#"a "raw" one"#)] //~ ERROR expected an option: write `name = r#"a "raw" one"#`, or
fn raw_label() {}

#[at_exit("")] //~ ERROR expected an option: write `args = ""` to call the function with it
fn empty_label() {}

#[at_exit(-5)] //~ ERROR expected an option: write `args = -5` to call the function with it
fn number() {}

#[at_exit(|a, b| a + b)] //~ ERROR expected an option
fn closure() {}

#[at_exit(,)] //~ ERROR unexpected `,`: remove it
fn comma() {}

#[at_exit(first,, this_process)] //~ ERROR unexpected `,`: remove it
fn two_commas() {}

#[at_exit(first this_process)] //~ ERROR expected `,` after `first`
fn no_comma() {}

#[at_exit(name == "label")] //~ ERROR `name` needs a value
fn two_equals() {}

#[at_exit(at::exit = 1)] //~ ERROR unknown option `at`
fn path() {}

fn main() {}
