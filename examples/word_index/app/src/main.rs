//! Indexes the words of text files: which word occurs how often in which file.
//!
//! ```text
//! word-index [--out DIR] [--forget-handlers] [FILE]...
//! ```
//!
//! Without a `FILE` it reads the documentation of this workspace, every `.md` file in it. In `DIR`, by default
//! `target/word_index` of the workspace, it leaves `index.db`, which `sqlite3` opens, and `report.txt`.
//!
//! `main` starts things and feeds them. Nothing here ends them: each of the crates behind it brings its own exit
//! handler, and they run in the right order however `main` ends. A file that cannot be read ends it by
//! `std::process::exit`, a full disk or a closed pipe at stdout by a panic.
//!
//! `--forget-handlers` is there to show what the handlers are for. It takes them away: then words are lost, the
//! `-wal` file of the database and the lock stay behind, and there is no report.

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

/// The text of a file. If there is none, the program has nothing left to do but to end.
fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| {
        eprintln!("Error: cannot read {}: {error}", file.display());
        process::exit(2)
    })
}
