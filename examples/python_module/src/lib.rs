//! Owns the events that a Python program records, and writes them to a file when the process exits; must not know what they say.
//!
//! Rust drops no `static`, and Python knows of none. With `ONCE_LOCK` in the environment a `OnceLock` has the file, to show the loss.

use std::env;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use atexit_core::{Config, DropAtExit, Handler, configure};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

mod mistakes;

type Events = Mutex<BufWriter<File>>;

static EVENTS: DropAtExit<Events> =
    DropAtExit::empty().close_with(|events: Events| lock(&events).flush()).time_limit(Duration::from_secs(10));

static FORGOTTEN: OnceLock<Events> = OnceLock::new();

fn lock(events: &Events) -> MutexGuard<'_, BufWriter<File>> {
    events.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls `f` with the file, while this thread is detached: others may run Python meanwhile.
///
/// The reference is dropped before the thread attaches again. A daemon thread never does so once Python finalizes itself, and would keep the
/// file open.
fn with_events(py: Python<'_>, f: impl FnOnce(&mut BufWriter<File>) -> io::Result<()> + Send) -> PyResult<()> {
    py.detach(|| {
        if let Some(events) = FORGOTTEN.get() {
            return Ok(f(&mut lock(events))?);
        }
        let events = EVENTS.try_get().map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        Ok(f(&mut lock(&events))?)
    })
}

/// Opens the file of this process, once.
#[pyfunction]
fn open(path: PathBuf) -> PyResult<()> {
    let events = Mutex::new(BufWriter::new(File::create(path)?));
    let set = if env::var_os("ONCE_LOCK").is_some() { FORGOTTEN.set(events) } else { EVENTS.set(events) };
    set.map_err(|_| PyRuntimeError::new_err("the file is open already, or the process exits"))
}

/// Records an event, which stays in memory for now.
#[pyfunction]
fn record(py: Python<'_>, event: &str) -> PyResult<()> {
    with_events(py, |events| writeln!(events, "{event}"))
}

/// Writes now what has been recorded.
#[pyfunction]
fn flush(py: Python<'_>) -> PyResult<()> {
    with_events(py, BufWriter::flush)
}

/// Registers a handler that prints a line, and whether there is still a Python to call.
#[pyfunction]
#[pyo3(signature = (line, this_process = false))]
fn at_exit(line: String, this_process: bool) {
    let handler = Handler::new(move || println!("{line}: Python is {}", python()));
    if this_process { handler.this_process() } else { handler }.register();
}

/// Usually it is gone: Python calls C's `exit`, which runs handlers, after it has finalized itself.
fn python() -> &'static str {
    Python::try_attach(|_| "alive").unwrap_or("gone")
}

/// Ends the process at once, from any Python thread. Python is not finalized.
#[pyfunction]
fn exit(py: Python<'_>, status: i32) {
    // Detached, or a handler that attaches would wait for this thread, which waits for the handler.
    py.detach(|| atexit_core::exit(status));
}

/// Leaves the exit status to Python, whether or not a handler fails.
#[pyfunction]
fn keep_status() {
    configure(Config::current().failure_status(false));
}

/// Records events, and writes them to a file before the process ends.
#[pymodule]
mod events {
    #[pymodule_export]
    use super::{at_exit, exit, flush, keep_status, open, record};
    #[pymodule_export]
    use crate::mistakes::{attach_at_exit, exit_attached, keep};
}
