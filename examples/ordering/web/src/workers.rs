//! The threads that answer requests.

use atexit_core::at_exit;

#[at_exit]
fn join() {
    println!("web::workers::join: behind the module around it, ahead of `connections`");
}
