//! Owns the database, which says how often each word occurs in each file; must not know where words come from.
//!
//! It is open while the program runs, in a `static`, and Rust never drops a `static`: without the handler below, its
//! `-wal` and `-shm` files would stay behind.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use atexit_core::at_exit;
use rusqlite::{Connection, params};
use word_index_lock::Directory;
use word_index_report::Report;

// States the linker's order, which link-time optimization loses.
atexit_core::link!(word_index_lock, word_index_report);

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA foreign_keys = ON;
    CREATE TABLE IF NOT EXISTS file (
        id INTEGER PRIMARY KEY,
        path TEXT NOT NULL UNIQUE
    ) STRICT;
    CREATE TABLE IF NOT EXISTS word (
        word TEXT NOT NULL,
        file INTEGER NOT NULL REFERENCES file ON DELETE CASCADE,
        count INTEGER NOT NULL,
        PRIMARY KEY (word, file)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS word_of_file ON word (file);
";

/// A file and its words.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its name in the index.
    pub path: String,
    /// How often each word occurs.
    pub words: HashMap<String, i64>,
}

struct Database {
    connection: Connection,
    directory: Directory,
}

static DATABASE: Mutex<Option<Database>> = Mutex::new(None);

/// Opens `index.db`; it is closed at exit.
///
/// # Errors
///
/// If it cannot be opened or is not an index.
pub fn open(directory: &Directory) -> anyhow::Result<()> {
    let path = directory.join("index.db");
    let cannot_open = || format!("cannot open {}", path.display());
    let connection = Connection::open(&path).with_context(cannot_open)?;
    connection.execute_batch(SCHEMA).with_context(cannot_open)?;
    let database = Database { connection, directory: directory.clone() };
    *DATABASE.lock().unwrap_or_else(PoisonError::into_inner) = Some(database);
    Ok(())
}

/// Stores all of these documents or none. Replaces a document that is stored already.
///
/// # Errors
///
/// If the database is not open or cannot be written to.
pub fn store(documents: &[Document]) -> anyhow::Result<()> {
    let mut database = DATABASE.lock().unwrap_or_else(PoisonError::into_inner);
    let Database { connection, .. } = database.as_mut().context("the database is not open")?;
    insert(connection, documents).context("cannot write to the database")
}

fn insert(connection: &mut Connection, documents: &[Document]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for Document { path, words } in documents {
        transaction.execute("DELETE FROM file WHERE path = ?", [path])?;
        transaction.execute("INSERT INTO file (path) VALUES (?)", [path])?;
        let file = transaction.last_insert_rowid();
        let mut insert = transaction.prepare("INSERT INTO word (word, file, count) VALUES (?, ?, ?)")?;
        for (word, count) in words {
            insert.execute(params![word, file, count])?;
        }
    }
    transaction.commit()
}

#[at_exit(name = "close the database")]
fn close() -> anyhow::Result<()> {
    let database = DATABASE.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(Database { connection, directory }) = database else { return Ok(()) };
    word_index_report::submit(report(&connection, directory).context("cannot read the database")?);
    let busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    ensure!(!busy, "another program is using the database: its -wal file stays");
    connection.close().map_err(|(_, error)| error).context("cannot close the database")
}

fn report(connection: &Connection, directory: Directory) -> rusqlite::Result<Report> {
    let number = |sql| connection.query_row(sql, [], |row| row.get(0));
    Ok(Report {
        directory,
        files: number("SELECT count(*) FROM file")?,
        words: number("SELECT coalesce(sum(count), 0) FROM word")?,
        distinct: number("SELECT count(DISTINCT word) FROM word")?,
        top: connection
            .prepare("SELECT word, sum(count) AS total FROM word GROUP BY word ORDER BY total DESC, word LIMIT 10")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?,
    })
}
