#![allow(unused)]

use atexit_core::at_exit;

#[at_exit(args(tetx = "x", n = 1))] //~ ERROR `near` has no parameter `tetx`: did you mean `text`?
fn near(text: &str, n: u8) {}

#[at_exit(args(text = "x", count = 1, size = 2))] //~ ERROR `far` has no parameter `count`: its parameters are `text`, `n`
//~^ ERROR `far` has no parameter `size`: its parameters are `text`, `n`
fn far(text: &str, n: u8) {}

#[at_exit(args(b = 1))] //~ ERROR `missing` has more parameters: add `a = value`, `c = value`
fn missing(a: u8, b: u8, c: u8) {}

#[at_exit(args())] //~ ERROR `all_missing` has more parameters: add `type = value`
fn all_missing(r#type: u8) {}

#[at_exit(args(a = 1, b = 2, a = 3))] //~ ERROR `a` is given twice: keep one of them
fn twice(a: u8, b: u8) {}

#[at_exit(args(type = 1, r#type = 2))] //~ ERROR `r#type` is given twice: keep one of them
fn twice_and_raw(r#type: u8) {}

#[at_exit(args("x", 1))] //~ ERROR expected `name = value`; to give the values in order, write `args = (value, value)`
//~^ ERROR expected `name = value`; to give
fn by_position(text: &str, n: u8) {}

#[at_exit(args(text, n = 1))] //~ ERROR expected `name = value`; to give
fn word_alone(text: &str, n: u8) {}

#[at_exit(args(text = , n = 1))] //~ ERROR `text` needs a value: write `text = value`
fn empty(text: &str, n: u8) {}

#[at_exit(args(text("x"), n == 1))] //~ ERROR expected `name = value`; to give
//~^ ERROR `n` needs a value: write `n = value`
fn malformed(text: &str, n: u8) {}

#[at_exit(args(a = 1, b = 2))]
fn no_name((a, b): (u8, u8), _: u8, n: u8) {} //~ ERROR to use `args(name = value)`, give this parameter a name
//~^ ERROR to use `args(name = value)`, give this parameter a name

fn main() {}
