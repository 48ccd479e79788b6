//! Counts the lines of files, and logs what it finds.
//!
//! ```text
//! tracing-file [--forget-handlers] LOG FILE...
//! ```
//!
//! The file `LOG` is complete however `main` ends. If a `FILE` cannot be read, that is by `std::process::exit`.
//!
//! Two handlers run at exit: that of [`counts`] logs the totals, then that of [`log`] closes the log.
//!
//! `--forget-handlers` is there to show what the handlers are for: it takes them away, and the log is empty.

mod counts;
mod log;

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context as _, bail};

const USAGE: &str = "usage: tracing-file [--forget-handlers] LOG FILE...";

fn main() -> anyhow::Result<()> {
    let Arguments { log, files, forget_handlers } = Arguments::parse(env::args_os().skip(1))?;
    if forget_handlers {
        atexit_core::clear();
    }
    log::start(&log)?;
    for file in files {
        counts::count(&file);
    }
    Ok(())
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
