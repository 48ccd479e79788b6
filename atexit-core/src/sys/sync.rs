//! Owns what this crate takes from std to wait, to meet other threads, to learn the time and to end the process; must not know what for.
//!
//! `tests/models` has another room in the place of `sys`, with a file of these names, and decides there who runs when.

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub(crate) use super::no_clock::Instant;
pub(crate) use std::sync::atomic::AtomicU64;
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub(crate) use std::time::Instant;
pub(crate) use std::{io, thread, thread_local};
