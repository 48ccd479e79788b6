//! Functions that are `async`, with the library's executor or one of the program's own.

#![forbid(unsafe_code)]
#![deny(missing_docs, warnings)]

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use atexit_core::at_exit;

/// Enough for futures that never wait.
fn block_on<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

mod executor {
    pub(crate) fn run(future: impl Future) {
        let _ = super::block_on(future);
    }
}

#[at_exit]
#[at_exit(block_on = block_on)]
async fn plain() {
    std::future::ready(()).await;
}

#[at_exit(args = ("a", 1))]
#[at_exit(args = ("a", 1), block_on = self::block_on)]
#[at_exit(args(n = 1, text = "a"), block_on = crate::block_on)]
#[at_exit(args = pair(), block_on = block_on)]
async fn result(text: &str, n: u8) -> Result<(), String> {
    assert_eq!((text, n), pair());
    std::future::ready(Ok(())).await
}

fn pair() -> (&'static str, u8) {
    ("a", 1)
}

#[at_exit(block_on = executor::run)]
async fn other_executor() -> u8 {
    1
}

fn main() {}
