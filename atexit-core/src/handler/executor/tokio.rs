//! Runs async handlers on a Tokio runtime (feature `tokio`).

use std::future::Future;

/// Runs a future to completion on a new single-threaded Tokio runtime, with timers and I/O.
///
/// With the feature `tokio`, this function runs every async handler in the program that names no executor, including those of other crates,
/// because a crate has the same features everywhere in a program. It runs everything that the small executor can run. A handler chooses its own
/// executor with `block_on = path` or [`Handler::block_on`](crate::Handler::block_on), a program one for all handlers with
/// [`Config::block_on`](crate::Config::block_on).
///
/// Whatever belongs to another runtime, such as a connection opened on it, makes progress only while that runtime runs.
///
/// # Panics
///
/// If the runtime cannot be built, if the thread is already inside a runtime, or if the future panics.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// atexit_core::Handler::new_async(|| async {
///     tokio::time::sleep(Duration::from_millis(1)).await;
/// })
/// .block_on(atexit_core::tokio::block_on)
/// .register();
/// assert!(atexit_core::run().is_success());
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    match ::tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => panic!("cannot build a Tokio runtime: {error}"), // becomes the handler's failure
    }
}
