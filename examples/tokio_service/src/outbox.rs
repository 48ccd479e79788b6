//! Owns the lines that are kept, and sends them to the peer when the process exits; must not know where they come from, nor
//! why it exits.
//!
//! By then the runtime of `main` may be gone, as after a return, or still be busy, as after an exit in the middle of a task.
//! The handler below does not care: it runs on a thread and a runtime of its own.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use atexit_core::at_exit;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

struct Outbox {
    peer: SocketAddr,
    lines: Vec<u8>,
    count: usize,
}

/// `None` before it is opened, and again when the process exits.
static OUTBOX: Mutex<Option<Outbox>> = Mutex::new(None);

fn outbox() -> MutexGuard<'static, Option<Outbox>> {
    OUTBOX.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on lines can be kept; they will go to this peer.
pub(crate) fn open(peer: SocketAddr) {
    *outbox() = Some(Outbox { peer, lines: Vec::new(), count: 0 });
}

/// Keeps a line, and says how many there are. `None`: the process exits, so this one comes too late.
pub(crate) fn keep(line: &[u8]) -> Option<usize> {
    let mut outbox = outbox();
    let Outbox { lines, count, .. } = outbox.as_mut()?;
    lines.extend_from_slice(line);
    *count += 1;
    Some(*count)
}

/// A peer that accepts and then does not read would hold up the exit for ever, if there were no limit.
#[at_exit(name = "send the lines", time_limit = Duration::from_secs(30))]
async fn send() -> anyhow::Result<()> {
    let Some(Outbox { peer, lines, count }) = outbox().take() else { return Ok(()) };
    if count == 0 {
        return Ok(());
    }
    let mut stream =
        TcpStream::connect(peer).await.with_context(|| format!("cannot reach {peer}; lines lost: {count}"))?;
    stream.write_all(&lines).await.with_context(|| format!("cannot send all of {count} lines to {peer}"))?;
    stream.shutdown().await.with_context(|| format!("cannot close the connection to {peer}"))
}
