//! A crate that contributes no handler.
