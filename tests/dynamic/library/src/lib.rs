//! A shared library for programs in Rust, which holds `atexit-core` and the handlers of another crate.

pub use shared::start;
