//! Owns the lock file, which lets one program at a time write to a directory; must not know what is written there.
//!
//! This crate depends on no other one here, so the lock is released after everything else.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, bail};
use atexit_core::at_exit;

/// The lock files of this process.
static HELD: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A directory that this process alone writes to. Only [`claim`] makes one.
#[derive(Clone, Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// The path of a file in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

/// Makes the directory if necessary, and locks it until the process exits.
///
/// # Errors
///
/// If it is locked already or cannot be written to.
pub fn claim(path: &Path) -> anyhow::Result<Directory> {
    fs::create_dir_all(path).with_context(|| format!("cannot make the directory {}", path.display()))?;
    let directory = Directory(path.to_owned());
    let lock = directory.join("lock");
    match File::create_new(&lock) {
        Ok(mut file) => {
            HELD.lock().unwrap_or_else(PoisonError::into_inner).push(lock.clone());
            writeln!(file, "{}", process::id()).with_context(|| format!("cannot write {}", lock.display()))?;
            Ok(directory)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let owner = fs::read_to_string(&lock).unwrap_or_default();
            bail!(
                "process {} is writing to {}; if it was killed, remove {}",
                owner.trim(),
                path.display(),
                lock.display()
            )
        }
        Err(error) => Err(error).with_context(|| format!("cannot make {}", lock.display())),
    }
}

#[at_exit(name = "release the lock")]
fn release() -> anyhow::Result<()> {
    let held = std::mem::take(&mut *HELD.lock().unwrap_or_else(PoisonError::into_inner));
    held.iter().try_for_each(|lock| fs::remove_file(lock).with_context(|| format!("cannot remove {}", lock.display())))
}
