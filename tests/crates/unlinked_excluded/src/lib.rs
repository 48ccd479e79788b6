//! Has a handler that no program has, which cannot be told without the compiler.

#[cfg(not(any(panic = "unwind", panic = "abort")))]
#[atexit_core::at_exit]
fn excluded() {}
