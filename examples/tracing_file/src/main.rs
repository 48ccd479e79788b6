//! Counts the lines of files, and logs what it finds.
//!
//! ```text
//! tracing-file [--forget-handlers] LOG FILE...
//! ```
//!
//! The file `LOG` is complete however `main` ends. If a `FILE` cannot be read, that is by `std::process::exit`.
//!
//! Two handlers run at exit, one after the other: the one below logs the totals, then that of the library that owns the
//! log closes it. A crate registers after those that it depends on, so its handlers run before theirs.
//!
//! `--forget-handlers` is there to show what the handlers are for: it takes them away, and the log is empty.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, process};

use anyhow::{Context as _, bail};
use atexit_core::at_exit;
use tracing::{error, info};

const USAGE: &str = "usage: tracing-file [--forget-handlers] LOG FILE...";

static FILES: AtomicUsize = AtomicUsize::new(0);
static LINES: AtomicUsize = AtomicUsize::new(0);

fn main() -> anyhow::Result<()> {
    let Arguments { log, files, forget_handlers } = Arguments::parse(env::args_os().skip(1))?;
    if forget_handlers {
        atexit_core::clear();
    }
    tracing_file::start(&log)?;
    for file in files {
        count(&file);
    }
    Ok(())
}

fn count(file: &Path) {
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
    info!(files = FILES.load(Ordering::Relaxed), lines = LINES.load(Ordering::Relaxed), "all in all");
}

struct Arguments {
    log: PathBuf,
    files: Vec<PathBuf>,
    forget_handlers: bool,
}

impl Arguments {
    fn parse(arguments: impl Iterator<Item = OsString>) -> anyhow::Result<Self> {
        let mut files = Vec::new();
        let mut forget_handlers = false;
        for argument in arguments {
            match argument.to_str() {
                Some("--forget-handlers") => forget_handlers = true,
                Some(option) if option.starts_with('-') => bail!("there is no option {option}\n{USAGE}"),
                _ => files.push(PathBuf::from(argument)),
            }
        }
        let mut files = files.into_iter();
        let log = files.next().with_context(|| format!("there is no log\n{USAGE}"))?;
        Ok(Self { log, files: files.collect(), forget_handlers })
    }
}
