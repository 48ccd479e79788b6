//! Owns nothing: the process that the others are compared with.

fn main() {}
