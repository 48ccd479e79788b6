//! Owns driving an `async fn` handler to its end where it names no `block_on` of its own; must not know what a handler is.

use std::future::Future;

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
#[cfg(not(feature = "tokio"))]
pub fn block_on<F: Future>(future: F) -> F::Output {
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Wake, Waker};
    use std::thread::{self, Thread};

    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
