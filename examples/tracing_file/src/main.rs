//! Counts the lines of files, and logs what it finds.
//!
//! ```text
//! tracing-file [--forget-handlers] [--error | --panic | --exit] LOG FILE...
//! ```
//!
//! The file `LOG` is complete however the program ends: with a return, an error, a panic or [`atexit_core::exit`], as its options say,
//! with `std::process::exit` if it cannot read a `FILE`, or with Ctrl-C.
//!
//! At exit the handler of [`counts`] logs the totals, and then [`log`] closes the file.
//!
//! `--forget-handlers` shows the difference: neither happens, and the log is empty.

mod counts;
mod log;

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context as _, bail};

const USAGE: &str = "usage: tracing-file [--forget-handlers] [--error | --panic | --exit] LOG FILE...";

fn main() -> anyhow::Result<()> {
    let Arguments { log, files, end, forget_handlers } = Arguments::parse(env::args_os().skip(1))?;
    atexit_core::signals::install()?;
    log::start(&log)?;
    if forget_handlers {
        atexit_core::clear();
    }
    for file in files {
        counts::count(&file);
    }
    match end {
        End::Return => Ok(()),
        End::Error => bail!("an error"),
        End::Panic => panic!("a panic"),
        End::Exit => atexit_core::exit(4),
    }
}

enum End {
    Return,
    Error,
    Panic,
    Exit,
}

struct Arguments {
    log: PathBuf,
    files: Vec<PathBuf>,
    end: End,
    forget_handlers: bool,
}

impl Arguments {
    fn parse(arguments: impl Iterator<Item = OsString>) -> anyhow::Result<Self> {
        let mut files = Vec::new();
        let mut end = End::Return;
        let mut forget_handlers = false;
        for argument in arguments {
            match argument.to_str() {
                Some("--error") => end = End::Error,
                Some("--panic") => end = End::Panic,
                Some("--exit") => end = End::Exit,
                Some("--forget-handlers") => forget_handlers = true,
                Some(option) if option.starts_with('-') => bail!("there is no option {option}\n{USAGE}"),
                _ => files.push(PathBuf::from(argument)),
            }
        }
        let mut files = files.into_iter();
        let log = files.next().with_context(|| format!("there is no log\n{USAGE}"))?;
        Ok(Self { log, files: files.collect(), end, forget_handlers })
    }
}
