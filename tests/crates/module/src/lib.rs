//! A WebAssembly module that asks its host for nothing; `.ci/targets` has node load it.

use std::sync::atomic::{AtomicU32, Ordering};

use atexit_core::{at_exit, register};

static RAN: AtomicU32 = AtomicU32::new(0);

#[at_exit]
fn declared() {
    RAN.fetch_add(1, Ordering::Relaxed);
}

/// Registers a handler, runs all that are pending, and returns how many have run since the beginning.
#[unsafe(export_name = "run")]
pub extern "C" fn run() -> u32 {
    register(declared);
    atexit_core::run();
    RAN.load(Ordering::Relaxed)
}
