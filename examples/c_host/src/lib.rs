//! A journal for programs in C: what they write stays in memory until the buffer is full, or until the process ends.
//!
//! `FORGET_JOURNAL` in the environment keeps it in an ordinary `static` instead, which shows what is lost without `atexit-core`.

use std::env;
use std::ffi::{CStr, OsStr, c_char, c_int};
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use atexit_core::{CloseAtExit, cause, signals};

mod summary;

type Journal = Mutex<BufWriter<File>>;

static JOURNAL: CloseAtExit<Journal> = CloseAtExit::<Journal>::empty().close_with(close).name("journal");
static FORGOTTEN: OnceLock<Journal> = OnceLock::new();
static LINES: AtomicUsize = AtomicUsize::new(0);

fn forgets() -> bool {
    env::var_os("FORGET_JOURNAL").is_some()
}

fn open(path: &OsStr) -> io::Result<()> {
    let journal = Mutex::new(BufWriter::new(File::create(path)?));
    let is_first = if forgets() { FORGOTTEN.set(journal).is_ok() } else { JOURNAL.set(journal).is_ok() };
    if is_first { Ok(()) } else { Err(io::ErrorKind::AlreadyExists.into()) }
}

fn write(line: &[u8]) -> io::Result<()> {
    let journal = if forgets() { FORGOTTEN.get() } else { JOURNAL.try_get().ok() };
    let mut file = journal.ok_or(io::ErrorKind::NotConnected)?.lock().unwrap_or_else(PoisonError::into_inner);
    file.write_all(line)?;
    file.write_all(b"\n")?;
    LINES.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

fn close(journal: &Journal) -> io::Result<()> {
    let mut file = journal.lock().unwrap_or_else(PoisonError::into_inner);
    writeln!(file, "closed at {:?}", cause())?;
    file.flush()
}

/// For C: 0, or -1 after a line on standard error.
fn status<E: std::fmt::Display>(result: Result<(), E>) -> c_int {
    match result {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("journal: {error}");
            -1
        }
    }
}

/// Creates the journal.
///
/// # Safety
///
/// `path` is a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn journal_open(path: *const c_char) -> c_int {
    atexit_core::arm(); // run before what C has registered by `atexit` so far, also in a static library
    // SAFETY: the caller passes a C string.
    status(open(OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes())))
}

/// Writes a line.
///
/// # Safety
///
/// `line` is a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn journal_write(line: *const c_char) -> c_int {
    // SAFETY: the caller passes a C string.
    status(write(unsafe { CStr::from_ptr(line) }.to_bytes()))
}

/// Has SIGHUP, SIGINT, SIGQUIT and SIGTERM close the journal. The program decides that, not the library.
#[unsafe(no_mangle)]
pub extern "C" fn journal_catch_signals() -> c_int {
    status(signals::install())
}
