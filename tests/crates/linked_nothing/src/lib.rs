//! A crate that has no handlers.
