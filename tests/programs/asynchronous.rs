//! Handlers that are `async fn`, driven by the default executor and by one of the program's own.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;

use atexit_core::at_exit;

fn main() {
    println!("main");
}

async fn woken_by_another_thread() {
    let mut polls = 0;
    std::future::poll_fn(|context| {
        polls += 1;
        let waker = context.waker().clone();
        if polls < 3 {
            thread::spawn(move || waker.wake());
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
    println!("polled {polls} times on {}", thread::current().name().unwrap_or("?"));
}

fn poll_for_ever<F: Future>(future: F) -> F::Output {
    println!("the program's own executor");
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

#[at_exit(args = "argument")]
async fn asynchronous(argument: &str) -> Result<(), String> {
    woken_by_another_thread().await;
    println!("{argument}");
    Err("asynchronous".into())
}

#[at_exit(block_on = poll_for_ever)]
async fn with_its_own_executor() {
    woken_by_another_thread().await;
}

#[at_exit(caller_thread)]
async fn on_the_caller() {
    woken_by_another_thread().await;
}
