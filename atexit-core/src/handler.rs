//! Owns a handler, declared or about to be registered; must not know what else is pending, nor how it will run.

use std::any::TypeId;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::declaration::{Declared, Description};
use crate::naming::{self, HandlerInfo};
use crate::order::Why;
use crate::platform::{self, Callback};
use crate::registry::{self, Place, Registration};
use crate::status::{Fault, Outcome};

/// Where a handler stands among all: a phase is over before the next begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    First,
    #[default]
    Unmarked,
    Last,
}

/// The code of a handler, as a [`Callback`] holds it.
pub(crate) trait Code: Send + 'static {
    /// What identifies it, and names it if nothing else does.
    type Function: 'static;

    /// Whether there is anything that it says of itself.
    const SAYS_MORE: bool = false;

    fn call(self) -> Option<Fault>;

    fn about(&self) -> Option<About<'_>> {
        None
    }
}

impl Phase {
    /// In the order of running.
    pub(crate) const ALL: [Self; 3] = [Self::First, Self::Unmarked, Self::Last];
}

impl<C: Code> Code for Box<C> {
    type Function = C::Function;

    const SAYS_MORE: bool = C::SAYS_MORE;

    fn call(self) -> Option<Fault> {
        (*self).call()
    }

    fn about(&self) -> Option<About<'_>> {
        (**self).about()
    }
}

/// What a handler says of itself beyond the code to run.
#[derive(Clone, Copy)]
pub(crate) enum About<'a> {
    Options(&'a WithOptions),
    Declared(&'a DeclaredHandler),
}

/// A function or closure that is registered without options.
struct Plain<F>(F);

impl<F: FnOnce() -> T + Send + 'static, T: Outcome> Code for Plain<F> {
    type Function = F;

    fn call(self) -> Option<Fault> {
        (self.0)().fault()
    }
}

/// One that is registered with options.
pub(crate) struct WithOptions {
    options: Arc<Options>,
    callback: Callback,
}

#[derive(Debug, Default)]
pub(crate) struct Options {
    name: Option<String>,
    phase: Phase,
    /// The only process in which it may run.
    process: Option<u32>,
    caller_thread: bool,
    time_limit: Option<Duration>,
}

impl Code for WithOptions {
    type Function = Self; // the callback knows better

    const SAYS_MORE: bool = true;

    fn call(self) -> Option<Fault> {
        self.callback.call()
    }

    fn about(&self) -> Option<About<'_>> {
        Some(About::Options(self))
    }
}

/// A declared handler. What is seldom asked for is not kept: a description is large, and made in no time.
#[derive(Clone, Copy)]
pub(crate) struct DeclaredHandler {
    pub(crate) declared: Declared,
    pub(crate) why: Why,
    phase: Phase,
    this_process: bool,
    caller_thread: bool,
    has_time_limit: bool,
}

impl DeclaredHandler {
    pub(crate) fn new(declared: Declared, description: &Description) -> Self {
        Self {
            declared,
            why: Why::Place { stated: false },
            phase: description.phase(),
            this_process: description.this_process,
            caller_thread: description.caller_thread,
            has_time_limit: description.time_limit.is_some(),
        }
    }
}

impl Code for DeclaredHandler {
    type Function = Self; // the description knows better

    const SAYS_MORE: bool = true;

    fn call(self) -> Option<Fault> {
        (self.declared.describe().run)()
    }

    fn about(&self) -> Option<About<'_>> {
        Some(About::Declared(self))
    }
}

/// A pending handler.
pub(crate) struct Entry {
    callback: Callback,
    location: &'static Location<'static>,
}

/// What is left of a handler when its code is gone: enough to say which it was.
#[derive(Clone)]
pub(crate) enum Label {
    Declared(Declared),
    Registered { type_name: fn() -> &'static str, location: &'static Location<'static>, options: Option<Arc<Options>> },
}

impl Entry {
    pub(crate) fn declared(handler: DeclaredHandler) -> Self {
        Self { callback: Callback::new(handler), location: Location::caller() }
    }

    #[inline]
    pub(crate) fn phase(&self) -> Phase {
        match self.callback.about() {
            None => Phase::Unmarked,
            Some(About::Options(with)) => with.options.phase,
            Some(About::Declared(handler)) => handler.phase,
        }
    }

    /// Whether a forked child has it from its parent, and must not run it.
    #[inline]
    pub(crate) fn is_of_another_process(&self) -> bool {
        let process = match self.callback.about() {
            None => None,
            Some(About::Options(with)) => with.options.process,
            Some(About::Declared(handler)) => handler.this_process.then(platform::loaded_in),
        };
        process.is_some_and(|process| process != std::process::id())
    }

    #[inline]
    pub(crate) fn place(&self) -> Place {
        let caller = match self.callback.about() {
            None => false,
            Some(About::Options(with)) => with.options.caller_thread,
            Some(About::Declared(handler)) => handler.caller_thread,
        };
        if caller { Place::Caller } else { Place::ExitThread }
    }

    #[inline]
    pub(crate) fn has_time_limit(&self) -> bool {
        match self.callback.about() {
            None => false,
            Some(About::Options(with)) => with.options.time_limit.is_some(),
            Some(About::Declared(handler)) => handler.has_time_limit,
        }
    }

    /// The limit that the handler asks for: an expression of the user's, which is evaluated here, if it is declared.
    pub(crate) fn time_limit(&self) -> Option<Duration> {
        match self.callback.about()? {
            About::Options(with) => with.options.time_limit,
            About::Declared(handler) => handler.declared.describe().time_limit.map(|limit| limit()),
        }
    }

    pub(crate) fn as_declared(&self) -> Option<&DeclaredHandler> {
        match self.callback.about()? {
            About::Options(_) => None,
            About::Declared(handler) => Some(handler),
        }
    }

    /// The type of the function, where it is one.
    pub(crate) fn identity(&self) -> Option<TypeId> {
        match self.callback.about() {
            None => self.callback.identity(),
            Some(About::Options(with)) => with.callback.identity(),
            Some(About::Declared(handler)) => Some(handler.declared.describe().identity),
        }
    }

    #[inline]
    pub(crate) fn label(&self) -> Label {
        let registered = |type_name, options| Label::Registered { type_name, location: self.location, options };
        match self.callback.about() {
            None => registered(self.callback.type_name(), None),
            Some(About::Options(with)) => registered(with.callback.type_name(), Some(Arc::clone(&with.options))),
            Some(About::Declared(handler)) => Label::Declared(handler.declared),
        }
    }

    pub(crate) fn into_callback(self) -> Callback {
        self.callback
    }

    pub(crate) fn info(&self) -> HandlerInfo {
        self.label().info()
    }
}

impl Label {
    pub(crate) fn info(&self) -> HandlerInfo {
        match self {
            Self::Declared(declared) => declared.describe().info(),
            Self::Registered { type_name, location, options } => {
                let name = options.as_ref().and_then(|options| options.name.clone());
                let label = name.unwrap_or_else(|| naming::function_name(type_name()));
                HandlerInfo { label, file: location.file(), line: location.line() }
            }
        }
    }

    pub(crate) fn crate_name(&self) -> &'static str {
        match self {
            Self::Declared(declared) => declared.describe().site.crate_name(),
            Self::Registered { type_name, .. } => naming::crate_of_type(type_name()),
        }
    }
}

/// Registers a handler: `f` runs when the process exits, before everything that was registered earlier.
///
/// It may be called from any thread and at any time, also inside a handler (then `f` runs next) and after a run. A closure
/// with up to three words of captures is stored without an allocation of its own.
///
/// # Panics
///
/// If thousands of millions of handlers are pending: after 2^31 to 2^32 of them no handle is left for another. Out of memory aborts, as
/// it does everywhere in std.
///
/// ```
/// let name = String::from("orders");
/// atexit_core::register(move || println!("closed {name}"));
///
/// fn flush() -> std::io::Result<()> {
///     Ok(())
/// }
/// atexit_core::register(flush);
/// ```
#[track_caller]
pub fn register<F, T>(f: F) -> Registration
where
    F: FnOnce() -> T + Send + 'static,
    T: Outcome,
{
    registry::insert(Entry { callback: Callback::new(Plain(f)), location: Location::caller() })
}

/// A handler to register, with options.
///
/// ```
/// use atexit_core::Handler;
///
/// Handler::new(|| println!("flushed")).name("flush the log").register();
/// ```
#[must_use = "a handler runs only after `register()`"]
pub struct Handler {
    callback: Callback,
    location: &'static Location<'static>,
    options: Options,
}

impl Handler {
    /// A handler without any option, as [`register`] takes it.
    #[track_caller]
    pub fn new<F, T>(f: F) -> Self
    where
        F: FnOnce() -> T + Send + 'static,
        T: Outcome,
    {
        Self::at(f, Location::caller())
    }

    pub(crate) fn at<F, T>(f: F, location: &'static Location<'static>) -> Self
    where
        F: FnOnce() -> T + Send + 'static,
        T: Outcome,
    {
        Self { callback: Callback::new(Plain(f)), location, options: Options::default() }
    }

    /// What reports call it, instead of the function's name. An empty name is none.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.name = Some(name.into()).filter(|name| !name.is_empty());
        self
    }

    /// Runs it before all handlers that do not say `first`, whenever they were registered. What a handler registers runs next within
    /// its phase.
    pub fn first(mut self) -> Self {
        self.options.phase = Phase::First;
        self
    }

    /// Runs it after all handlers that do not say `last`: loggers want this.
    pub fn last(mut self) -> Self {
        self.options.phase = Phase::Last;
        self
    }

    /// Runs it only in this process, never in a child that was forked from it: there it is forgotten, and what it captured
    /// is not dropped.
    pub fn this_process(mut self) -> Self {
        self.options.process = Some(std::process::id());
        self
    }

    /// Abandons it when it has run for `limit`: that is a failure, and the next handler starts on a new thread. Its own thread is left
    /// alone, and whatever it still does changes no account.
    ///
    /// On the exiting thread nothing can be abandoned: there a handler that took longer is reported as a failure when it is over.
    /// [`Duration::MAX`] is no limit; with [`Duration::ZERO`] the handler starts, and fails.
    /// [`Config::time_limit`](crate::Config::time_limit) gives a limit to all handlers that have none.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.options.time_limit = Some(limit);
        self
    }

    /// Runs it on the thread that exits, or that calls [`run`](crate::run), instead of the exit thread.
    ///
    /// For what insists on its thread, as some window systems do. At exit the thread-locals of that thread are gone already. When a signal
    /// ends the process, there is no such thread: then it runs on the exit thread. Nobody watches whether it hangs, unless it has a
    /// time limit, or [`Config`](crate::Config) sets a limit or a deadline.
    pub fn caller_thread(mut self) -> Self {
        self.options.caller_thread = true;
        self
    }

    /// Registers it; see [`register`] for when it may be called, and for panics.
    ///
    /// ```
    /// let registration = atexit_core::Handler::new(|| println!("closed")).last().register();
    /// assert!(registration.is_pending());
    /// # registration.unregister();
    /// ```
    pub fn register(self) -> Registration {
        let Self { callback, location, options } = self;
        let code = WithOptions { options: Arc::new(options), callback };
        registry::insert(Entry { callback: Callback::new(code), location })
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler")
            .field("location", &self.location)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
