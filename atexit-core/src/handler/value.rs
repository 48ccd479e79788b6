//! Owns the facts about a value in a `static`, and the handler that finishes it at exit; must not know how a value is made, kept or finished.

use std::any::TypeId;
use std::panic::Location;
use std::time::Duration;

use super::PendingHandler;
use super::callback::{Callback, Code};
use super::declaration::{DeclaredHandler, Phase, RunsOn};
use super::error::HandlerError;
use super::executor::Executor;
use super::facts::{About, Facts, Label};
use crate::sys::Process;

/// How long to wait for a value without a time limit: for its initialization to end, and for its last borrower to let go.
const PATIENCE: Duration = Duration::from_secs(2);

/// The options of a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Empty if it has none.
    pub(crate) name: &'static str,
    pub(crate) phase: Phase,
    pub(crate) time_limit: Option<Duration>,
    /// Where it is declared.
    pub(crate) location: &'static Location<'static>,
}

impl Options {
    pub(crate) const fn at(location: &'static Location<'static>) -> Self {
        Self { name: "", phase: Phase::Value, time_limit: None, location }
    }

    /// Marks it `first` or `last`.
    #[track_caller]
    pub(crate) const fn mark(&mut self, phase: Phase) {
        let is_free = matches!(self.phase, Phase::Value) || self.phase as u8 == phase as u8;
        assert!(is_free, "a value cannot be finished both `first` and `last`: keep one of them");
        self.phase = phase;
    }

    pub(crate) fn patience(&self) -> Duration {
        self.time_limit.unwrap_or(PATIENCE)
    }

    pub(crate) fn label(&self) -> Label {
        Label::Value { name: self.name, location: self.location }
    }
}

/// An initialized value, as seen by the handler that finishes it.
pub(crate) trait Value: Sync {
    fn options(&self) -> &Options;

    /// Closes the value if it is open, and finishes it unless that has been done: a value that was still borrowed when it was closed is
    /// finished here.
    fn finish(&'static self, executor: &Executor) -> Result<(), HandlerError>;
}

impl PendingHandler {
    /// Finishes a value of this process.
    #[inline]
    pub(crate) fn value(value: &'static dyn Value, process: Process) -> Self {
        Self { callback: Callback::new(Finish { value, process }), location: value.options().location }
    }

    /// Stands for a value whose initialization or closing took too long, and fails.
    pub(crate) fn given_up(options: Options, is_closing: bool) -> Self {
        Self { callback: Callback::new(GivenUp { options, is_closing }), location: options.location }
    }
}

struct Finish {
    value: &'static dyn Value,
    process: Process,
}

struct GivenUp {
    options: Options,
    is_closing: bool,
}

impl Code for Finish {
    type Function = Self; // never used: the value has a label

    const SAYS_MORE: bool = true;

    fn call(self, executor: &Executor) -> Result<(), HandlerError> {
        self.value.finish(executor)
    }

    fn about(&self) -> Option<&dyn About> {
        Some(self)
    }
}

impl About for Finish {
    fn facts(&self) -> Facts {
        let Options { phase, time_limit, .. } = *self.value.options();
        Facts {
            phase,
            runs_on: RunsOn::ExitThread,
            process: Some(self.process),
            has_time_limit: time_limit.is_some(),
            is_value: true,
        }
    }

    fn time_limit(&self) -> Option<Duration> {
        self.value.options().time_limit
    }

    fn identity(&self) -> Option<TypeId> {
        None
    }

    fn label(&self, _: &'static Location<'static>) -> Label {
        self.value.options().label()
    }

    fn declared(&self) -> Option<DeclaredHandler> {
        None
    }
}

impl Code for GivenUp {
    type Function = Self; // as above

    const SAYS_MORE: bool = true;

    fn call(self, _: &Executor) -> Result<(), HandlerError> {
        Err(HandlerError::given_up(self.is_closing))
    }

    fn about(&self) -> Option<&dyn About> {
        Some(self)
    }
}

impl About for GivenUp {
    fn facts(&self) -> Facts {
        Facts { phase: self.options.phase, ..Facts::default() }
    }

    fn time_limit(&self) -> Option<Duration> {
        None
    }

    fn identity(&self) -> Option<TypeId> {
        None
    }

    fn label(&self, _: &'static Location<'static>) -> Label {
        self.options.label()
    }

    fn declared(&self) -> Option<DeclaredHandler> {
        None
    }
}
