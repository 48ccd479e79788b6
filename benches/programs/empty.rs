//! The empty process that the others are compared with.

fn main() {}
