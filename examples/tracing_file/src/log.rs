//! Owns the log file, to which every `tracing` event of the process goes; must not know who logs, nor what.
//!
//! Events go to a thread, by which nobody who logs has to wait for a disk. The thread writes in blocks. When the process ends,
//! some events are in its queue, and some in an unfinished block. Its guard sees to them when it is dropped, which Rust never does
//! with a `static`: in a `OnceLock` they would be lost.
//!
//! It is dropped last of all, after every handler in whichever module or crate: who logs knows `tracing`, and not this file.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use atexit_core::DropAtExit;
use tracing::info;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};

/// The size of a block.
const BLOCK: usize = 64 * 1024;

/// A file that is written to in blocks, whatever the thread asks for: it flushes whenever its queue is empty, so in a quiet
/// program after every line.
struct Blocks {
    file: BufWriter<File>,
    /// Takes what became of the last block.
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
        let _ = self.written.send(self.file.flush()); // unless the log is closed, nobody waits for it
    }
}

static LOG: DropAtExit<Log> =
    DropAtExit::empty().close_with(Log::close).name("log").last().time_limit(Duration::from_secs(30));

struct Log {
    guard: WorkerGuard,
    /// In a `Mutex`, as a receiver alone cannot be in a `static`.
    written: Mutex<Receiver<io::Result<()>>>,
}

/// Logs to this file until the process exits. What is in the file is lost.
pub(crate) fn start(path: &Path) -> anyhow::Result<()> {
    let file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
    let (sender, written) = mpsc::channel();
    let blocks = Blocks { file: BufWriter::with_capacity(BLOCK, file), written: sender };
    let (queue, guard) = NonBlockingBuilder::default().lossy(false).finish(blocks);
    let subscriber = tracing_subscriber::fmt().with_writer(queue).with_ansi(false).with_thread_names(true);
    subscriber.try_init().map_err(|error| anyhow!("cannot log: {error}"))?;
    LOG.set(Log { guard, written: Mutex::new(written) }).ok().context("the log is open already")
}

impl Log {
    fn close(self) -> anyhow::Result<()> {
        info!("closing the log");
        drop(self.guard); // tells the thread to end, and waits for it for a second at most; hence what follows
        let written = self.written.into_inner().unwrap_or_else(PoisonError::into_inner);
        written.recv().context("the thread that writes the log is gone")?.context("cannot write the end of the log")
    }
}
