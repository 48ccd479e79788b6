//! Owns the value that is given up at exit, dropped or handed to a function, and the references that keep it; must not know when that is.

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

/// A value in a `static`, made on first use or set once, that is dropped at exit, or handed to a function.
///
/// Rust never drops a `static`. This cell owns its value until the process exits, and then lets go of it: a temporary directory is deleted, a
/// server stopped, the guard of a log writer dropped.
///
/// Which of the two cells to take depends on how long anybody holds a reference:
///
/// | take | if a reference is held | for a value that |
/// |---|---|---|
/// | `DropAtExit` | for a moment at a time | is dropped, or taken by value by the function that ends it: a temporary directory, the guard of a log writer |
/// | [`CloseAtExit`](crate::CloseAtExit) | for as long as you like, by tasks, tests or `main` | is closed by reference: a pool, a provider, a server in a `Mutex` |
///
/// What [`get`](Self::get) returns is a counted reference, which keeps the value. If one is still held when the value's turn comes, by a `main` that
/// calls [`std::process::exit`] or is interrupted by a signal, the exit waits for two seconds, or the [time limit](Self::time_limit).
/// After that it is a failure, and the value is neither dropped nor closed, for nothing is freed under the hands of those who use it. So take
/// what you need out of it, and let go before you wait for anything, an `.await` among it.
///
/// # When
///
/// Values are finished after all handlers but those that say `last`, so that any other handler may use them, and among themselves in the reverse
/// order of their initialization: one that used another while it was made goes first. So let `init` use what the closing function uses.
/// [`plan`](crate::plan), reports, events and limits know a value as a handler.
///
/// - From the moment the first value of a phase is finished at an exit, none of that phase is made any more. An initialization that is under way
///   by then has been waited for, for two seconds or its time limit; if it takes longer, that is a failure, and what it makes is finished at
///   once, on its own thread, as long as the process lasts.
/// - Not waited for is an initialization of the exiting thread itself, nor one by a future that is at an `.await` when the process exits: what that
///   has started is left behind. So start a process in the last step of such a future, or in a function.
/// - What [`run`](crate::run) or [`close`](Self::close) has closed is closed for good. After [`clear`](crate::clear) a value stays open, and is not
///   finished at exit.
/// - A forked child has its parent's values as they were, and neither finishes nor drops them.
/// - Where a system starts no thread in an exit, nothing is waited for: on WebAssembly, on NetBSD, and in a DLL that Windows detaches.
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
pub struct DropAtExit<T: 'static> {
    made: OnceLock<Made<T>>,
    init: Option<fn() -> T>,
    /// Without one, the value is dropped.
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
    /// A cell whose value `init` makes on first use.
    ///
    /// If that can fail, take an [`empty`](Self::empty) one and [`get_or_try_init`](Self::get_or_try_init); if it needs arguments, `empty` and
    /// [`set`](Self::set); if it is async, `empty` and [`get_or_init_async`](Self::get_or_init_async).
    ///
    /// Reports name the place of this call, unless it has a [name](Self::name).
    #[must_use]
    #[track_caller]
    pub const fn new(init: fn() -> T) -> Self {
        let mut cell = Self::empty();
        cell.init = Some(init);
        cell
    }

    /// A cell whose value comes by [`set`](Self::set) or [`get_or_init`](Self::get_or_init).
    ///
    /// # Examples
    ///
    /// ```
    /// use atexit_core::DropAtExit;
    ///
    /// /// Writes what is in its queue when it is dropped, as that of `tracing-appender` does.
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

    /// Hands the value to this function at exit, instead of dropping it.
    ///
    /// What it returns counts as for a handler: see [`Outcome`].
    #[must_use]
    pub const fn close_with<R: Outcome>(mut self, close: fn(T) -> R) -> Self {
        self.closer = Some(Closer::new(close));
        self
    }

    /// The same of an async function, driven as an async handler is.
    ///
    /// That is by an executor of its own: when `#[tokio::main]` returns, its runtime is gone, and what lives on it, as the connections of a pool, cannot
    /// be closed any more. [`close`](Self::close) such a value before, or keep the runtime in a `static`. A closure is written
    /// `|value| async move { … }`.
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

    /// Sets how long an exit waits for the initialization of the value, and how long it may take to finish it.
    ///
    /// Without a limit it waits for two seconds, and it may take as long as it likes to finish the value. In the latter time an exit waits for those who
    /// borrow the value, too, and stops a little before the limit, to say so. As for a [handler](crate::Handler::time_limit), what exceeds its limit is
    /// abandoned and has failed. All initializations together keep an exit no longer than the longest of these times.
    #[must_use]
    pub const fn time_limit(mut self, limit: Duration) -> Self {
        self.options.time_limit = Some(limit);
        self
    }

    /// The value, made by the function of [`new`](Self::new) if nothing has made it yet.
    ///
    /// It is as [`LazyLock::force`](std::sync::LazyLock::force), not as [`OnceLock::get`](std::sync::OnceLock::get): that is
    /// [`get_if_open`](Self::get_if_open). While the reference is kept, the value stays open: see [`DropAtExit`].
    ///
    /// # Panics
    ///
    /// If there is no value, and the message says why and where it is declared:
    ///
    /// - it is closed, or the process exits and it was not made;
    /// - nothing has [`set`](Self::set) it, and there is no function that makes it;
    /// - its own initialization asks for it, or one that waits for this thread;
    /// - in a handler, another thread does not end its initialization in time.
    ///
    /// If the function panics, so does this, and the next call tries again. In the destructor of a thread-local a panic aborts: take
    /// [`get_if_open`](Self::get_if_open) there. With `panic = "abort"`, a thread that asks too late waits for the end of the process instead.
    #[inline]
    #[track_caller]
    pub fn get(&'static self) -> ExitRef<T> {
        match self.open() {
            Some(value) => value,
            None => self.make(),
        }
    }

    /// The same, or why it is not to be had.
    ///
    /// # Panics
    ///
    /// If its own initialization asks for it, or one that waits for this thread, and if the function that makes it panics.
    ///
    /// # Errors
    ///
    /// If it is closed, or was never made and the process exits; if nothing has set it; in a handler, if another thread does not end its
    /// initialization in time.
    #[track_caller]
    pub fn try_get(&'static self) -> Result<ExitRef<T>, Unavailable> {
        match cell::get(InStatic(self), self.init) {
            Ok(value) => Ok(value),
            Err(refusal) => Err(cell::unavailable(&self.options, refusal)),
        }
    }

    /// The value, if it is made and open; it is never made here.
    pub fn get_if_open(&'static self) -> Option<ExitRef<T>> {
        self.open()
    }

    /// The value, made by `init` if nothing has made it yet.
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
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

    /// The same by a function that may fail, and then the next call tries again.
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    ///
    /// # Errors
    ///
    /// That of `init`.
    #[track_caller]
    pub fn get_or_try_init<E>(&'static self, init: impl FnOnce() -> Result<T, E>) -> Result<ExitRef<T>, E> {
        match cell::obtain(InStatic(self), init) {
            Ok(value) => Ok(value),
            Err(not_made) => Err(cell::error(&self.options, not_made)),
        }
    }

    /// The value, made by an async `init` if nothing has made it yet.
    ///
    /// Meanwhile others that would make the value wait, futures as well as threads. An exit waits for it only while it is being polled, not while it is
    /// at an `.await`, and when the exit has finished a value, it goes on no more. If it is dropped before its end, the cell is empty again and
    /// the next one tries. Two futures that wait for each other's values wait forever.
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    pub async fn get_or_init_async(&'static self, init: impl AsyncFnOnce() -> T) -> ExitRef<T> {
        let Ok(value) = self.get_or_try_init_async(async || Ok::<T, Infallible>(init().await)).await;
        value
    }

    /// The same by a future that may fail, and then the next call tries again.
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    ///
    /// # Errors
    ///
    /// That of `init`.
    pub async fn get_or_try_init_async<E>(
        &'static self,
        init: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<ExitRef<T>, E> {
        cell::obtain_async(InStatic(self), init).await.map_err(|not_made| cell::error(&self.options, not_made))
    }

    /// Puts a value in that was made elsewhere.
    ///
    /// It waits for an initialization that is under way.
    ///
    /// # Errors
    ///
    /// If there is one already, or if it is too late for another: the value comes back.
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
    /// It waits for those who borrow the value, as an exit does. It is `Ok(false)` if it is closed already, and in a forked child whose parent made
    /// it. So it is, and nothing changes, if it was never made or is being made: that is none of this call's. An async function runs on a thread of
    /// its own, which is abandoned when the time limit is over; do not call this in a future of the runtime that the function needs. Else it
    /// returns when the function does. An exit waits for it, as it waits for an initialization.
    ///
    /// # Errors
    ///
    /// If the function fails or panics, if it exceeds its time limit, or if the value is still borrowed after two seconds, or its time limit.
    /// It is closed all the same; what was borrowed is finished at exit, if it can be then.
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
    pub fn close(&'static self) -> Result<bool, Failure> {
        let Some(made) = self.made.get().filter(|made| made.process.is_current()) else { return Ok(false) };
        let Some(_closing) = Closing::begin(InStatic(self), &|| made.close()) else { return Ok(false) };
        let code = |executor: &Executor| self.finish_closed(made, executor);
        let result = cell::finish_now(self.options, self.is_closed_async(), code);
        // What is still borrowed is finished at exit, if it can be then.
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

    /// Finishes the value, once nobody borrows it.
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

/// How long to wait for those who borrow a value: not until whoever limits this abandons it, which would not say why.
fn at_most(patience: Duration) -> Duration {
    if !sys::can_start_threads() {
        return Duration::ZERO; // whoever borrows it waits for this thread
    }
    runner::remaining().map_or(patience, |left| patience.min(left.mul_f64(0.875)))
}

impl<T> Made<T> {
    /// `true`: this call has closed it.
    fn close(&self) -> bool {
        self.is_open.swap(false, Ordering::SeqCst)
    }
}

/// A cell in a `static`, as a type that names no lifetime: else the compiler takes no future with it for one that may go to another thread.
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
            // There is none, as this is its initialization; if there were, nothing could be dropped here.
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

/// After a panic the value is there, or it is not made: there is no half of one.
impl<T> UnwindSafe for DropAtExit<T> {}

impl<T> RefUnwindSafe for DropAtExit<T> {}

/// An empty cell.
impl<T: Send + Sync + 'static> Default for DropAtExit<T> {
    #[track_caller]
    fn default() -> Self {
        Self::empty()
    }
}

/// Its place or name and whether it is open, without the value.
impl<T> fmt::Debug for DropAtExit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_open = self.made.get().map(|made| made.is_open.load(Ordering::Acquire));
        cell::debug(f, "DropAtExit", &self.options, is_open)
    }
}
