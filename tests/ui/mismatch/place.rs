#![allow(unused)]

use atexit_core::at_exit;

struct Server;

impl Server {
    #[at_exit] //~ ERROR implementation is not supported in `trait`s or `impl`s
    fn stop() {}

    #[at_exit(last, args = 1, before = main)] //~ ERROR implementation is not supported in `trait`s or `impl`s
    pub async fn close(_: u8) -> std::io::Result<()> {
        Ok(())
    }
}

trait Service {
    #[at_exit] //~ ERROR implementation is not supported in `trait`s or `impl`s
    fn stop() {}
}

impl Service for Server {
    #[at_exit] //~ ERROR implementation is not supported in `trait`s or `impl`s
    fn stop() {}
}

fn main() {
    let text = "local";

    #[at_exit(args = text)] //~ ERROR attempt to use a non-constant value in a constant
    fn inside(text: &str) {}
}
