//! Indexes the words of text files: how often each word occurs in each file.
//!
//! ```text
//! word-index [--out DIR] [--forget-handlers] [FILE]...
//! ```
//!
//! Without a `FILE` it reads the documentation of this workspace: every `.md` file in it. It writes `index.db`, which you
//! can open with `sqlite3`, and `report.txt` to `DIR`, by default `target/word_index` in the workspace.
//!
//! `main` starts things and feeds them. It ends nothing: each crate behind it brings its own exit handler, and these run
//! in the right order however `main` ends. If it cannot read a file, it calls `std::process::exit`; if stdout is a full
//! disk or a closed pipe, it panics.
//!
//! `--forget-handlers` shows the difference by removing the handlers: words are lost, the database's `-wal` file and the
//! lock stay behind, and there is no report.

mod arguments;

use std::path::Path;
use std::{env, fs, process};

use arguments::Arguments;

fn main() -> anyhow::Result<()> {
    let Arguments { out, files, forget_handlers } = Arguments::parse(env::args_os().skip(1))?;
    if forget_handlers {
        atexit_core::clear();
    }
    let directory = word_index_lock::claim(&out)?;
    word_index_database::open(&directory)?;
    for file in files {
        let text = read(&file);
        let bytes = text.len();
        word_index_worker::index(file.display().to_string(), text)?;
        println!("{}, {bytes} bytes", file.display());
    }
    Ok(())
}

/// The text of a file. If it cannot be read, ends the program.
fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| {
        eprintln!("Error: cannot read {}: {error}", file.display());
        process::exit(2)
    })
}
