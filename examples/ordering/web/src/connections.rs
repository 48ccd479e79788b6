//! The connections to clients and to other servers.

use atexit_core::at_exit;

/// Public, so that other crates can say `before` and `after`.
#[at_exit]
pub fn close() {
    println!("web::connections::close: modules in reverse alphabetical order");
}
