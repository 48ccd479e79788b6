//! Owns the thread that counts words, and its queue; must not know how they are stored or where texts come from.
//!
//! A commit costs far more than counting, so documents are stored in batches. After the program has queued its last text,
//! some are still in the queue and some in an unfinished batch: without the handler below they would be lost.

use std::collections::HashMap;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, anyhow};
use atexit_core::at_exit;
use word_index_database::{self as database, Document};

// States the linker's order, which link-time optimization loses.
atexit_core::link!(word_index_database);

/// The number of texts that can wait; [`index`] blocks while the queue is full.
const QUEUE: usize = 16;
/// The number of documents in one transaction.
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
/// If the thread cannot be started or has stopped with an error, which is reported at exit.
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

/// Counts and stores until the queue is empty and closed.
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

/// A word is a run of letters and digits; case does not matter.
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
