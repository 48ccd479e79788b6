//! Owns driving an `async fn` handler to its end where it names no `block_on` of its own; must not know what a handler is.

#[cfg(not(feature = "tokio"))]
use std::any::Any;
use std::future::Future;

#[cfg(not(feature = "tokio"))]
use super::outcome::panic_message;

/// Drives the future on a Tokio runtime made for it, with timers and I/O.
///
/// # Panics
///
/// If no runtime can be had.
#[cfg(feature = "tokio")]
pub fn block_on<F: Future>(future: F) -> F::Output {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => panic!("no Tokio runtime can be had: {error}"), // the handler's failure, with its name
    }
}

/// Drives the future on this thread, which sleeps between its wake-ups. There are no timers and there is no I/O beyond what the future brings.
///
/// # Panics
///
/// If the future does. Where it misses a Tokio runtime, the message says so.
#[cfg(not(feature = "tokio"))]
pub fn block_on<F: Future>(future: F) -> F::Output {
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Context, Poll, Wake, Waker};
    use std::thread::{self, Thread};

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
#[cfg(not(feature = "tokio"))]
fn with_hint(payload: Box<dyn Any + Send>) -> Box<dyn Any + Send> {
    match panic_message(&*payload) {
        Some(message) if message.starts_with("there is no reactor running") => {
            Box::new(format!("{message}; the feature `tokio` of atexit-core drives async handlers on one"))
        }
        _ => payload,
    }
}
