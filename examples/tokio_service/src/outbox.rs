//! Owns the kept lines, and sends them to the peer when the process exits; must not know where the lines come from or why the
//! process exits.
//!
//! By then the runtime of `main` is gone after a return, or still busy after an exit in the middle of a task. That does not
//! matter to the handler below: it runs on its own thread and its own runtime.

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

/// Starts keeping lines, for this peer.
pub(crate) fn open(peer: SocketAddr) {
    *outbox() = Some(Outbox { peer, lines: Vec::new(), count: 0 });
}

/// Keeps a line and returns how many there are, or `None` if the process is exiting and the line is too late.
pub(crate) fn keep(line: &[u8]) -> Option<usize> {
    let mut outbox = outbox();
    let Outbox { lines, count, .. } = outbox.as_mut()?;
    lines.extend_from_slice(line);
    *count += 1;
    Some(*count)
}

/// Without a limit, a peer that accepts and then does not read would hold up the exit forever.
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
