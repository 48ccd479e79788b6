#![allow(unused)]

use atexit_core::at_exit;

struct Server;

impl Server {
    #[at_exit] //~ ERROR `const` items in this context need a name
    fn stop() {} //~ ERROR cannot find value `stop` in this scope
    //~^ ERROR cannot find function `stop` in this scope
}

fn main() {
    let text = "local";

    #[at_exit(args = text)] //~ ERROR attempt to use a non-constant value in a constant
    fn inside(text: &str) {}
}
