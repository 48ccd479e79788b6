//! Runs async handlers on Tokio (feature `tokio`).

use std::future::Future;

/// Runs a future to completion on a Tokio runtime made for it, of one thread, with timers and I/O.
///
/// With the feature `tokio`, every async handler of the program that names no executor is run by this, those of other crates among them, for
/// the features of a crate are the same in all of a program. Such a runtime runs whatever the small executor runs. A handler names its own by
/// `block_on = path` or [`Handler::block_on`](crate::Handler::block_on), a program one for all by [`Config::block_on`](crate::Config::block_on).
///
/// What belongs to another runtime, such as a connection that was opened on it, needs that one: it makes progress only while its own
/// runtime runs.
///
/// # Panics
///
/// If no runtime can be had, if the thread is inside a runtime already, or if the future panics.
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
        Err(error) => panic!("no Tokio runtime can be had: {error}"), // the handler's failure, with its name
    }
}
