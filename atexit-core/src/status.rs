//! Owns what a handler's return value means for the exit status; must not know who runs handlers, or where.

use std::convert::Infallible;
use std::fmt::Debug;
use std::process::ExitCode;

/// A failure as a handler returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    status: i32,
    message: String,
}

/// What a handler may return.
#[diagnostic::on_unimplemented(
    message = "an exit handler cannot return `{Self}`",
    label = "a handler returns `()`, `!`, `ExitCode` or `Result<T, E>` with `E: Debug`",
    note = "or a type of yours that implements `atexit_core::Outcome`"
)]
pub trait Outcome {
    /// `None` is success.
    fn fault(self) -> Option<Fault>;
}

impl Outcome for () {
    fn fault(self) -> Option<Fault> {
        None
    }
}

impl Outcome for Infallible {
    fn fault(self) -> Option<Fault> {
        match self {}
    }
}

impl Outcome for ExitCode {
    fn fault(self) -> Option<Fault> {
        let status = (0..=u8::MAX).find(|&n| self == Self::from(n)).unwrap_or(u8::MAX);
        (status != 0).then(|| Fault { status: status.into(), message: format!("returned exit status {status}") })
    }
}

impl<T: Outcome, E: Debug> Outcome for Result<T, E> {
    fn fault(self) -> Option<Fault> {
        match self {
            Ok(value) => value.fault(),
            Err(error) => Some(Fault { status: 1, message: format!("{error:?}") }),
        }
    }
}

/// `!`, which has no name on stable: what a function that never returns returns.
#[diagnostic::do_not_recommend]
impl<R> Outcome for R
where
    fn() -> !: FnOnce() -> R,
{
    fn fault(self) -> Option<Fault> {
        None
    }
}
