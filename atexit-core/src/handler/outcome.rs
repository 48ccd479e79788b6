//! Owns what a handler's return value means: success, or which failure; must not know who runs handlers, or what a failure leads to.

use std::convert::Infallible;
use std::fmt::Debug;
use std::process::ExitCode;

use super::error::HandlerError;

/// What a handler may return: whatever `main` may.
///
/// `()`, `!`, [`ExitCode`], and `Result<T, E>` of an outcome and of an error that is [`Debug`]. `Err` and an exit status
/// other than 0 are failures. Implement it for a type of yours to return that.
///
/// # Examples
///
/// ```
/// use atexit_core::{HandlerError, Outcome};
///
/// struct Flushed {
///     lost: usize,
/// }
///
/// impl Outcome for Flushed {
///     fn into_result(self) -> Result<(), HandlerError> {
///         match self.lost {
///             0 => Ok(()),
///             lost => Err(HandlerError::new(format_args!("{lost} records lost"))),
///         }
///     }
/// }
///
/// atexit_core::register(|| Flushed { lost: 0 });
/// ```
#[diagnostic::on_unimplemented(
    message = "an exit handler cannot return `{Self}`",
    label = "a handler returns `()`, `!`, `ExitCode` or `Result<T, E>` with `E: Debug`",
    note = "a type of yours can be returned, too, if it implements `atexit_core::Outcome`",
    note = "where this is a future: `register_async` takes an async function or closure, and so do `Handler::new_async` and `close_with_async`"
)]
pub trait Outcome {
    /// Success, or what went wrong.
    ///
    /// # Errors
    ///
    /// If the handler has failed.
    fn into_result(self) -> Result<(), HandlerError>;
}

impl Outcome for () {
    fn into_result(self) -> Result<(), HandlerError> {
        Ok(())
    }
}

impl Outcome for ExitCode {
    fn into_result(self) -> Result<(), HandlerError> {
        // It has no getter, but it can be compared.
        match (0..=u8::MAX).find(|&status| self == Self::from(status)).unwrap_or(u8::MAX) {
            0 => Ok(()),
            status => Err(HandlerError::exit_status(status)),
        }
    }
}

/// A failure, whatever it says.
impl Outcome for HandlerError {
    fn into_result(self) -> Result<(), HandlerError> {
        Err(self)
    }
}

impl<T: Outcome, E: Debug> Outcome for Result<T, E> {
    fn into_result(self) -> Result<(), HandlerError> {
        match self {
            Ok(value) => value.into_result(),
            Err(error) => Err(HandlerError::returned(error)),
        }
    }
}

/// `!`, which stable Rust cannot name here: it is what a function that never returns returns. And [`Infallible`], which
/// newer compilers take for the same type, so that it cannot have an implementation of its own.
#[diagnostic::do_not_recommend]
impl<R, Never> Outcome for R
where
    fn() -> !: FnOnce() -> Never,
    dyn Either<Never, Infallible>: Is<R>,
{
    fn into_result(self) -> Result<(), HandlerError> {
        Ok(())
    }
}

/// What the implementation above asks with: `dyn Either<A, B>` is `Is<R>` if `R` is `A` or `B`, which may be the same type.
trait Either<A, B>: Is<A> + Is<B> {}
trait Is<R> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_is_read() {
        for status in 1..=u8::MAX {
            let error = ExitCode::from(status).into_result().expect_err("not 0");
            assert_eq!((error.status(), error.message()), (status.into(), &*format!("returned exit status {status}")));
        }
        assert!(ExitCode::SUCCESS.into_result().is_ok());
    }
}
