//! Owns the journal, a file with all lines that were kept; must not know where lines come from, nor why the process ends.
//!
//! The last lines are in memory until the journal is closed.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use atexit_core::{DropAtExit, at_exit};

static JOURNAL: DropAtExit<Mutex<Journal>> = DropAtExit::<Mutex<Journal>>::empty().close_with(close).name("journal");

struct Journal {
    file: BufWriter<File>,
    lines: usize,
}

/// Makes the journal, in place of a file that is there.
pub(crate) fn open(path: &str) -> io::Result<()> {
    JOURNAL.get_or_try_init(|| {
        let file = BufWriter::new(File::create(path)?);
        io::Result::Ok(Mutex::new(Journal { file, lines: 0 }))
    })?;
    Ok(())
}

/// Keeps a line. That fails when the process exits and the journal is closed.
pub(crate) fn keep(line: &str) -> io::Result<()> {
    let journal = JOURNAL.try_get().map_err(io::Error::other)?;
    let mut journal = lock(&journal);
    journal.file.write_all(line.as_bytes())?;
    journal.lines += 1;
    Ok(())
}

/// Writes to the file what is in memory.
pub(crate) fn flush() -> io::Result<()> {
    let journal = JOURNAL.try_get().map_err(io::Error::other)?;
    lock(&journal).file.flush()
}

/// It runs before the journal is closed, as every handler does.
#[at_exit]
fn report() -> io::Result<()> {
    let Some(journal) = JOURNAL.get_if_open() else { return Ok(()) };
    writeln!(io::stdout(), "lines kept: {}", lock(&journal).lines)
}

fn close(journal: Mutex<Journal>) -> io::Result<()> {
    let journal = journal.into_inner().unwrap_or_else(PoisonError::into_inner);
    journal.file.into_inner()?.sync_all()
}

fn lock(journal: &Mutex<Journal>) -> MutexGuard<'_, Journal> {
    journal.lock().unwrap_or_else(PoisonError::into_inner)
}
