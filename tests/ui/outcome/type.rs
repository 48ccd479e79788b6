#![allow(unused)]

use atexit_core::at_exit;

#[at_exit]
fn number() -> u8 { //~ ERROR an exit handler cannot return `u8`
    1
}

#[at_exit(args = ("x", 1))]
fn option(text: &'static str, _: u8) -> Option<&'static str> { //~ ERROR an exit handler cannot return `Option<&str>`
    Some(text)
}

struct Error;

#[at_exit]
fn error_without_debug() -> Result<(), Error> { //~ ERROR an exit handler cannot return `Result<(), Error>`
    Err(Error)
}

#[at_exit]
fn result_of_a_number() -> std::io::Result<usize> { //~ ERROR an exit handler cannot return `Result<usize, std::io::Error>`
    Ok(1)
}

#[at_exit(args = pair())]
fn tuple(_: u8, _: u8) -> (u8, u8) { //~ ERROR an exit handler cannot return `(u8, u8)`
    (1, 2)
}

fn pair() -> (u8, u8) {
    (1, 2)
}

#[at_exit(block_on = run)]
async fn asynchronous() -> String { //~ ERROR an exit handler cannot return `String`
    String::new()
}

#[at_exit(args = 1)]
async fn driven(_: u8) -> Option<u8> { //~ ERROR an exit handler cannot return `Option<u8>`
    None
}

#[at_exit(args = pair())]
async fn driven_with_a_tuple(_: u8, _: u8) -> u8 { //~ ERROR an exit handler cannot return `u8`
    1
}

fn run<F: Future>(_: F) -> F::Output {
    panic!()
}

macro_rules! of_a_macro {
    ($output:ty) => {
        #[at_exit]
        fn in_a_macro() -> $output {
            panic!()
        }
    };
}

of_a_macro!(bool); //~ ERROR an exit handler cannot return `bool`

fn main() {}
