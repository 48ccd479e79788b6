//! Owns the function that closes a value, async or not, whatever it returns; must not know when it is called.

use std::future::Future;

use crate::handler::error::HandlerError;
use crate::handler::executor::Executor;
use crate::handler::outcome::Outcome;
use crate::sys::erased::{Call, Convert, ErasedFn};

/// A function that closes an `A`.
pub(super) struct Closer<A> {
    function: ErasedFn<A, Executor, Result<(), HandlerError>>,
    pub(super) is_async: bool,
}

impl<A> Closer<A> {
    pub(super) const fn new<R: Outcome>(function: fn(A) -> R) -> Self {
        Self { function: ErasedFn::new::<R, Returns>(function), is_async: false }
    }

    pub(super) const fn new_async<F>(function: fn(A) -> F) -> Self
    where
        A: 'static,
        F: Future<Output: Outcome> + 'static,
    {
        Self { function: ErasedFn::new::<F, Drives>(function), is_async: true }
    }

    pub(super) fn close(self, value: A, executor: &Executor) -> Result<(), HandlerError> {
        self.function.call(value, executor)
    }
}

impl<A> Copy for Closer<A> {}

impl<A> Clone for Closer<A> {
    fn clone(&self) -> Self {
        *self
    }
}

struct Returns;

impl<A, R: Outcome> Convert<A, R, Executor, Result<(), HandlerError>> for Returns {
    fn convert(call: Call<A, R>, _: &Executor) -> Result<(), HandlerError> {
        call.run().into_result()
    }
}

struct Drives;

impl<A: 'static, F: Future<Output: Outcome> + 'static> Convert<A, F, Executor, Result<(), HandlerError>> for Drives {
    fn convert(call: Call<A, F>, executor: &Executor) -> Result<(), HandlerError> {
        executor.drive(async { call.run().await.into_result() })
    }
}
