//! A database. Its package is `acme-db`; the application calls it `db`.

use atexit_core::at_exit;

// RULE: a crate registers after the crates in its `link!`, so its handlers run before theirs. No code here names
// `telemetry`: without this line it is not linked, and its handlers vanish.
atexit_core::link!(telemetry);

/// Stores a table.
pub fn store(_table: &str) {}

/// Public, so that other crates can name it in `before` and `after`.
#[at_exit]
pub fn close() {
    println!("acme_db::close: after `cache`, which depends on this crate");
}
