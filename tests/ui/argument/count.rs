#![allow(unused)]

use atexit_core::at_exit;

#[at_exit]
fn one(text: &str) {} //~ ERROR `one` takes a parameter: write `#[at_exit(args = value)]`

#[at_exit()]
fn three(a: u8, b: u8, c: u8) {} //~ ERROR `three` takes 3 parameters: write `#[at_exit(args = (value, value, value))]`

#[at_exit(name = "label")]
#[at_exit]
#[at_exit(args = 1)]
#[at_exit(last)]
fn stacked(n: u8) {} //~ ERROR `stacked` takes a parameter: write `#[at_exit(args = value)]`

#[at_exit(args = 1)] //~ ERROR `none` takes no parameters: remove `args`
fn none() {}

#[at_exit(args())] //~ ERROR `none_by_name` takes no parameters: remove `args`
fn none_by_name() {}

#[at_exit(args = (1, 2, 3))] //~ ERROR `too_many` takes 2 parameters, but this tuple has 3 values
fn too_many(a: u8, b: u8) {}

#[at_exit(args = (1, |a, b| (a, b), Map::<u8, u8>::new()))] //~ ERROR `too_few` takes 4 parameters, but this tuple has 3 values
fn too_few(a: u8, b: fn(u8, u8), c: Map<u8, u8>, d: u8) {}

#[at_exit(args = (1,))] //~ ERROR `one_of_two` takes 2 parameters, but this tuple has 1 value
fn one_of_two(a: u8, b: u8) {}

#[at_exit(args = ())] //~ ERROR `none_of_two` takes 2 parameters, but this tuple has 0 values
fn none_of_two(a: u8, b: u8) {}

#[at_exit(args = ((1, 2, 3)))] //~ ERROR `in_parentheses` takes 2 parameters, but this tuple has 3 values
fn in_parentheses(a: u8, b: u8) {}

#[at_exit(args = (1,,))] //~ ERROR unexpected `,`: remove it
fn comma(a: u8, b: u8) {}

#[at_exit(args = 1)] //~ ERROR `a_number_for_two` takes 2 parameters: write `args = (value, value)`
fn a_number_for_two(a: u8, b: u8) {}

#[at_exit(args = -1.5)] //~ ERROR `a_negative_number_for_two` takes 2 parameters: write `args = (value, value)`
fn a_negative_number_for_two(a: f32, b: f32) {}

#[at_exit(args = "a, b")] //~ ERROR `a_text_for_three` takes 3 parameters: write `args = (value, value, value)`
fn a_text_for_three(a: &str, b: &str, c: &str) {}

#[at_exit(args = true)] //~ ERROR `a_bool_for_two` takes 2 parameters: write `args = (value, value)`
fn a_bool_for_two(a: bool, b: bool) {}

#[at_exit(args = ('a'))] //~ ERROR `a_char_in_parentheses_for_two` takes 2 parameters: write `args = (value, value)`
fn a_char_in_parentheses_for_two(a: char, b: char) {}

#[at_exit(args = [1, 2])] //~ ERROR `an_array_for_two` takes 2 parameters: write `args = (value, value)`
fn an_array_for_two(a: u8, b: u8) {}

type Map<K, V> = std::collections::HashMap<K, V>;

fn main() {}
