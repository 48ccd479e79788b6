//! Owns running futures of async handlers to completion, by the program's function or ours; must not know what a handler is.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use super::error::Quiet;

#[cfg(not(feature = "tokio"))]
mod parking;
#[cfg(feature = "tokio")]
pub mod tokio;

#[cfg(not(feature = "tokio"))]
use parking::block_on;
#[cfg(feature = "tokio")]
use tokio::block_on;

/// Runs async handlers to completion, by the program's function or ours.
#[derive(Clone)]
pub struct Executor(Option<Arc<dyn Fn(Task) + Send + Sync>>);

/// A handler as a future, which stores its output elsewhere.
type Task = Pin<Box<dyn Future<Output = ()>>>;

impl Executor {
    pub(crate) const OURS: Self = Self(None);

    pub(crate) fn of(block_on: impl Fn(Task) + Send + Sync + 'static) -> Self {
        let block_on = Quiet::new(block_on);
        Self(Some(Arc::new(move |task| {
            if let Some(block_on) = block_on.get() {
                block_on(task);
            }
        })))
    }

    /// Runs the future to completion.
    ///
    /// # Panics
    ///
    /// If the future panics, or if the program's function returns before the future is ready.
    pub fn drive<F: Future + 'static>(&self, future: F) -> F::Output
    where
        F::Output: 'static,
    {
        let _restore = Restore(IS_DRIVING.replace(true));
        let Self(Some(block_on)) = self else { return self::block_on(future) };
        let output = Rc::new(Cell::new(None));
        let place = Rc::clone(&output);
        block_on(Box::pin(async move { place.set(Some(future.await)) }));
        output.take().unwrap_or_else(|| panic!("the executor returned before the handler had finished"))
    }
}

thread_local! {
    static IS_DRIVING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside an executor; most do not support another one inside.
pub(crate) fn is_driving() -> bool {
    IS_DRIVING.get()
}

/// Restores the former value of [`IS_DRIVING`] when it is dropped.
struct Restore(bool);

impl Drop for Restore {
    fn drop(&mut self) {
        IS_DRIVING.set(self.0);
    }
}

impl fmt::Debug for Executor {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_none() { "Executor::OURS" } else { "Executor(_)" })
    }
}
