//! Mistakes that a first program may make with calls.

use atexit_core::{Handler, guard, register, unregister};

fn function() {}

fn with_a_parameter(_: &str) {}

struct Server;

impl Server {
    fn stop(&self) {}
}

fn main() {
    register(function()); //~ ERROR expected a `FnOnce()` closure, found `()`
    register(with_a_parameter); //~ ERROR function is expected to take 0 arguments, but it takes 1 argument
    register("function"); //~ ERROR expected a `FnOnce()` closure, found `&str`
    register(|| 5); //~ ERROR an exit handler cannot return `{integer}`
    let _guard = guard(|| Some("text")); //~ ERROR an exit handler cannot return `Option<&str>`
    register(Server::stop); //~ ERROR function is expected to take 0 arguments, but it takes 1 argument
    Handler::new(function).time_limit(5).register(); //~ ERROR mismatched types
    register(function).name("label"); //~ ERROR no method named `name` found for struct `Registration`
    unregister(); //~ ERROR this function takes 1 argument but 0 arguments were supplied
}
