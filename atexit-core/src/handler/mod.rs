//! Owns a handler that waits to run, declared or registered; must not know what else is pending, or how it will run.

use std::any::TypeId;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

pub(crate) mod callback;
pub(crate) mod constraints;
pub(crate) mod declaration;
pub(crate) mod duration;
pub(crate) mod error;
pub(crate) mod executor;
pub(crate) mod facts;
pub(crate) mod info;
pub(crate) mod outcome;
pub(crate) mod text;
pub(crate) mod value;

use crate::sys::Process;
use callback::{Callback, Code};
use constraints::Constraints;
use declaration::{DeclaredHandler, Phase, RunsOn};
use error::HandlerError;
use executor::Executor;
use facts::{About, Facts, Label};
use outcome::Outcome;

/// A handler that has not started yet.
pub(crate) struct PendingHandler {
    callback: Callback,
    location: &'static Location<'static>,
}

impl PendingHandler {
    /// Its place is in its description; the location here is never used.
    pub(crate) fn declared(handler: DeclaredHandler) -> Self {
        Self { callback: Callback::new(handler), location: Location::caller() }
    }

    /// A function or closure registered without options.
    pub(crate) fn plain<F, T>(f: F, location: &'static Location<'static>) -> Self
    where
        F: FnOnce() -> T + Send + 'static,
        T: Outcome,
    {
        Self { callback: Callback::new(Plain(f)), location }
    }

    /// The same for one that returns a future.
    pub(crate) fn asynchronous<F, T>(f: F, location: &'static Location<'static>) -> Self
    where
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output: Outcome> + 'static,
    {
        Self { callback: Callback::new(Async(f)), location }
    }

    /// The same with options.
    #[inline]
    pub(crate) fn with_options(self, options: Options) -> Self {
        let Self { callback, location } = self;
        Self { callback: Callback::new(WithOptions { options, callback }), location }
    }

    #[inline]
    pub(crate) fn facts(&self) -> Facts {
        match self.callback.about() {
            None => Facts::default(),
            Some(about) => about.facts(),
        }
    }

    /// Whether this is a forked child that has inherited the handler, and must not run it.
    #[inline(never)] // one copy, to keep programs small
    pub(crate) fn is_of_another_process(&self) -> bool {
        self.facts().are_of_another_process()
    }

    /// The limit that the handler asks for. For a declared one, this evaluates the user's expression.
    pub(crate) fn time_limit(&self) -> Option<Duration> {
        self.callback.about()?.time_limit()
    }

    pub(crate) fn as_declared(&self) -> Option<DeclaredHandler> {
        self.callback.about()?.declared()
    }

    /// `None` if it has none.
    pub(crate) fn constraints(&self) -> Option<&Arc<Constraints>> {
        self.callback.about()?.constraints()
    }

    /// The type of the function, if it is one.
    pub(crate) fn identity(&self) -> Option<TypeId> {
        match self.callback.about() {
            None => self.callback.identity(),
            Some(about) => about.identity(),
        }
    }

    #[inline]
    pub(crate) fn label(&self) -> Label {
        match self.callback.about() {
            None => self.callback.label(self.location, None),
            Some(about) => about.label(self.location),
        }
    }

    /// Where it was registered.
    pub(crate) fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Stores the label where none is. Each arm does so itself: joining them would make the processor wait for a store that it has just made
    /// elsewhere.
    #[inline]
    pub(crate) fn label_into(&self, place: &mut Option<Label>) {
        // Nothing has to be dropped there, which the compiler does not know.
        match self.callback.about() {
            None => std::mem::forget(place.replace(self.callback.label(self.location, None))),
            Some(about) => std::mem::forget(place.replace(about.label(self.location))),
        }
    }

    pub(crate) fn into_callback(self) -> Callback {
        self.callback
    }
}

/// A function or closure registered without options.
struct Plain<F>(F);

impl<F: FnOnce() -> T + Send + 'static, T: Outcome> Code for Plain<F> {
    type Function = F;

    fn call(self, _: &Executor) -> Result<(), HandlerError> {
        (self.0)().into_result()
    }
}

/// The same for one that returns a future.
struct Async<F>(F);

impl<F: FnOnce() -> T + Send + 'static, T: Future<Output: Outcome> + 'static> Code for Async<F> {
    type Function = F;

    fn call(self, executor: &Executor) -> Result<(), HandlerError> {
        executor.drive(async { (self.0)().await.into_result() })
    }
}

/// The options of a registration.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) name: Option<Arc<String>>,
    pub(crate) phase: Phase,
    pub(crate) runs_on: RunsOn,
    pub(crate) process: Option<Process>,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) executor: Option<Executor>,
    /// Shared with plans.
    pub(crate) constraints: Option<Arc<Constraints>>,
}

/// A handler registered with options.
struct WithOptions {
    options: Options,
    callback: Callback,
}

impl Code for WithOptions {
    type Function = Self; // never used: `identity` and `label` ask the callback

    const SAYS_MORE: bool = true;

    #[inline]
    fn call(self, executor: &Executor) -> Result<(), HandlerError> {
        self.callback.call(self.options.executor.as_ref().unwrap_or(executor))
    }

    #[inline]
    fn about(&self) -> Option<&dyn About> {
        Some(self)
    }
}

impl About for WithOptions {
    #[inline]
    fn facts(&self) -> Facts {
        let Options { phase, runs_on, process, time_limit, .. } = self.options;
        Facts { phase, runs_on, process, has_time_limit: time_limit.is_some(), is_value: false }
    }

    #[inline]
    fn time_limit(&self) -> Option<Duration> {
        self.options.time_limit
    }

    #[inline]
    fn identity(&self) -> Option<TypeId> {
        self.callback.identity()
    }

    #[inline]
    fn label(&self, location: &'static Location<'static>) -> Label {
        self.callback.label(location, self.options.name.clone())
    }

    #[inline]
    fn declared(&self) -> Option<DeclaredHandler> {
        None
    }

    #[inline]
    fn constraints(&self) -> Option<&Arc<Constraints>> {
        self.options.constraints.as_ref()
    }
}

impl Callback {
    #[inline]
    fn label(&self, location: &'static Location<'static>, name: Option<Arc<String>>) -> Label {
        Label::Registered { type_name: self.type_name(), location, name }
    }
}

impl Code for DeclaredHandler {
    type Function = Self; // never used: `identity` and `label` ask the description

    const SAYS_MORE: bool = true;

    fn call(self, executor: &Executor) -> Result<(), HandlerError> {
        let run = self.declared.describe().run; // the rest of the description is gone when it is called
        run(executor)
    }

    fn about(&self) -> Option<&dyn About> {
        Some(self)
    }
}

impl About for DeclaredHandler {
    fn facts(&self) -> Facts {
        let Self { phase, runs_on, has_time_limit, .. } = *self;
        let process = if self.this_process { Some(Process::of_start()) } else { None };
        Facts { phase, runs_on, process, has_time_limit, is_value: false }
    }

    fn time_limit(&self) -> Option<Duration> {
        let limit = self.declared.describe().time_limit?;
        Some(limit())
    }

    fn identity(&self) -> Option<TypeId> {
        Some(self.declared.describe().identity)
    }

    fn label(&self, _: &'static Location<'static>) -> Label {
        Label::Declared(self.declared)
    }

    fn declared(&self) -> Option<DeclaredHandler> {
        Some(*self)
    }
}
