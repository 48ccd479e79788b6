//! A cache: fetches pages over the connections of `web`, and stores them in the database.

use atexit_core::at_exit;

// RULE: a crate registers after its dependencies, so its handlers run before theirs: here the database is still open.
// The linker does this, and link-time optimization undoes it. That is why the application's `link!` states it again.
//
// RULE: several attributes on one function register from top to bottom, so they run from bottom to top.
/// Public, so that other crates can name it in `before` and `after`.
#[at_exit(args = "pages")]
#[at_exit(args = "counters")]
pub fn write_back(table: &str) {
    acme_db::store(table);
    println!("cache::write_back({table:?}): before `acme_db`; attributes from bottom to top");
}

// RULE: `before = path` moves a handler up to just before another. The application runs `web` before `cache`, but this
// handler must run before the connections are closed. The path names a re-export.
#[at_exit(before = web::close_connections)]
fn stop_fetching() {
    println!("cache::stop_fetching: moved up by `before = web::close_connections`");
}
