//! The threads that answer requests.

use atexit_core::at_exit;

#[at_exit]
fn join() {
    println!("web::workers::join: after its parent module, before `connections`");
}
