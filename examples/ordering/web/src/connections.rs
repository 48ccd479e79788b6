//! The connections to clients and to other servers.

use atexit_core::at_exit;

/// Public, so that other crates can name it in `before` and `after`.
#[at_exit]
pub fn close() {
    println!("web::connections::close: sibling modules in reverse alphabetical order");
}
