//! A shared library for Rust programs, which holds `atexit-core` and the handlers of another crate.

pub use atexit_core;
pub use shared::start;
