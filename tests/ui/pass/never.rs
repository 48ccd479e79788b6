//! Functions that never return.

#![forbid(unsafe_code)]
#![deny(missing_docs, warnings)]

use atexit_core::at_exit;

#[at_exit]
fn never() -> ! {
    panic!()
}

#[at_exit(args = "a")]
fn never_with_an_argument(text: &str) -> ! {
    panic!("{text}")
}

#[at_exit(args = pair())]
fn never_with_a_tuple(a: u8, b: u8) -> ! {
    panic!("{a}{b}")
}

#[at_exit]
#[at_exit(block_on = block_on)]
async fn never_asynchronously() -> ! {
    panic!()
}

const fn pair() -> (u8, u8) {
    (1, 2)
}

fn block_on<F: Future>(_: F) -> F::Output {
    panic!()
}

macro_rules! handler {
    ($output:ty) => {
        #[at_exit]
        fn of_a_macro() -> $output {
            panic!()
        }
    };
}

handler!(!);

fn main() {
    // All of them would fail, so leave by the door behind which no handler runs.
    #[cfg(unix)]
    panic!("{}", std::os::unix::process::CommandExt::exec(&mut std::process::Command::new("true")));
}
