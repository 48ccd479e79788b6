//! Owns the report on a run, a file and a line on stdout; must not know where its figures come from.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use atexit_core::at_exit;
use word_index_lock::Directory;

// The linker keeps this order anyway, but not with link-time optimization.
atexit_core::link!(word_index_lock);

/// What the index holds. Displayed, it is the text of `report.txt`.
#[derive(Clone, Debug)]
pub struct Report {
    /// Where the index is, and the report will be.
    pub directory: Directory,
    /// How many files were read.
    pub files: i64,
    /// How many words are in them.
    pub words: i64,
    /// How many different ones.
    pub distinct: i64,
    /// The most frequent ones, and how often each occurs.
    pub top: Vec<(String, i64)>,
}

static REPORT: Mutex<Option<Report>> = Mutex::new(None);

/// Takes the figures, which are reported at exit. A run that submits none has no report.
pub fn submit(report: Report) {
    *REPORT.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
}

#[at_exit(name = "write the report")]
fn write() -> anyhow::Result<()> {
    let Some(report) = REPORT.lock().unwrap_or_else(PoisonError::into_inner).take() else { return Ok(()) };
    let path = report.directory.join("report.txt");
    fs::write(&path, report.to_string()).with_context(|| format!("cannot write {}", path.display()))?;
    let Report { files, words, distinct, .. } = report;
    // Not `println!`, which panics where nobody reads what it prints.
    writeln!(io::stdout(), "files: {files}, words: {words}, distinct: {distinct}, report: {}", path.display())
        .context("cannot print the summary")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:8} files\n{:8} words\n{:8} distinct words\n", self.files, self.words, self.distinct)?;
        self.top.iter().try_for_each(|(word, count)| writeln!(f, "{count:8} {word}"))
    }
}
