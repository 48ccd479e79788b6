//! The library of a package whose binary has the same name: two crates.

use atexit_core::at_exit;

#[at_exit]
fn library() {
    println!("{}: library", module_path!());
}

mod service {
    #[atexit_core::at_exit]
    fn stop() {
        println!("{}: stop", module_path!());
    }
}

/// Calls into the other crates.
pub fn start() {
    order_log::log();
    order_db::connect();
}
