//! A web server, reduced to what it does at exit.

// RULE: a module registers after its submodules, so its handlers run before theirs. Sibling modules register in
// alphabetical order, so `workers` runs before `connections`.
mod connections;
mod workers;

use atexit_core::at_exit;
pub use connections::close as close_connections;

// RULE: `first` handlers run before all others, whichever crate they are in, also before those registered by a call.
#[at_exit(first)]
fn stop_listening() {
    println!("web::stop_listening: marked `first`");
}

// RULE: in a module, handlers register by their position in the source, so they run from bottom to top.
#[at_exit]
fn remove_socket() {
    println!("web::remove_socket: in a module, from bottom to top");
}

#[at_exit]
fn finish_requests() {
    println!("web::finish_requests: in a module, from bottom to top");
}
