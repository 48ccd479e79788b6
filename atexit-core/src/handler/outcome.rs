//! Owns the meaning of a handler's return value: success, or which failure; must not know who runs handlers, or what a failure leads to.

use std::convert::Infallible;
use std::fmt::Debug;
use std::process::ExitCode;

use super::error::HandlerError;

/// Converts what a handler returns to success or failure.
///
/// A handler may return whatever `main` may: `()`, `!`, [`ExitCode`], and `Result<T, E>` where `T` is an outcome and `E` is [`Debug`]. `Err`
/// and a nonzero exit status are failures. Implement the trait for a type of your own to return that.
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
    note = "to return a type of your own, implement `atexit_core::Outcome` for it",
    note = "to return a future, pass an async function or closure to `register_async`, `Handler::new_async` or `close_with_async`"
)]
pub trait Outcome {
    /// Returns success, or what went wrong.
    ///
    /// # Errors
    ///
    /// If the handler has failed.
    fn into_result(self) -> Result<(), HandlerError>;
}

impl Outcome for () {
    #[inline]
    fn into_result(self) -> Result<(), HandlerError> {
        Ok(())
    }
}

impl Outcome for ExitCode {
    #[inline]
    fn into_result(self) -> Result<(), HandlerError> {
        // `ExitCode` has no getter, but it can be compared.
        match (0..=u8::MAX).find(|&status| self == Self::from(status)).unwrap_or(u8::MAX) {
            0 => Ok(()),
            status => Err(HandlerError::exit_status(status)),
        }
    }
}

/// Always a failure.
impl Outcome for HandlerError {
    #[inline]
    fn into_result(self) -> Result<(), HandlerError> {
        Err(self)
    }
}

impl<T: Outcome, E: Debug> Outcome for Result<T, E> {
    #[inline]
    fn into_result(self) -> Result<(), HandlerError> {
        match self {
            Ok(value) => value.into_result(),
            Err(error) => Err(HandlerError::returned(error)),
        }
    }
}

/// Covers `!`, which stable Rust cannot name here except as the return type of a function, and [`Infallible`]. Newer compilers treat them as
/// one type, so they cannot have an implementation each.
#[diagnostic::do_not_recommend]
impl<R, Never> Outcome for R
where
    fn() -> !: FnOnce() -> Never,
    dyn Either<Never, Infallible>: Is<R>,
{
    #[inline]
    fn into_result(self) -> Result<(), HandlerError> {
        Ok(())
    }
}

/// Used by the implementation above: `dyn Either<A, B>` is `Is<R>` if `R` is `A` or `B`, which may be the same type.
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
