//! Owns what a module must not do, to show the consequences.

use std::time::Duration;

use atexit_core::{Config, DropAtExit, configure, register};
use pyo3::prelude::*;

static KEPT: DropAtExit<Py<PyAny>> = DropAtExit::empty();

/// Keeps a Python object until Python is gone, when nothing can finalize it.
#[pyfunction]
pub fn keep(object: Py<PyAny>) -> bool {
    KEPT.set(object).is_ok()
}

/// Registers a handler that takes Python for granted.
#[pyfunction]
pub fn attach_at_exit() {
    register(|| Python::attach(|_| println!("attached")));
}

/// Ends the process while this thread is attached. A handler that attaches waits forever, or until its time limit is over.
#[pyfunction]
pub fn exit_attached(status: i32) {
    configure(Config::current().time_limit(Duration::from_millis(100)));
    atexit_core::exit(status);
}
