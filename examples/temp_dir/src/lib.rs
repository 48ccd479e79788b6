//! Owns the temporary directory that all of the process shares; must not know what is in it.
//!
//! Rust drops no `static`, so a `LazyLock` would leave the directory behind. With `LAZY_LOCK` in the environment there is one, to show that.

use std::env;
use std::path::PathBuf;
use std::sync::LazyLock;

use atexit_core::DropAtExit;
use tempfile::{TempDir, tempdir};

static DIR: DropAtExit<TempDir> =
    DropAtExit::new(|| tempdir().expect("a temporary directory")).close_with(TempDir::close);

static FORGOTTEN: LazyLock<TempDir> = LazyLock::new(|| tempdir().expect("a temporary directory"));

/// A path in the directory, which is made when this is first called, and deleted when the process ends.
pub fn path(name: &str) -> PathBuf {
    if env::var_os("LAZY_LOCK").is_some() {
        return FORGOTTEN.path().join(name);
    }
    DIR.get().path().join(name)
}
