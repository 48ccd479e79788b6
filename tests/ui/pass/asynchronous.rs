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

/// Values borrowed by the arguments live as long as the future, which the executor of another thread may drive.
#[at_exit(args = &std::env::temp_dir())]
#[at_exit(args(path = std::path::Path::new(&String::from("a"))))]
async fn temporary(path: &std::path::Path) -> std::io::Result<()> {
    std::future::ready(()).await;
    assert!(path.as_os_str() != "");
    Ok(())
}

#[at_exit(args = (&String::from("a"), &[1]))]
#[at_exit(args = borrowed(&String::from("a"), &vec![1]))]
#[at_exit(args = borrowed(&String::from("a"), &vec![1]), block_on = block_on)]
async fn temporaries(text: &str, list: &[u8]) {
    std::future::ready(()).await;
    assert_eq!((text.len(), list.len()), (1, 1));
}

fn borrowed<'a>(text: &'a str, list: &'a [u8]) -> (&'a str, &'a [u8]) {
    (text, list)
}

#[at_exit(args = LIST.lock().unwrap().as_mut())]
async fn guarded(list: &mut Vec<u8>) {
    std::future::ready(()).await;
    list.push(1);
}

static LIST: std::sync::Mutex<Vec<u8>> = std::sync::Mutex::new(Vec::new());

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
