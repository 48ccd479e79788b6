//! Owns how each handler of a run ended: the record, and what a program sees of it; must not know what else is in a report.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::failure::Failure;
use crate::handler::error::FailureKind;
use crate::handler::facts::Label;
use crate::handler::info::HandlerInfo;

/// A handler that ran: which one, for how long, and how it ended.
#[derive(Clone, Debug)]
pub struct HandlerRun {
    handler: HandlerInfo,
    elapsed: Duration,
    end: HandlerEnd,
    failure: Option<Failure>,
}

impl HandlerRun {
    /// The handler: its label and where it was declared or registered.
    #[must_use]
    pub fn handler(&self) -> &HandlerInfo {
        &self.handler
    }

    /// How long it took, or how long it ran before it was abandoned.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// How it ended.
    #[must_use]
    pub fn end(&self) -> HandlerEnd {
        self.end
    }

    /// What went wrong, if it failed.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }
}

/// How a handler ended; displayed in a few words.
///
/// # Examples
///
/// ```
/// use atexit_core::{FailureKind, HandlerEnd, register, run};
///
/// register(|| println!("flushed"));
/// register(|| Err::<(), _>("no space"));
/// let report = run();
/// let ends: Vec<_> = report.handlers().iter().map(|run| run.end()).collect();
/// assert_eq!(ends, [HandlerEnd::Failed(FailureKind::Error), HandlerEnd::Returned]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HandlerEnd {
    /// It returned, and did not fail.
    Returned,
    /// It called [`exit`](crate::exit) with this code, or C's `exit`.
    Exited(i32),
    /// It failed, in this way.
    Failed(FailureKind),
}

impl fmt::Display for HandlerEnd {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Returned => f.write_str("returned"),
            Self::Exited(code) => write!(f, "exited with {code}"),
            Self::Failed(kind) => write!(f, "failed: {kind}"),
        }
    }
}

/// What a run records about a handler. To put its name into words takes longer than most handlers, so this waits until somebody asks.
#[derive(Clone)]
pub(crate) struct HandlerRecord {
    elapsed: Duration,
    ending: Ending,
}

#[derive(Clone)]
enum Ending {
    Failed(Failure),
    Other(Label, HandlerEnd),
    /// The same in words.
    Named(Arc<HandlerInfo>, HandlerEnd),
}

impl HandlerRecord {
    pub(crate) fn new(handler: Label, elapsed: Duration, end: HandlerEnd) -> Self {
        Self { elapsed, ending: Ending::Other(handler, end) }
    }

    pub(crate) fn failed(failure: Failure, elapsed: Duration) -> Self {
        Self { elapsed, ending: Ending::Failed(failure) }
    }

    pub(crate) fn failure(&self) -> Option<&Failure> {
        match &self.ending {
            Ending::Failed(failure) => Some(failure),
            Ending::Other(..) | Ending::Named(..) => None,
        }
    }

    /// Puts the name into words now: what makes it is about to go.
    #[inline]
    pub(crate) fn make_name(&mut self) {
        if let Ending::Other(handler, end) = &self.ending {
            self.ending = Ending::Named(Arc::new(handler.info()), *end);
        }
    }

    #[inline]
    pub(super) fn told(&self) -> HandlerRun {
        let (handler, end, failure) = match &self.ending {
            Ending::Failed(failure) => {
                (failure.handler().clone(), HandlerEnd::Failed(failure.kind()), Some(failure.clone()))
            }
            Ending::Other(handler, end) => (handler.info(), *end, None),
            Ending::Named(handler, end) => (HandlerInfo::clone(handler), *end, None),
        };
        HandlerRun { handler, elapsed: self.elapsed, end, failure }
    }
}
