//! A program beside the library, with a handler of its own that the library does not have.

mod program;

fn main() {}
