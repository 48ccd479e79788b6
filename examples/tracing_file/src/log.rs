//! Owns the log file, which gets every `tracing` event of the process; must not know who logs what.
//!
//! Events go to a thread, so that no caller waits for a disk, and the thread writes in blocks. When the process ends, some events are
//! still in its queue and some in an unfinished block. Dropping the guard writes them, but Rust drops no `static`: a `OnceLock` would
//! lose them.
//!
//! The guard is marked `last`, so it outlives every handler that logs, in any module or crate: they know `tracing`, and not this file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use atexit_core::DropAtExit;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};

const BLOCK: usize = 64 * 1024;

/// A file written in blocks. It ignores the thread's flushes: the thread flushes whenever its queue is empty, which in a quiet
/// program is after every line.
struct Blocks {
    file: BufWriter<File>,
    /// Takes the result of writing the last block.
    written: Sender<io::Result<()>>,
}

impl Write for Blocks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        let _ = self.written.send(self.file.flush()); // without handlers, nobody waits for it
    }
}

static LOG: DropAtExit<WorkerGuard> = DropAtExit::empty().last();

/// Reports the result of writing the last block. Dropping the guard does not: it waits for the thread, for a second at most. This is
/// set before `LOG`, so it is closed after it. The `Mutex` is there because a `static` must be `Sync`, and a receiver is not.
static LAST_BLOCK: DropAtExit<Mutex<Receiver<io::Result<()>>>> =
    DropAtExit::empty().close_with(check).name("log").last().time_limit(Duration::from_secs(30));

/// Logs to this file until the process exits. Overwrites the file.
pub(crate) fn start(path: &Path) -> anyhow::Result<()> {
    let file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
    let (sender, written) = mpsc::channel();
    let blocks = Blocks { file: BufWriter::with_capacity(BLOCK, file), written: sender };
    LAST_BLOCK.set(Mutex::new(written)).ok().context("the log is open already")?;
    let (writer, guard) = NonBlockingBuilder::default().lossy(false).finish(blocks);
    let subscriber = tracing_subscriber::fmt().with_writer(writer).with_ansi(false).with_thread_names(true);
    subscriber.try_init().map_err(|error| anyhow!("cannot log: {error}"))?;
    LOG.set(guard).ok().context("the log is open already")
}

fn check(written: Mutex<Receiver<io::Result<()>>>) -> anyhow::Result<()> {
    let written = written.into_inner().unwrap_or_else(PoisonError::into_inner);
    written.recv().context("the thread that writes the log is gone")?.context("cannot write the end of the log")
}
