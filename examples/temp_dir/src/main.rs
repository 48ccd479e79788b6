//! Writes a file into a temporary directory, prints its path, and ends the way that its argument names.
//!
//! ```text
//! temp-dir [return | error | panic | process-exit | exit | signal | delete]
//! ```
//!
//! `delete` deletes the directory early, so that it is gone before the exit.

use std::error::Error;
use std::io::{self, Write as _};
use std::{env, fs, process, thread};

fn main() -> Result<(), Box<dyn Error>> {
    atexit_core::signals::install()?;
    let file = temp_dir::compared::path("words");
    fs::write(&file, "to be deleted\n")?;
    writeln!(io::stdout(), "{}", file.display())?;
    match env::args().nth(1).as_deref().unwrap_or("return") {
        "return" => Ok(()),
        "error" => Err("it ends with an error".into()),
        "panic" => panic!("it ends with a panic"),
        "process-exit" => process::exit(3),
        "exit" => atexit_core::exit(4),
        "signal" => loop {
            thread::park(); // until it arrives
        },
        "delete" => Ok(fs::remove_dir_all(file.with_file_name(""))?),
        way => Err(format!("there is no way out called {way}").into()),
    }
}
