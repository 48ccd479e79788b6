//! A web server, as far as it matters at exit.

// RULE: a module registers after its submodules, as after imports, so its handlers run before theirs. Sibling modules
// register in alphabetical order, so `workers` runs before `connections`.
mod connections;
mod workers;

use atexit_core::at_exit;
pub use connections::close as close_connections;

// RULE: `first` handlers run before all others, from whichever crate, also before registered ones.
#[at_exit(first)]
fn stop_listening() {
    println!("web::stop_listening: marked `first`");
}

// RULE: inside a module handlers register by their position in the source, so they run from bottom to top.
#[at_exit]
fn remove_socket() {
    println!("web::remove_socket: inside a module, from bottom to top");
}

#[at_exit]
fn finish_requests() {
    println!("web::finish_requests: inside a module, from bottom to top");
}
