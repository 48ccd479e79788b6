//! Owns the thread that counts words, and its queue; must not know how they are stored, nor where texts come from.
//!
//! A commit costs far more than a count, so documents are stored in batches. When the program has fed its last text, some
//! are in the queue and some in an unfinished batch: without the handler below they would be lost.

use std::collections::HashMap;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, anyhow};
use atexit_core::at_exit;
use word_index_database::{self as database, Document};

// The linker keeps this order anyway, but not with link-time optimization.
atexit_core::link!(word_index_database);

/// So many texts may wait, before who feeds more waits too.
const QUEUE: usize = 16;
/// So many documents are stored in one go.
const BATCH: usize = 16;

struct Text {
    path: String,
    content: String,
}

struct Worker {
    queue: SyncSender<Text>,
    thread: JoinHandle<anyhow::Result<()>>,
}

static WORKER: Mutex<Option<Worker>> = Mutex::new(None);

/// Queues a text. The first one starts the thread.
///
/// # Errors
///
/// If the thread cannot be started, or has stopped because of an error, which is then reported at exit.
pub fn index(path: String, content: String) -> anyhow::Result<()> {
    let mut worker = WORKER.lock().unwrap_or_else(PoisonError::into_inner);
    let worker = match &mut *worker {
        Some(worker) => worker,
        none => none.insert(start().context("cannot start the indexer")?),
    };
    worker.queue.send(Text { path, content }).ok().context("the indexer has stopped")
}

fn start() -> std::io::Result<Worker> {
    let (queue, texts) = mpsc::sync_channel(QUEUE);
    let thread = thread::Builder::new().name("indexer".into()).spawn(move || work(&texts))?;
    Ok(Worker { queue, thread })
}

/// Counts and stores, until the queue is empty and closed.
fn work(texts: &Receiver<Text>) -> anyhow::Result<()> {
    let mut batch = Vec::with_capacity(BATCH);
    for Text { path, content } in texts {
        batch.push(Document { path, words: count(&content) });
        if batch.len() == BATCH {
            database::store(&batch)?;
            batch.clear();
        }
    }
    database::store(&batch)
}

/// A word is what stands between characters that are neither letters nor digits; capitals do not matter.
fn count(text: &str) -> HashMap<String, i64> {
    let mut words = HashMap::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        *words.entry(word.to_lowercase()).or_default() += 1;
    }
    words
}

#[at_exit(name = "drain the queue")]
fn drain() -> anyhow::Result<()> {
    let worker = WORKER.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(Worker { queue, thread }) = worker else { return Ok(()) };
    drop(queue);
    thread.join().map_err(|_| anyhow!("the indexer panicked"))?
}
