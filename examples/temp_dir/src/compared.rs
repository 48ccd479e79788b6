//! Owns the same directory in a `LazyLock`, which leaves it behind; is here only to show the difference.

use std::env;
use std::path::PathBuf;
use std::sync::LazyLock;

use tempfile::{TempDir, tempdir};

static DIR: LazyLock<TempDir> = LazyLock::new(|| tempdir().expect("a temporary directory"));

/// A path in this directory if `LAZY_LOCK` is in the environment, and otherwise [`path`](crate::path).
pub fn path(name: &str) -> PathBuf {
    if env::var_os("LAZY_LOCK").is_some() { DIR.path().join(name) } else { crate::path(name) }
}
