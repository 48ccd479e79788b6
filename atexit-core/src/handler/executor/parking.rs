//! Owns the small executor, whose thread sleeps between the wake-ups of its future; must not know what the future is.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::handler::error::panic_message;

struct Signal {
    thread: Thread,
    /// Beside the token of `unpark`, which whatever parks this thread while the future is polled takes away: `mpsc::recv` does.
    was_woken: AtomicBool,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.was_woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Runs the future to completion on this thread. There are no timers and there is no I/O beyond what the future brings.
///
/// # Panics
///
/// If the future does. Where it misses a Tokio runtime, the message says so.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let signal = Arc::new(Signal { thread: thread::current(), was_woken: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&signal));
    let mut context = Context::from_waker(&waker);
    loop {
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut context))) {
            Ok(Poll::Ready(output)) => return output,
            Ok(Poll::Pending) => {}
            Err(payload) => resume_unwind(with_hint(payload)),
        }
        while !signal.was_woken.swap(false, Ordering::Acquire) {
            thread::park();
        }
    }
}

/// Names the feature in the message of Tokio's that there is no runtime: the panic hook has shown it as it is, the summary shows this.
fn with_hint(payload: Box<dyn Any + Send>) -> Box<dyn Any + Send> {
    match panic_message(&*payload) {
        Some(message) if message.starts_with("there is no reactor running") => {
            Box::new(format!("{message}; the feature `tokio` of atexit-core drives async handlers on one"))
        }
        _ => payload,
    }
}
