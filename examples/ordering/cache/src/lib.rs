//! A cache: fetches pages over connections of `web`, and keeps in the database what has to last.

use atexit_core::at_exit;

// RULE: a crate registers after its dependencies, so its handlers run before theirs: here the database is still open.
// This is the linker's doing, which link-time optimization undoes; therefore the application's `link!` says it again.
//
// RULE: several attributes on one function count from top to bottom, so they run from bottom to top.
/// Public, so that other crates can say `before` and `after`.
#[at_exit(args = "pages")]
#[at_exit(args = "counters")]
pub fn write_back(table: &str) {
    acme_db::store(table);
    println!("cache::write_back({table:?}): ahead of `acme_db`; attributes from bottom to top");
}

// RULE: `before = path` pulls a handler up to just ahead of another. The application has `web` run before `cache`, but
// this cannot wait until the connections are closed. The path leads through a re-export.
#[at_exit(before = web::close_connections)]
fn stop_fetching() {
    println!("cache::stop_fetching: pulled up by `before = web::close_connections`");
}
