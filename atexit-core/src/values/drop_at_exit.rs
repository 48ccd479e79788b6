//! Owns the value that is dropped at exit or handed to a function, and the references that keep it; must not know when that happens.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::cell::{self, Cell, Closing, Initialization};
use super::closer::Closer;
use super::exit_ref::{Borrowed, ExitRef, Owner};
use super::options::options;
use super::unavailable::Unavailable;
use crate::handler::PendingHandler;
use crate::handler::declaration::Phase;
use crate::handler::error::{FailureKind, HandlerError};
use crate::handler::executor::Executor;
use crate::handler::outcome::Outcome;
use crate::handler::value::{Options, Value};
use crate::registry::{self, stacks::Handle, values::CellId};
use crate::report::Failure;
use crate::runner;
use crate::sys::{self, Process};

/// Holds a value in a `static` that is dropped at exit, or handed to a function.
///
/// Rust never drops a `static`. This cell does: its value is initialized on first use or set once, and when the process exits, a temporary
/// directory is deleted, a server stopped, the guard of a log writer dropped.
///
/// Which of the two cells you need depends on how long references are held:
///
/// | use | if a reference is held | for a value that |
/// |---|---|---|
/// | `DropAtExit` | for a moment at a time | is dropped, or consumed by the function that ends it: a temporary directory, the guard of a log writer |
/// | [`CloseAtExit`](crate::CloseAtExit) | for as long as you like, by tasks, tests or `main` | is closed by reference: a pool, a provider, a server in a `Mutex` |
///
/// [`get`](Self::get) returns a counted reference, which keeps the value alive. If one is still held when the value's turn comes, for example by a
/// `main` that calls [`std::process::exit`] or is interrupted by a signal, the exit waits for two seconds, or the [time limit](Self::time_limit).
/// After that the value counts as failed, and is neither dropped nor closed, because it is still in use. So take what you need out of it, and
/// drop the reference before you block or `.await`.
///
/// # When
///
/// Values are finished after all handlers except those marked `last`, so any other handler may use them. Among themselves, they are finished in
/// the reverse order of initialization: a value that used another one while it was initialized goes first. So let `init` use whatever the closing
/// function uses. [`plan`](crate::plan), reports, events and limits treat a value as a handler.
///
/// - Before an exit finishes the first value of a phase, it waits for initializations in progress, for two seconds or their time limit. One that
///   takes longer counts as failed; its value is finished as soon as it is made, on its own thread, if the process lasts that long. Once an exit
///   has started to finish values of a phase, no value of that phase is initialized.
/// - The exit does not wait for an initialization on the exiting thread itself, nor for a future that is at an `.await` when the process exits:
///   whatever that has started is left behind. So start a process in the last step of such a future, or in a function.
/// - A value that [`run`](crate::run) or [`close`](Self::close) has closed stays closed. After [`clear`](crate::clear), a value stays open and is
///   not finished at exit.
/// - A forked child has its parent's values as they were, and neither finishes nor drops them.
/// - Where no thread can be started during an exit, nothing is waited for: on WebAssembly, on NetBSD, and in a DLL that Windows detaches.
///
/// # Examples
///
/// ```
/// use std::process::{Child, Command};
///
/// use atexit_core::DropAtExit;
///
/// static SERVER: DropAtExit<Child> = DropAtExit::new(start).close_with(stop).name("server");
///
/// fn start() -> Child {
///     Command::new("sleep").arg("60").spawn().expect("the server starts")
/// }
///
/// fn stop(mut server: Child) -> std::io::Result<()> {
///     server.kill()?;
///     server.wait().map(drop)
/// }
///
/// assert_ne!(SERVER.get().id(), std::process::id());
/// ```
#[doc(alias = "cleanup")]
#[doc(alias = "destructor")]
#[doc(alias = "drop")]
#[doc(alias = "dtor")]
#[doc(alias = "finalizer")]
#[doc(alias = "shutdown")]
pub struct DropAtExit<T: 'static> {
    made: OnceLock<Made<T>>,
    init: Option<fn() -> T>,
    /// `None` drops the value.
    closer: Option<Closer<T>>,
    options: Options,
}

struct Made<T> {
    owner: Owner<T>,
    is_open: AtomicBool,
    handle: Handle,
    process: Process,
}

impl<T: Send + Sync + 'static> DropAtExit<T> {
    /// Makes a cell whose value `init` makes on first use.
    ///
    /// If initialization can fail, use [`empty`](Self::empty) and [`get_or_try_init`](Self::get_or_try_init); if it needs arguments, `empty` and
    /// [`set`](Self::set); if it is async, `empty` and [`get_or_init_async`](Self::get_or_init_async).
    ///
    /// Reports identify the cell by the place of this call, unless it has a [name](Self::name).
    #[must_use]
    #[track_caller]
    pub const fn new(init: fn() -> T) -> Self {
        let mut cell = Self::empty();
        cell.init = Some(init);
        cell
    }

    /// Makes an empty cell, for [`set`](Self::set) or [`get_or_init`](Self::get_or_init) to fill.
    ///
    /// # Examples
    ///
    /// ```
    /// use atexit_core::DropAtExit;
    ///
    /// /// Writes its queue when dropped, like the one of `tracing-appender`.
    /// struct WorkerGuard;
    ///
    /// static LOG: DropAtExit<WorkerGuard> = DropAtExit::empty().last();
    ///
    /// fn main() {
    ///     assert!(LOG.set(WorkerGuard).is_ok());
    /// }
    /// ```
    #[must_use]
    #[track_caller]
    pub const fn empty() -> Self {
        Self { made: OnceLock::new(), init: None, closer: None, options: Options::at(Location::caller()) }
    }

    /// Hands the value to `close` at exit, instead of dropping it.
    ///
    /// The function may return what a handler may: see [`Outcome`].
    #[must_use]
    pub const fn close_with<R: Outcome>(mut self, close: fn(T) -> R) -> Self {
        self.closer = Some(Closer::new(close));
        self
    }

    /// Hands the value to an async function at exit, driven like an async handler.
    ///
    /// The function runs on an executor of its own. When `#[tokio::main]` returns, its runtime is gone, and whatever lives on it, such as the
    /// connections of a pool, can no longer be closed: [`close`](Self::close) such a value before, or keep the runtime in a `static`. Write a closure
    /// as `|value| async move { … }`.
    ///
    /// # Examples
    ///
    /// ```
    /// use atexit_core::DropAtExit;
    ///
    /// struct Client;
    ///
    /// async fn disconnect(_: Client) -> std::io::Result<()> {
    ///     Ok(())
    /// }
    ///
    /// static CLIENT: DropAtExit<Client> = DropAtExit::new(|| Client).close_with_async(disconnect);
    /// # CLIENT.get();
    /// ```
    #[must_use]
    pub const fn close_with_async<F>(mut self, close: fn(T) -> F) -> Self
    where
        F: Future<Output: Outcome> + 'static,
    {
        self.closer = Some(Closer::new_async(close));
        self
    }

    options!();

    /// Sets how long an exit waits for the value's initialization, and how long finishing it may take.
    ///
    /// Without a limit, the exit waits two seconds for the initialization, and finishing may take any time. With one, finishing includes the wait for
    /// borrowers, which ends a little before the limit, so that the failure can say why. As for a [handler](crate::Handler::time_limit), a value that
    /// exceeds its limit is abandoned and counts as failed. All initializations together delay an exit by no more than the longest of these times.
    #[doc(alias = "timeout")]
    #[must_use]
    pub const fn time_limit(mut self, limit: Duration) -> Self {
        self.options.time_limit = Some(limit);
        self
    }

    /// Returns the value, initializing it with the function passed to [`new`](Self::new) if necessary.
    ///
    /// It works like [`LazyLock::force`](std::sync::LazyLock::force), not like [`OnceLock::get`](std::sync::OnceLock::get): that is
    /// [`get_if_open`](Self::get_if_open). As long as you keep the reference, the value is not dropped: see [`DropAtExit`].
    ///
    /// # Panics
    ///
    /// If there is no value; the message says why, and where the cell is declared:
    ///
    /// - the value is closed, or was never initialized and the process is exiting;
    /// - nothing has [`set`](Self::set) the value, and the cell has no function that makes it;
    /// - its own initialization asks for it, or one that waits for this thread does;
    /// - in a handler, another thread does not finish initializing it in time.
    ///
    /// If the function panics, so does this call, and the next one tries again. In the destructor of a thread-local a panic aborts: use
    /// [`get_if_open`](Self::get_if_open) there. With `panic = "abort"`, a thread that asks too late waits for the end of the process instead.
    #[inline]
    #[track_caller]
    pub fn get(&'static self) -> ExitRef<T> {
        match self.open() {
            Some(value) => value,
            None => self.make(),
        }
    }

    /// Returns the value like [`get`](Self::get), or says why it is not available.
    ///
    /// # Panics
    ///
    /// If the value's own initialization asks for it, or one that waits for this thread does, or if the function that makes it panics.
    ///
    /// # Errors
    ///
    /// If the value is closed, or was never initialized and the process is exiting; if nothing has set it; in a handler, if another thread does
    /// not finish initializing it in time.
    #[track_caller]
    pub fn try_get(&'static self) -> Result<ExitRef<T>, Unavailable> {
        match cell::get(InStatic(self), self.init) {
            Ok(value) => Ok(value),
            Err(refusal) => Err(cell::unavailable(&self.options, refusal)),
        }
    }

    /// Returns the value if it is initialized and open, without initializing it.
    pub fn get_if_open(&'static self) -> Option<ExitRef<T>> {
        self.open()
    }

    /// Returns the value, initializing it with `init` if necessary.
    ///
    /// # Panics
    ///
    /// See [`get`](Self::get).
    ///
    /// # Examples
    ///
    /// ```
    /// use atexit_core::DropAtExit;
    ///
    /// static NAMES: DropAtExit<Vec<String>> = DropAtExit::empty();
    ///
    /// let names = NAMES.get_or_init(|| std::env::args().collect());
    /// assert_eq!(*names, *NAMES.get());
    /// ```
    #[track_caller]
    pub fn get_or_init(&'static self, init: impl FnOnce() -> T) -> ExitRef<T> {
        let Ok(value) = self.get_or_try_init(|| Ok::<T, Infallible>(init()));
        value
    }

    /// Returns the value, initializing it with `init`, which may fail; then the next call tries again.
    ///
    /// # Panics
    ///
    /// See [`get`](Self::get).
    ///
    /// # Errors
    ///
    /// If `init` fails: its error.
    #[track_caller]
    pub fn get_or_try_init<E>(&'static self, init: impl FnOnce() -> Result<T, E>) -> Result<ExitRef<T>, E> {
        match cell::obtain(InStatic(self), init) {
            Ok(value) => Ok(value),
            Err(not_made) => Err(cell::error(&self.options, not_made)),
        }
    }

    /// Returns the value, initializing it with an async `init` if necessary.
    ///
    /// Meanwhile, other futures and threads that need the value wait. An exit waits for `init` only while it is being polled, not while it is at an
    /// `.await`, and once the exit finishes values of its phase, `init` does not continue. If the future is dropped before it is ready, the cell is empty
    /// again and the next caller tries. Two futures that wait for each other's values wait forever.
    ///
    /// # Panics
    ///
    /// See [`get`](Self::get).
    pub async fn get_or_init_async(&'static self, init: impl AsyncFnOnce() -> T) -> ExitRef<T> {
        let Ok(value) = self.get_or_try_init_async(async || Ok::<T, Infallible>(init().await)).await;
        value
    }

    /// Returns the value, initializing it with an async `init`, which may fail; then the next call tries again.
    ///
    /// # Panics
    ///
    /// See [`get`](Self::get).
    ///
    /// # Errors
    ///
    /// If `init` fails: its error.
    pub async fn get_or_try_init_async<E>(
        &'static self,
        init: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<ExitRef<T>, E> {
        cell::obtain_async(InStatic(self), init).await.map_err(|not_made| cell::error(&self.options, not_made))
    }

    /// Sets the value to one made elsewhere.
    ///
    /// It waits for an initialization in progress.
    ///
    /// # Errors
    ///
    /// If the cell has a value already, or if it is too late for one: it returns `value`.
    ///
    /// # Examples
    ///
    /// ```
    /// use atexit_core::DropAtExit;
    ///
    /// static NAME: DropAtExit<String> = DropAtExit::empty();
    ///
    /// assert_eq!(NAME.set(String::from("orders")), Ok(()));
    /// assert_eq!(NAME.set(String::from("prices")), Err(String::from("prices")));
    /// assert_eq!(*NAME.get(), "orders");
    /// ```
    pub fn set(&'static self, value: T) -> Result<(), T> {
        cell::set(InStatic(self), value)
    }

    /// Finishes the value now, on this thread: `Ok(true)` if this call has closed it.
    ///
    /// It waits for borrowers, as an exit does. It returns `Ok(false)`, and changes nothing, if the value is already closed, was never initialized or
    /// is being initialized, and in a forked child whose parent initialized it. An async closing function runs on a thread of its own, which is
    /// abandoned at the time limit; inside a handler that is not async, it runs on the thread of that handler, whose limit covers it. Do not call
    /// `close` in a future on the runtime that this function needs. Any other function runs until it returns. An exit waits for `close` as it waits
    /// for an initialization.
    ///
    /// # Errors
    ///
    /// If the function fails or panics, if it exceeds its time limit, or if the value is still borrowed after two seconds or its time limit.
    /// The value is closed all the same; one that was still borrowed is finished at exit, if it is free by then.
    ///
    /// # Examples
    ///
    /// ```
    /// use atexit_core::DropAtExit;
    ///
    /// static FILE: DropAtExit<Vec<u8>> = DropAtExit::new(Vec::new);
    ///
    /// drop(FILE.get());
    /// assert!(FILE.close()?);
    /// assert!(!FILE.close()?);
    /// assert!(FILE.try_get().is_err());
    /// # Ok::<(), atexit_core::Failure>(())
    /// ```
    #[doc(alias = "shutdown")]
    pub fn close(&'static self) -> Result<bool, Failure> {
        let Some(made) = self.made.get().filter(|made| made.process.is_current()) else { return Ok(false) };
        let Some(_closing) = Closing::begin(InStatic(self), &|| made.close()) else { return Ok(false) };
        let code = |executor: &Executor| self.finish_closed(made, executor);
        let result = cell::finish_now(self.options, self.is_closed_async(), code);
        // A value that is still borrowed stays pending, for another try at exit.
        if !result.as_ref().is_err_and(|failure| failure.kind() == FailureKind::InUse) {
            drop(registry::remove(made.handle));
        }
        result.map(|()| true)
    }

    #[inline]
    fn open(&self) -> Option<ExitRef<T>> {
        let made = self.made.get().filter(|made| made.is_open.load(Ordering::Acquire))?;
        made.owner.borrow()
    }

    #[cold]
    #[track_caller]
    fn make(&'static self) -> ExitRef<T> {
        match cell::get(InStatic(self), self.init) {
            Ok(value) => value,
            Err(refusal) => cell::refuse(&self.options, refusal),
        }
    }

    fn is_closed_async(&self) -> bool {
        self.closer.is_some_and(|closer| closer.is_async)
    }

    /// Finishes the value once it is no longer borrowed.
    fn finish_closed(&self, made: &Made<T>, executor: &Executor) -> Result<(), HandlerError> {
        match made.owner.take_back(at_most(self.options.patience())) {
            Ok(value) => value.map_or(Ok(()), |value| self.give_up(value, executor)),
            Err(Borrowed { times }) => Err(HandlerError::borrowed(times)),
        }
    }

    fn give_up(&self, value: T, executor: &Executor) -> Result<(), HandlerError> {
        let Some(closer) = self.closer else {
            drop(value);
            return Ok(());
        };
        closer.close(value, executor)
    }
}

/// How long to wait for borrowers: less than the time limit, at which the handler would be abandoned without saying why.
#[inline]
fn at_most(patience: Duration) -> Duration {
    if !sys::can_start_threads() {
        return Duration::ZERO; // every borrower waits for this thread
    }
    match runner::remaining() {
        Some(left) => patience.min(left.saturating_sub(left / 8)),
        None => patience,
    }
}

impl<T> Made<T> {
    /// `true` if this call has closed it.
    fn close(&self) -> bool {
        self.is_open.swap(false, Ordering::SeqCst)
    }
}

/// A cell in a `static`, as a type without a lifetime: with one, the compiler would not accept a future that holds it as `Send`.
struct InStatic<T: 'static>(&'static DropAtExit<T>);

impl<T> Copy for InStatic<T> {}

impl<T> Clone for InStatic<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Cell for InStatic<T> {
    type Value = T;
    type Ref = ExitRef<T>;

    fn id(self) -> CellId {
        CellId::of(self.0)
    }

    fn options(self) -> Options {
        self.0.options
    }

    fn is_made(self) -> bool {
        self.0.made.get().is_some()
    }

    fn open(self) -> Option<ExitRef<T>> {
        self.0.open()
    }

    fn store(self, value: T, initialization: &mut Initialization) -> Result<(), T> {
        let owner = Owner::new(value);
        let Some(completed) = initialization.complete(&self.0.options) else {
            return owner.into_value().map_or(Ok(()), Err); // nobody has borrowed it
        };
        let process = Process::current();
        completed.join(PendingHandler::value(self.0, process), |handle| {
            let made = Made { owner, is_open: AtomicBool::new(true), handle, process };
            // The cell is empty, as this is its initialization. If it were not, nothing could be dropped under the lock.
            self.0.made.set(made).unwrap_or_else(std::mem::forget);
        });
        Ok(())
    }

    fn finish_late(self, value: T) {
        cell::finish_late(self.0.options, self.0.is_closed_async(), |executor| self.0.give_up(value, executor));
    }
}

impl<T: Send + Sync + 'static> Value for DropAtExit<T> {
    fn options(&self) -> &Options {
        &self.options
    }

    fn finish(&'static self, executor: &Executor) -> Result<(), HandlerError> {
        let Some(made) = self.made.get() else { return Ok(()) };
        made.close();
        self.finish_closed(made, executor)
    }
}

/// After a panic the value is either complete or missing.
impl<T> UnwindSafe for DropAtExit<T> {}

impl<T> RefUnwindSafe for DropAtExit<T> {}

/// Makes an [`empty`](Self::empty) cell.
impl<T: Send + Sync + 'static> Default for DropAtExit<T> {
    #[track_caller]
    fn default() -> Self {
        Self::empty()
    }
}

/// Shows its name or place, and whether it is open, without the value.
impl<T> fmt::Debug for DropAtExit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_open = self.made.get().map(|made| made.is_open.load(Ordering::Acquire));
        cell::debug(f, "DropAtExit", &self.options, is_open)
    }
}
