//! Owns the counts; must not know where its log goes.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, process};

use atexit_core::at_exit;
use tracing::{error, info};

static FILES: AtomicUsize = AtomicUsize::new(0);
static LINES: AtomicUsize = AtomicUsize::new(0);

/// Counts the lines of a file. If it cannot be read, ends the program.
pub(crate) fn count(file: &Path) {
    match fs::read_to_string(file) {
        Ok(text) => {
            let lines = text.lines().count();
            info!(lines, "{}", file.display());
            FILES.fetch_add(1, Ordering::Relaxed);
            LINES.fetch_add(lines, Ordering::Relaxed);
        }
        Err(error) => {
            error!("cannot read {}: {error}", file.display());
            process::exit(2);
        }
    }
}

#[at_exit(name = "log the totals")]
fn totals() {
    info!(files = FILES.load(Ordering::Relaxed), lines = LINES.load(Ordering::Relaxed), "total");
}
