//! A handler that awaits two futures at once: while the thread is busy with one, the other is woken.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::thread;

use atexit_core::at_exit;

fn main() {}

#[at_exit]
#[at_exit(caller_thread)]
async fn joins() {
    let mut woken = false;
    let mut waits = pin!(poll_fn(|context| {
        if std::mem::replace(&mut woken, true) {
            return Poll::Ready("woken");
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }));
    // It is ready when it is polled, but blocks until then, in a channel for instance: that parks the thread, which consumes any earlier
    // `unpark`. It is unparked here, too, for executors that wake up in other ways.
    let mut blocks = Some(|| {
        thread::current().unpark();
        thread::park();
        println!("has blocked on {}", thread::current().name().unwrap_or("?"));
    });
    let joined = poll_fn(|context| {
        let waits = waits.as_mut().poll(context);
        if let Some(block) = blocks.take() {
            block();
        }
        waits
    });
    println!("{}", joined.await);
}
