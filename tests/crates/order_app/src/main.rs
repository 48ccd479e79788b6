//! The binary: it depends on everything, and its handlers run first.

use atexit_core::{at_exit, register};

#[at_exit]
fn binary() {
    println!("{}: binary", module_path!());
}

mod service {
    #[atexit_core::at_exit]
    fn stop() {
        println!("{} of the binary: stop", module_path!());
    }
}

fn main() {
    register(|| println!("registered first"));
    order_app::start();
    register(|| println!("registered second"));
    println!("{} pending", atexit_core::pending());
}
