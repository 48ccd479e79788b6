//! A shared library for Rust programs, which holds `atexit-core` and the handlers of another crate.

pub use shared::start;
