//! Owns declared handlers. A word keeps those of one kind; the others are unregistered.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use atexit_core::{at_exit, unregister};

/// Whether the word names a kind of these.
pub(crate) fn is(word: &str) -> bool {
    ["ordered", "failing", "asynchronous"].contains(&word)
}

/// Unregisters all that no word names.
pub(crate) fn keep(words: &[String]) {
    let is_kept = |kind: &str| words.iter().any(|word| word == kind);
    if !is_kept("ordered") {
        unregister(log);
        unregister(database);
        unregister(several);
        unregister(cache);
        unregister(requests);
        unregister(on_the_caller);
    }
    if !is_kept("failing") {
        unregister(fails);
        unregister(exceeds);
    }
    if !is_kept("asynchronous") {
        unregister(yields);
        unregister(has_an_executor);
        unregister(fails_after_a_while);
    }
}

#[at_exit(last)]
fn log() {
    println!("log");
}

#[at_exit]
fn database() {
    println!("database");
}

#[at_exit(args = ("first", 1))]
#[at_exit(args = ("second", 2))]
fn several(text: &str, number: i32) {
    println!("several({text}, {number})");
}

#[at_exit(before = database)]
fn cache() {
    println!("cache");
}

#[at_exit(first)]
fn requests() {
    println!("requests");
}

#[at_exit(after = database, caller_thread)]
fn on_the_caller() {
    println!("on {}", thread::current().name().unwrap_or("?"));
}

#[at_exit(args = "text", time_limit = Duration::from_secs(3600))]
fn fails(text: &str) -> Result<(), String> {
    println!("fails({text})");
    Err("declared".into())
}

#[at_exit(time_limit = Duration::from_millis(50))]
fn exceeds() {
    println!("exceeds");
    thread::sleep(Duration::from_secs(2)); // the time itself is tested
    println!("goes on");
}

/// Is ready at the third poll.
async fn twice() {
    let mut polls = 0;
    std::future::poll_fn(|context| {
        polls += 1;
        context.waker().wake_by_ref();
        if polls < 3 { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
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
async fn yields(argument: &str) {
    twice().await;
    println!("yields({argument})");
}

#[at_exit(block_on = poll_for_ever)]
async fn has_an_executor() {
    twice().await;
    println!("has_an_executor");
}

#[at_exit(caller_thread)]
async fn fails_after_a_while() -> Result<(), String> {
    twice().await;
    println!("fails_after_a_while on {}", thread::current().name().unwrap_or("?"));
    Err("asynchronous".into())
}
