//! Owns registering handlers at run time, and unregistering them; must not know how handlers run.

use std::any::{TypeId, type_name};
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::config;
use crate::exit::hook;
use crate::handler::constraints::Constraint;
use crate::handler::declaration::{Phase, RunsOn, assert_function, identity};
use crate::handler::error::drop_quietly;
use crate::handler::executor::Executor;
use crate::handler::outcome::Outcome;
use crate::handler::{Options, PendingHandler};
use crate::registry::{self, Inserted, stacks::Handle};
use crate::sys::Process;
use crate::sys::sync::thread;

/// Registers a handler: `f` runs when the process exits, before everything registered earlier.
///
/// You may call it on any thread and at any time, even inside a handler (then `f` runs next) and after a run. A closure
/// that captures up to three words is stored without an extra allocation.
///
/// # Panics
///
/// If billions of handlers are pending: the handles run out somewhere between 2^31 and 2^32 of them. Running out of memory aborts, as
/// everywhere in std.
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
#[doc(alias = "atexit")]
#[doc(alias = "cleanup")]
#[doc(alias = "hook")]
#[doc(alias = "on_exit")]
#[doc(alias = "shutdown")]
#[track_caller]
pub fn register<F, T>(f: F) -> Registration
where
    F: FnOnce() -> T + Send + 'static,
    T: Outcome,
{
    insert(PendingHandler::plain(f, Location::caller()))
}

/// Registers an async handler: when the process exits, the future that `f` returns runs to completion.
///
/// Apart from that, it is like [`register`]. The handler's thread calls `f` and drives its future, with the executor set by
/// [`Config::block_on`](crate::Config::block_on) or else the library's own: a Tokio runtime with the feature `tokio`, otherwise a small
/// executor without timers and I/O.
///
/// # Panics
///
/// See [`register`].
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

/// Builds a handler with options, and registers it.
///
/// # Examples
///
/// ```
/// use atexit_core::Handler;
///
/// Handler::new(|| println!("flushed")).name("flush the log").register();
/// ```
#[must_use = "a `Handler` does nothing until you call `register()` or `guard()`"]
pub struct Handler {
    pending: PendingHandler,
    options: Options,
    /// Another function if it has constraints, so that only a program that uses these compiles it.
    insert: fn(PendingHandler) -> Registration,
    pub(crate) is_async: bool,
}

impl Handler {
    /// Makes a handler without options, from the same functions that [`register`] takes.
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
        Self::of(PendingHandler::plain(f, location), false)
    }

    #[inline]
    fn of(pending: PendingHandler, is_async: bool) -> Self {
        Self { pending, options: Options::default(), insert, is_async }
    }

    /// Makes an async handler without options, from the same functions that [`register_async`] takes.
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
        Self::of(PendingHandler::asynchronous(f, Location::caller()), true)
    }

    /// Sets the name that reports use instead of the function's.
    ///
    /// An empty name counts as no name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.name = Some(name.into()).filter(|name| !name.is_empty()).map(Arc::new);
        self
    }

    /// Runs it before all handlers that are not marked `first`, no matter when they were registered.
    ///
    /// A handler registered by another handler runs next within its phase.
    ///
    /// # Panics
    ///
    /// If it is already marked [`last`](Self::last).
    #[doc(alias = "order")]
    #[doc(alias = "priority")]
    #[track_caller]
    #[inline]
    pub fn first(self) -> Self {
        self.marked(Phase::First)
    }

    /// Runs it after all handlers that are not marked `last`: the right place for a logger.
    ///
    /// # Panics
    ///
    /// If it is already marked [`first`](Self::first).
    #[doc(alias = "order")]
    #[doc(alias = "priority")]
    #[track_caller]
    #[inline]
    pub fn last(self) -> Self {
        self.marked(Phase::Last)
    }

    #[track_caller]
    #[inline]
    fn marked(mut self, phase: Phase) -> Self {
        let is_free = self.options.phase == Phase::default() || self.options.phase == phase;
        assert!(is_free, "a handler cannot run both `first` and `last`: keep one of them");
        self.options.phase = phase;
        self
    }

    /// Checks, on registration, that it runs before all pending handlers of `function`.
    ///
    /// It moves nothing: the handler registered last runs first anyway. Pass the function itself; its handlers are those declared by
    /// `#[at_exit]` and those registered by [`register(function)`](crate::register). Several calls add up. If the order is different,
    /// because `function` is in an earlier phase or because of [`after`](Self::after), or if `function` is not a handler, a line on standard
    /// error says so. The handler is registered all the same.
    ///
    /// # Errors
    ///
    /// As for [`unregister`](crate::unregister), the compiler rejects anything that is not a function when it builds the program (not in
    /// `cargo check`).
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
    #[doc(alias = "order")]
    #[doc(alias = "priority")]
    pub fn before<G: Copy + 'static>(self, function: G) -> Self {
        const { assert_function::<G>() };
        self.constrained(true, function)
    }

    /// Runs it after all handlers of `function` that are pending when it is registered.
    ///
    /// Pass the function itself; its handlers are those declared by `#[at_exit]` and those registered by
    /// [`register(function)`](crate::register). This handler then runs right after the last of them in its phase instead of next, so the
    /// order changes as little as possible. If they are in an earlier phase, nothing has to move. Several calls add up, and registering
    /// looks at every pending handler.
    ///
    /// A constraint that cannot be met is ignored, and a line on standard error says so. This happens if `function` is in a later phase, if it
    /// is neither declared nor pending, or if one of the two comes too late for the run in progress. A declared handler that has already run
    /// is fine. Where [`before`](Self::before) asks for the opposite, `after` wins. The handler is registered all the same.
    ///
    /// # Errors
    ///
    /// As for [`unregister`](crate::unregister), the compiler rejects anything that is not a function when it builds the program (not in
    /// `cargo check`).
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
    #[doc(alias = "order")]
    #[doc(alias = "priority")]
    pub fn after<G: Copy + 'static>(self, function: G) -> Self {
        const { assert_function::<G>() };
        self.constrained(false, function)
    }

    fn constrained<G: Copy + 'static>(mut self, is_before: bool, function: G) -> Self {
        self.add(Constraint { is_before, identity: identity(&function), path: type_name::<G>() });
        self
    }

    #[inline]
    fn add(&mut self, constraint: Constraint) {
        Arc::make_mut(self.options.constraints.get_or_insert_default()).add(constraint);
        self.insert = insert_constrained;
    }

    /// Runs it only in this process, never in a forked child.
    ///
    /// A child forgets it, and does not drop its captures.
    #[doc(alias = "fork")]
    #[inline]
    pub fn this_process(mut self) -> Self {
        self.options.process = Some(Process::current());
        self
    }

    /// Sets a time limit: after `limit` the handler is abandoned and counts as failed.
    ///
    /// The next handler starts on a new thread. The abandoned thread keeps running, but nothing it does changes a report.
    ///
    /// A handler on the exiting thread cannot be abandoned, and neither can one inside a [`run`](crate::run) that a handler has called: if it
    /// exceeds its limit, it is reported as failed once it returns.
    /// [`Duration::MAX`] means no limit; with [`Duration::ZERO`] the handler starts, and fails.
    /// [`Config::time_limit`](crate::Config::time_limit) sets a limit for all handlers without one.
    #[doc(alias = "timeout")]
    #[inline]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.options.time_limit = Some(limit);
        self
    }

    /// Runs it on the thread that exits or calls [`run`](crate::run), instead of the exit thread.
    ///
    /// Use it for code that is tied to a thread, as some window systems are. At exit that thread's thread-locals are already gone. When a
    /// signal ends the process there is no such thread, and the handler runs on the exit thread. Nothing notices if the handler hangs, unless
    /// it has a time limit or [`Config`](crate::Config) sets a limit or a deadline.
    #[doc(alias = "main_thread")]
    #[inline]
    pub fn caller_thread(mut self) -> Self {
        self.options.runs_on = RunsOn::Caller;
        self
    }

    /// Sets the function that runs the future of an async handler to completion.
    ///
    /// It is called on the handler's thread. If it returns before the future is ready, the handler fails.
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
        assert!(self.is_async, "`block_on` needs an async handler: make one with `Handler::new_async`");
        self.options.executor = Some(Executor::of(block_on));
        self
    }

    /// Registers the handler; see [`register`] for when you may call it, and for panics.
    ///
    /// # Examples
    ///
    /// ```
    /// let registration = atexit_core::Handler::new(|| println!("closed")).last().register();
    /// assert!(registration.is_pending());
    /// # registration.unregister();
    /// ```
    #[inline]
    pub fn register(self) -> Registration {
        (self.insert)(self.pending.with_options(self.options))
    }
}

impl fmt::Debug for Handler {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler")
            .field("location", &self.pending.location())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Identifies a registered handler, and unregisters it while it is pending.
///
/// It is a plain value: copy it, keep it or drop it, and nothing happens to the handler. Once the handler has started, or was
/// unregistered or cleared, the registration is stale: it matches no handler, not even one that reuses the memory.
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
    /// Takes the handler out, if it is pending; then it will not run.
    pub(crate) fn take(self) -> Option<PendingHandler> {
        registry::remove(self.0)
    }

    /// Unregisters the handler: `true` if it was pending and will not run.
    ///
    /// It takes amortized constant time, and drops the handler's captures before it returns.
    ///
    /// # Panics
    ///
    /// If dropping the captures panics. Even then the handler is gone.
    #[inline]
    pub fn unregister(&self) -> bool {
        self.take().is_some()
    }

    /// Tells whether the handler is pending: not started, not unregistered, not cleared.
    #[must_use]
    #[inline]
    pub fn is_pending(&self) -> bool {
        registry::contains(self.0)
    }
}

/// Unregisters all pending handlers of a function, and returns how many there were.
///
/// Pass the function itself: `unregister(my_cleanup)`. This removes the handlers declared by `#[at_exit]` and those registered by
/// [`register(my_cleanup)`](crate::register). It looks at every pending handler.
///
/// # Panics
///
/// If dropping a handler's captures panics; by then all of them are gone.
///
/// # Errors
///
/// The compiler rejects anything that is not a function when it builds the program: a value such as a [`Registration`], a closure with
/// captures, a function pointer such as `my_cleanup as fn()`.
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

/// Removes all pending handlers, declared and registered, and returns how many there were.
///
/// Only a program should call it, not a library: it removes the handlers of all crates.
///
/// # Panics
///
/// If dropping a handler's captures panics; by then all of them are gone.
///
/// # Examples
///
/// ```
/// atexit_core::register(|| println!("never"));
/// assert_eq!(atexit_core::clear(), 1);
/// assert_eq!(atexit_core::pending(), 0);
/// ```
#[inline]
pub fn clear() -> usize {
    forget(registry::remove_all())
}

/// Returns how many handlers are pending: declared or registered, and not yet started.
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
#[inline]
pub fn pending() -> usize {
    registry::len()
}

fn insert(handler: PendingHandler) -> Registration {
    joined(&registry::insert(handler))
}

/// Inserts a handler with constraints, and reports at once those that cannot be met.
#[inline]
fn insert_constrained(handler: PendingHandler) -> Registration {
    let constraints = handler.constraints().cloned().unwrap_or_default();
    let (inserted, unmet) = registry::insert_constrained(handler, &constraints);
    let registration = joined(&inserted);
    if !unmet.is_empty() {
        config::log(None).problems(&unmet);
    }
    registration
}

/// Finishes the registration of a handler that is now pending.
pub(crate) fn joined(inserted: &Inserted) -> Registration {
    if inserted.needs_hook {
        hook::install_again();
    }
    if inserted.is_late {
        thread::sleep(LATE); // a thread that registers endlessly must not keep the run from the lock
    }
    Registration(inserted.handle)
}

/// How long a registration takes that comes too late for the run in progress.
const LATE: Duration = Duration::from_millis(1);

/// Drops all of them, even if one panics, and counts them.
#[inline]
fn forget(handlers: Vec<PendingHandler>) -> usize {
    let count = handlers.len();
    let mut first_panic = None;
    for handler in handlers {
        match catch_unwind(AssertUnwindSafe(|| drop(handler))) {
            Err(panic) if first_panic.is_none() => first_panic = Some(panic),
            Err(panic) => drop_quietly(panic),
            Ok(()) => {}
        }
    }
    match first_panic {
        Some(panic) => resume_unwind(panic),
        None => count,
    }
}
