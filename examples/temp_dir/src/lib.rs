//! Owns the temporary directory that the whole process shares; must not know what is in it.

pub mod compared;

use std::path::PathBuf;

use atexit_core::DropAtExit;
use tempfile::{TempDir, tempdir};

static DIR: DropAtExit<TempDir> =
    DropAtExit::new(|| tempdir().expect("a temporary directory")).close_with(TempDir::close);

/// A path in the directory, which the first call makes.
pub fn path(name: &str) -> PathBuf {
    DIR.get().path().join(name)
}
