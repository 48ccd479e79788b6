//! Owns the command line and its defaults; must not know what the program does with them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use anyhow::{Context as _, bail};

const USAGE: &str = "usage: word-index [--out DIR] [--forget-handlers] [FILE]...";

pub(crate) struct Arguments {
    pub(crate) out: PathBuf,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) forget_handlers: bool,
}

impl Arguments {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = OsString>) -> anyhow::Result<Self> {
        let mut out = workspace().join("target/word_index");
        let mut files = Vec::new();
        let mut forget_handlers = false;
        while let Some(argument) = arguments.next() {
            match argument.to_str() {
                Some("--out") => {
                    let directory = arguments.next();
                    out = directory.with_context(|| format!("--out names no directory\n{USAGE}"))?.into();
                }
                Some("--forget-handlers") => forget_handlers = true,
                Some(option) if option.starts_with('-') => bail!("there is no option {option}\n{USAGE}"),
                _ => files.push(argument.into()),
            }
        }
        if files.is_empty() {
            files = documentation().context("cannot find the documentation of this workspace")?;
        }
        Ok(Self { out, files, forget_handlers })
    }
}

fn workspace() -> &'static Path {
    let app = Path::new(env!("CARGO_MANIFEST_DIR"));
    app.ancestors().nth(3).unwrap_or(app)
}

/// Every `.md` file of the workspace, in alphabetical order, with its path relative to the current directory if possible.
fn documentation() -> io::Result<Vec<PathBuf>> {
    let here = env::current_dir()?;
    let mut files = Vec::new();
    let mut directories = vec![workspace().to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name());
            if entry.file_type()?.is_dir() {
                if name != "target" && !name.as_encoded_bytes().starts_with(b".") {
                    directories.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "md") {
                files.push(path.strip_prefix(&here).map_or_else(|_| path.clone(), Path::to_owned));
            }
        }
    }
    files.sort();
    Ok(files)
}
