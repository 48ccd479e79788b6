//! Writes a file into a temporary directory, says where it is, and ends the way that it is told to.
//!
//! ```text
//! temp-dir [return | error | panic | process-exit | exit | signal | delete]
//! ```
//!
//! Told to `delete`, it deletes the directory itself, so that it is not there any more at exit.

use std::error::Error;
use std::io::{self, Write as _};
use std::{env, fs, process, thread};

fn main() -> Result<(), Box<dyn Error>> {
    atexit_core::signals::install()?;
    let file = temp_dir::path("words");
    fs::write(&file, "to be deleted\n")?;
    writeln!(io::stdout(), "{}", file.display())?;
    match env::args().nth(1).as_deref().unwrap_or("return") {
        "return" => Ok(()),
        "error" => Err("it ends by an error".into()),
        "panic" => panic!("it ends by a panic"),
        "process-exit" => process::exit(3),
        "exit" => atexit_core::exit(4),
        "signal" => loop {
            thread::park(); // until one comes
        },
        "delete" => Ok(fs::remove_dir_all(file.with_file_name(""))?),
        way => Err(format!("there is no way called {way}").into()),
    }
}
