//! Has no handlers, and forgets a dependency that has.

/// To be named by a crate that wants this one linked.
pub fn name() {
    unlinked_bare::name();
}

/// Names the library, as a crate does that registers by calls.
pub use atexit_core::register;

#[cfg(feature = "fixed")]
atexit_core::link!(order_log as log);
