//! Owns the small executor, whose thread sleeps until its future is woken; must not know what the future does.

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
    /// Needed in addition to `unpark`'s token, which anything that parks this thread during a poll consumes, such as `mpsc::recv`.
    was_woken: AtomicBool,
}

impl Wake for Signal {
    #[inline]
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    #[inline]
    fn wake_by_ref(self: &Arc<Self>) {
        self.was_woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Runs the future to completion on this thread, without timers and I/O except the future's own.
///
/// # Panics
///
/// If the future does. If it needs a Tokio runtime, the message says how to get one.
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

/// Adds the feature's name to Tokio's message about a missing runtime. The panic hook has shown the original; the summary shows this one.
#[inline]
fn with_hint(payload: Box<dyn Any + Send>) -> Box<dyn Any + Send> {
    match panic_message(&*payload) {
        Some(message) if message.starts_with("there is no reactor running") => {
            Box::new(format!("{message}; with the feature `tokio`, atexit-core runs async handlers on one"))
        }
        _ => payload,
    }
}
