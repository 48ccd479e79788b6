//! Owns the report on a run, which is a file and a line on stdout; must not know where its figures come from.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use atexit_core::at_exit;
use word_index_lock::Directory;

// States the linker's order, which link-time optimization loses.
atexit_core::link!(word_index_lock);

/// The figures of the index. Displayed, it is the text of `report.txt`.
#[derive(Clone, Debug)]
pub struct Report {
    /// The directory of the index and the report.
    pub directory: Directory,
    /// The number of files read.
    pub files: i64,
    /// The number of words in them.
    pub words: i64,
    /// The number of different words.
    pub distinct: i64,
    /// The most frequent words, and how often each occurs.
    pub top: Vec<(String, i64)>,
}

static REPORT: Mutex<Option<Report>> = Mutex::new(None);

/// Takes the figures to report at exit. A run that submits none has no report.
pub fn submit(report: Report) {
    *REPORT.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
}

#[at_exit(name = "write the report")]
fn write() -> anyhow::Result<()> {
    let Some(report) = REPORT.lock().unwrap_or_else(PoisonError::into_inner).take() else { return Ok(()) };
    let path = report.directory.join("report.txt");
    fs::write(&path, report.to_string()).with_context(|| format!("cannot write {}", path.display()))?;
    let Report { files, words, distinct, .. } = report;
    // Not `println!`, which panics if stdout is closed or full.
    writeln!(io::stdout(), "files: {files}, words: {words}, distinct: {distinct}, report: {}", path.display())
        .context("cannot print the summary")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:8} files\n{:8} words\n{:8} distinct words\n", self.files, self.words, self.distinct)?;
        self.top.iter().try_for_each(|(word, count)| writeln!(f, "{count:8} {word}"))
    }
}
