//! An audit log for programs in JavaScript, which stays in memory until its buffer is full, or until the process ends.
//!
//! `FORGET_LOG` in the environment keeps it in an ordinary `static` instead, which shows what is lost without `atexit-core`.

use std::env;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use atexit_core::{CloseAtExit, cause, signals};
use napi::{Env, Error, Result};
use napi_derive::napi;

type Log = Mutex<BufWriter<File>>;

static LOG: CloseAtExit<Log> = CloseAtExit::<Log>::empty().close_with(close).name("audit log");
static FORGOTTEN: OnceLock<Log> = OnceLock::new();

fn lock(log: &Log) -> MutexGuard<'_, BufWriter<File>> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

fn close(log: &Log) -> io::Result<()> {
    let mut file = lock(log);
    writeln!(file, "closed at {:?}", cause())?;
    file.flush()
}

/// Creates the log, unless another thread of this process has: all share one.
///
/// # Errors
///
/// If the file cannot be created.
#[napi]
pub fn open(env: Env, path: String) -> Result<()> {
    let new = || File::create(path).map(|file| Mutex::new(BufWriter::new(file)));
    if env::var_os("FORGET_LOG").is_some() {
        _ = FORGOTTEN.set(new()?);
    } else {
        LOG.get_or_try_init(new)?;
    }
    env.add_env_cleanup_hook((), |()| _ = record("Node's cleanup hook".to_owned()))?; // to compare
    Ok(())
}

/// Writes a line.
///
/// # Errors
///
/// If the log is not open, or cannot be written.
#[napi]
pub fn record(line: String) -> Result<()> {
    let log =
        FORGOTTEN.get().or_else(|| LOG.try_get().ok()).ok_or_else(|| Error::from_reason("the log is not open"))?;
    Ok(lock(log).write_all((line + "\n").as_bytes())?)
}

/// Has SIGHUP, SIGINT, SIGQUIT and SIGTERM close the log. The program decides that, not the add-on.
///
/// # Errors
///
/// If they cannot be caught.
#[napi]
pub fn catch_signals() -> Result<()> {
    signals::install().map_err(|error| Error::from_reason(error.to_string()))
}
