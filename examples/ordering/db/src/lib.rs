//! A database. Its package is `acme-db`; the application calls it `db`.

use atexit_core::at_exit;

// RULE: a crate registers after those that its `link!` names, so its handlers run before theirs. No code here names
// `telemetry`: without this line it would not even be linked, and its handlers would vanish.
atexit_core::link!(telemetry);

/// Stores a table.
pub fn store(_table: &str) {}

/// Public, so that other crates can say `before` and `after`.
#[at_exit]
pub fn close() {
    println!("acme_db::close: behind `cache`, which depends on this crate");
}
