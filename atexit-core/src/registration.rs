//! Owns registering handlers by calls, and taking them back; must not know how handlers run.

use std::any::{TypeId, type_name};
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::config;
use crate::exit::hook;
use crate::handler::constraints::{Constraint, Constraints};
use crate::handler::declaration::{Phase, RunsOn, assert_function, identity};
use crate::handler::executor::Executor;
use crate::handler::outcome::Outcome;
use crate::handler::{Options, PendingHandler};
use crate::registry::{self, Inserted, stacks::Handle};
use crate::sys::Process;
use crate::sys::sync::thread;

/// Registers a handler: `f` runs when the process exits, before everything that was registered earlier.
///
/// It may be called from any thread and at any time, also inside a handler (then `f` runs next) and after a run. A closure
/// with up to three words of captures is stored without an allocation of its own.
///
/// # Panics
///
/// If billions of handlers are pending: after 2^31 to 2^32 of them no handle is left for another. Running out of memory aborts, as it
/// does everywhere in std.
///
/// # Examples
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
    insert(PendingHandler::plain(f, Location::caller()))
}

/// Registers an async handler: when the process exits, the future that `f` makes is run to completion.
///
/// In all else it is as [`register`]. `f` is called, and its future driven, on the thread of the handler, by the executor of
/// [`Config::block_on`](crate::Config::block_on), or else by the library's: with the feature `tokio` a Tokio runtime, without it a small
/// executor without timers and I/O.
///
/// # Panics
///
/// As [`register`].
///
/// # Examples
///
/// ```
/// async fn flush() -> std::io::Result<()> {
///     Ok(())
/// }
/// atexit_core::register_async(flush);
///
/// let name = String::from("orders");
/// atexit_core::register_async(async move || println!("closed {name}"));
/// ```
#[track_caller]
pub fn register_async<F, T>(f: F) -> Registration
where
    F: FnOnce() -> T + Send + 'static,
    T: Future<Output: Outcome> + 'static,
{
    insert(PendingHandler::asynchronous(f, Location::caller()))
}

/// A handler to register, with options.
///
/// # Examples
///
/// ```
/// use atexit_core::Handler;
///
/// Handler::new(|| println!("flushed")).name("flush the log").register();
/// ```
#[must_use = "a handler runs only after `register()`"]
pub struct Handler {
    pending: PendingHandler,
    options: Options,
    pub(crate) is_async: bool,
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
        Self { pending: PendingHandler::plain(f, location), options: Options::default(), is_async: false }
    }

    /// An async handler without any option, as [`register_async`] takes it.
    ///
    /// # Examples
    ///
    /// ```
    /// use atexit_core::Handler;
    ///
    /// Handler::new_async(async || println!("flushed")).last().register();
    /// ```
    #[track_caller]
    pub fn new_async<F, T>(f: F) -> Self
    where
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output: Outcome> + 'static,
    {
        let pending = PendingHandler::asynchronous(f, Location::caller());
        Self { pending, options: Options::default(), is_async: true }
    }

    /// Sets what reports call it, instead of the function's name.
    ///
    /// An empty name is none.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.name = Some(name.into()).filter(|name| !name.is_empty()).map(Arc::new);
        self
    }

    /// Runs it before all handlers that do not say `first`, whenever they were registered.
    ///
    /// What a handler registers runs next within its phase.
    ///
    /// # Panics
    ///
    /// If it is to run [`last`](Self::last) already.
    #[track_caller]
    pub fn first(self) -> Self {
        self.marked(Phase::First)
    }

    /// Runs it after all handlers that do not say `last`: loggers want this.
    ///
    /// # Panics
    ///
    /// If it is to run [`first`](Self::first) already.
    #[track_caller]
    pub fn last(self) -> Self {
        self.marked(Phase::Last)
    }

    #[track_caller]
    fn marked(mut self, phase: Phase) -> Self {
        let is_free = [Phase::default(), phase].contains(&self.options.phase);
        assert!(is_free, "a handler cannot run both `first` and `last`: keep one of them");
        self.options.phase = phase;
        self
    }

    /// Checks, when it is registered, that it runs before all pending handlers of `function`.
    ///
    /// It moves nothing, for what is registered last runs first anyway. The function is named as a value; its handlers are those that
    /// `#[at_exit]` declares and those that [`register(function)`](crate::register) makes. Several calls add up. If the order is another one,
    /// because `function` is in an earlier phase or because of [`after`](Self::after), or if `function` is no handler, a line on standard error
    /// says so. The handler is registered all the same.
    ///
    /// # Errors
    ///
    /// The compiler refuses what names no function when it builds the program (not in `cargo check`), as for
    /// [`unregister`](crate::unregister).
    ///
    /// # Examples
    ///
    /// ```
    /// use atexit_core::{Handler, register};
    ///
    /// fn disconnect() {}
    ///
    /// register(disconnect);
    /// Handler::new(|| println!("flushed")).before(disconnect).register();
    /// # atexit_core::clear();
    /// ```
    pub fn before<G: Copy + 'static>(self, function: G) -> Self {
        const { assert_function::<G>() };
        self.constrained(true, function)
    }

    /// Runs it after all handlers of `function` that are pending when it is registered.
    ///
    /// The function is named as a value; its handlers are those that `#[at_exit]` declares and those that
    /// [`register(function)`](crate::register) makes. Instead of running next, this one goes just below the last of them in its phase, so that
    /// as much as possible stays as it is; if they are in an earlier phase, that is so by itself. Several calls add up, and to register takes
    /// a look at each pending handler.
    ///
    /// A constraint that cannot be met is ignored, and a line on standard error says so: `function` is in a later phase, it is neither
    /// declared nor pending, or one of the two comes too late for the run that is under way. That a declared handler has run
    /// already is fine. Where [`before`](Self::before) asks for the opposite, this holds. The handler is registered all the same.
    ///
    /// # Errors
    ///
    /// The compiler refuses what names no function when it builds the program (not in `cargo check`), as for
    /// [`unregister`](crate::unregister).
    ///
    /// # Examples
    ///
    /// ```standalone_crate
    /// use atexit_core::{Handler, at_exit, plan};
    ///
    /// #[at_exit]
    /// fn flush() {}
    ///
    /// Handler::new(|| println!("the file is closed")).name("close").after(flush).register();
    /// let plan = plan();
    /// let labels: Vec<_> = plan.iter().map(|planned| planned.label()).collect();
    /// assert_eq!(labels, ["flush", "close"]);
    /// # atexit_core::clear();
    /// ```
    pub fn after<G: Copy + 'static>(self, function: G) -> Self {
        const { assert_function::<G>() };
        self.constrained(false, function)
    }

    fn constrained<G: Copy + 'static>(mut self, is_before: bool, function: G) -> Self {
        let constraint = Constraint { is_before, identity: identity(&function), path: type_name::<G>() };
        Arc::make_mut(self.options.constraints.get_or_insert_default()).add(constraint);
        self
    }

    /// Runs it only in this process, never in a child that was forked from it.
    ///
    /// There it is forgotten, and what it captured is not dropped.
    pub fn this_process(mut self) -> Self {
        self.options.process = Some(Process::current());
        self
    }

    /// Abandons it when it has run for `limit`, which is a failure.
    ///
    /// The next handler starts on a new thread. Its own thread is left alone, and whatever it still does changes no report.
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
        self.options.runs_on = RunsOn::Caller;
        self
    }

    /// Runs the future of an async handler to completion by this function.
    ///
    /// It is called on the thread that the handler runs on. If it returns before the future is ready, the handler has failed.
    ///
    /// # Panics
    ///
    /// If the handler is not async: see [`new_async`](Self::new_async).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::Future;
    /// use std::pin::Pin;
    /// use std::task::{Context, Poll, Waker};
    ///
    /// use atexit_core::Handler;
    ///
    /// fn busily(mut handler: Pin<Box<dyn Future<Output = ()>>>) {
    ///     while let Poll::Pending = handler.as_mut().poll(&mut Context::from_waker(Waker::noop())) {}
    /// }
    ///
    /// Handler::new_async(async || println!("flushed")).block_on(busily).register();
    /// ```
    #[track_caller]
    pub fn block_on(mut self, block_on: impl Fn(Pin<Box<dyn Future<Output = ()>>>) + Send + Sync + 'static) -> Self {
        assert!(self.is_async, "only an async handler needs `block_on`: make it by `Handler::new_async`");
        self.options.executor = Some(Executor::of(block_on));
        self
    }

    /// Registers it; see [`register`] for when it may be called, and for panics.
    ///
    /// # Examples
    ///
    /// ```
    /// let registration = atexit_core::Handler::new(|| println!("closed")).last().register();
    /// assert!(registration.is_pending());
    /// # registration.unregister();
    /// ```
    pub fn register(self) -> Registration {
        match self.options.constraints.clone() {
            None => insert(self.pending.with_options(self.options)),
            Some(constraints) => insert_constrained(self.pending.with_options(self.options), &constraints),
        }
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler")
            .field("location", &self.pending.location())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// A registration, by which the handler can be taken back while it is pending.
///
/// It is a plain value: copy it, keep it, drop it, nothing happens to the handler. A stale one, whose handler has started,
/// was unregistered or cleared, matches nothing, also after its memory went to another handler.
///
/// # Examples
///
/// ```
/// let flush = atexit_core::register(|| println!("flushed"));
/// assert!(flush.is_pending());
/// assert!(flush.unregister());
/// assert!(!flush.unregister());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Registration(Handle);

impl Registration {
    /// The handler itself, if it was pending; it will not run.
    pub(crate) fn take(self) -> Option<PendingHandler> {
        registry::remove(self.0)
    }

    /// Takes the handler back: `true` if it was pending and will not run.
    ///
    /// It takes constant time on average: what is left of the unregistered is cleared away now and then. What the handler captured is
    /// dropped before this returns.
    ///
    /// # Panics
    ///
    /// If dropping the captures does. The handler is gone then, too.
    pub fn unregister(&self) -> bool {
        self.take().is_some()
    }

    /// Whether the handler is pending: not started, not unregistered, not cleared.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        registry::contains(self.0)
    }
}

/// Forgets all pending registrations of one function, and says how many there were.
///
/// The function is named as a value: `unregister(my_cleanup)`. All its declared registrations go, and those made by
/// [`register(my_cleanup)`](crate::register). It looks at every pending handler.
///
/// # Panics
///
/// If dropping what a handler captured does, after all of them are gone.
///
/// # Errors
///
/// The compiler refuses what names no function when it builds the program: a value, a [`Registration`] among them, a closure with
/// captures, and a function pointer such as `my_cleanup as fn()`.
///
/// # Examples
///
/// ```
/// fn my_cleanup() {}
/// atexit_core::register(my_cleanup);
/// atexit_core::register(my_cleanup);
/// assert_eq!(atexit_core::unregister(my_cleanup), 2);
/// assert_eq!(atexit_core::unregister(my_cleanup), 0);
/// ```
pub fn unregister<F: Copy + 'static>(function: F) -> usize {
    const { assert_function::<F>() };
    let _ = function;
    forget(registry::remove_function(TypeId::of::<F>()))
}

/// Forgets all handlers that are pending, declared and registered, and says how many there were.
///
/// It is the program's to call, not a library's: the handlers of all crates are lost.
///
/// # Panics
///
/// If dropping what a handler captured does, after all of them are gone.
///
/// # Examples
///
/// ```
/// atexit_core::register(|| println!("never"));
/// assert_eq!(atexit_core::clear(), 1);
/// assert_eq!(atexit_core::pending(), 0);
/// ```
pub fn clear() -> usize {
    forget(registry::remove_all())
}

/// How many handlers are pending: declared or registered, and not yet started.
///
/// # Examples
///
/// ```
/// let before = atexit_core::pending();
/// let registration = atexit_core::register(|| {});
/// assert_eq!(atexit_core::pending(), before + 1);
/// registration.unregister();
/// ```
#[must_use]
pub fn pending() -> usize {
    registry::len()
}

fn insert(handler: PendingHandler) -> Registration {
    joined(&registry::insert(handler))
}

/// The same for a handler with constraints: those that cannot be met are told at once.
fn insert_constrained(handler: PendingHandler, constraints: &Constraints) -> Registration {
    let (inserted, unmet) = registry::insert_constrained(handler, constraints);
    let registration = joined(&inserted);
    if !unmet.is_empty() {
        config::log(None).problems(&unmet);
    }
    registration
}

/// What is left to do for a handler that has joined the others.
pub(crate) fn joined(inserted: &Inserted) -> Registration {
    if inserted.needs_hook {
        hook::install_again();
    }
    if inserted.is_late {
        thread::sleep(LATE); // whoever registers on and on is not to keep the run from the lock
    }
    Registration(inserted.handle)
}

/// How long a registration takes that comes too late for the run that is under way.
const LATE: Duration = Duration::from_millis(1);

/// Drops these handlers, and says how many they were.
fn forget(handlers: Vec<PendingHandler>) -> usize {
    let count = handlers.len();
    let panics: Vec<_> =
        handlers.into_iter().filter_map(|handler| catch_unwind(AssertUnwindSafe(|| drop(handler))).err()).collect();
    match panics.into_iter().next() {
        Some(panic) => resume_unwind(panic),
        None => count,
    }
}
