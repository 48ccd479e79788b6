//! Owns the value that is closed at exit and kept, so that references to it are valid forever; must not know when that happens.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::cell::{self, Cell, Closing, Initialization, NotMade};
use super::closer::Closer;
use super::options::options;
use super::unavailable::Unavailable;
use crate::handler::PendingHandler;
use crate::handler::declaration::Phase;
use crate::handler::error::HandlerError;
use crate::handler::executor::Executor;
use crate::handler::outcome::Outcome;
use crate::handler::value::{Options, Value};
use crate::registry::{self, stacks::Handle, values::CellId};
use crate::report::Failure;
use crate::sys::Process;
use crate::sys::once_ref::OnceRef;

/// Holds a value in a `static` that a function of `&T` closes at exit, and that is never dropped.
///
/// It is as handy as a [`LazyLock`](std::sync::LazyLock): the value is initialized on first use or set once, the cell derefs to it, and
/// [`get`](Self::get) returns a `&'static T`, which you may keep for as long as you like. Use it for a value that has a method to close it: a pool, a
/// client, a telemetry provider. A value that should be dropped belongs in a [`DropAtExit`](crate::DropAtExit).
///
/// It needs [`close_with`](Self::close_with) or [`close_with_async`](Self::close_with_async): without one, every method that initializes the value
/// panics. You can still look at a closed value through [`get`](Self::get); [`try_get`](Self::try_get) says that it is closed.
///
/// The cell's methods hide the value's methods of the same name: write `POOL.get().close()` for the pool's own.
///
/// # When
///
/// As for a [`DropAtExit`](crate::DropAtExit#when), except that an exit does not wait until no references are left.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// use atexit_core::CloseAtExit;
///
/// #[derive(Default)]
/// struct Pool {
///     is_closed: AtomicBool,
/// }
///
/// impl Pool {
///     fn query(&self) -> Option<u32> {
///         (!self.is_closed.load(Ordering::SeqCst)).then_some(1)
///     }
///
///     fn close(&self) -> Result<(), String> {
///         self.is_closed.store(true, Ordering::SeqCst);
///         Ok(())
///     }
/// }
///
/// static POOL: CloseAtExit<Pool> = CloseAtExit::new(Pool::default).close_with(Pool::close);
///
/// assert_eq!(POOL.query(), Some(1));
/// let pool: &'static Pool = POOL.get();
/// assert!(POOL.close()?);
/// assert_eq!(pool.query(), None);
/// # Ok::<(), atexit_core::Failure>(())
/// ```
#[doc(alias = "cleanup")]
#[doc(alias = "finalizer")]
#[doc(alias = "shutdown")]
pub struct CloseAtExit<T: 'static> {
    /// On the heap, because `deref` may borrow the cell for less than `'static`.
    made: OnceRef<Kept<T>>,
    init: Option<fn() -> T>,
    closer: Option<Closer<&'static T>>,
    options: Options,
}

/// In this order, because the value is then where the reference to all of it points, and reading it takes no addition.
#[repr(C)]
struct Kept<T: 'static> {
    value: T,
    closer: Option<Closer<&'static T>>,
    options: Options,
    is_open: AtomicBool,
    handle: OnceLock<Handle>,
    process: Process,
}

impl<T: Send + Sync + 'static> CloseAtExit<T> {
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
    /// Name its type, as below: because the cell derefs to its value, the compiler cannot infer it from the rest of the chain.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::net::TcpStream;
    ///
    /// use atexit_core::CloseAtExit;
    ///
    /// fn close(connection: &TcpStream) -> std::io::Result<()> {
    ///     connection.shutdown(std::net::Shutdown::Both)
    /// }
    ///
    /// static CONNECTION: CloseAtExit<TcpStream> = CloseAtExit::<TcpStream>::empty().close_with(close);
    /// ```
    #[must_use]
    #[track_caller]
    pub const fn empty() -> Self {
        Self { made: OnceRef::new(), init: None, closer: None, options: Options::at(Location::caller()) }
    }

    /// Closes the value at exit with `close`.
    ///
    /// The function may return what a handler may: see [`Outcome`].
    #[must_use]
    pub const fn close_with<R: Outcome>(mut self, close: fn(&T) -> R) -> Self {
        self.closer = Some(Closer::new(close));
        self
    }

    /// Closes the value at exit with an async function, driven like an async handler.
    ///
    /// The function runs on an executor of its own. When `#[tokio::main]` returns, its runtime is gone, and whatever lives on it, such as the
    /// connections of a pool, can no longer be closed: [`close`](Self::close) such a value before, or keep the runtime in a `static`. Write a closure
    /// as `|value| async move { … }`.
    ///
    /// # Examples
    ///
    /// ```
    /// use atexit_core::CloseAtExit;
    ///
    /// struct Pool;
    ///
    /// impl Pool {
    ///     async fn close(&self) -> std::io::Result<()> {
    ///         Ok(())
    ///     }
    /// }
    ///
    /// static POOL: CloseAtExit<Pool> = CloseAtExit::new(|| Pool).close_with_async(Pool::close);
    /// # POOL.get();
    /// ```
    #[must_use]
    pub const fn close_with_async<F>(mut self, close: fn(&'static T) -> F) -> Self
    where
        F: Future<Output: Outcome> + 'static,
    {
        self.closer = Some(Closer::new_async(close));
        self
    }

    options!();

    /// Sets how long an exit waits for the value's initialization, and how long closing it may take.
    ///
    /// Without a limit, the exit waits two seconds for the initialization, and closing may take any time. As for a
    /// [handler](crate::Handler::time_limit), a value that exceeds its limit is abandoned and counts as failed. All initializations together delay an
    /// exit by no more than the longest of these times.
    #[doc(alias = "timeout")]
    #[must_use]
    pub const fn time_limit(mut self, limit: Duration) -> Self {
        self.options.time_limit = Some(limit);
        self
    }

    /// Returns the value, open or closed, initializing it with the function passed to [`new`](Self::new) if necessary.
    ///
    /// It works like [`LazyLock::force`](std::sync::LazyLock::force), not like [`OnceLock::get`](std::sync::OnceLock::get): that is
    /// [`get_if_open`](Self::get_if_open). The reference is valid forever, even after the value is closed.
    ///
    /// # Panics
    ///
    /// If there is no value; the message says why, and where the cell is declared:
    ///
    /// - the value was never initialized and the process is exiting;
    /// - nothing has [`set`](Self::set) the value, and the cell has no function that makes it;
    /// - its own initialization asks for it, or one that waits for this thread does;
    /// - in a handler, another thread does not finish initializing it in time.
    ///
    /// If the function panics, so does this call, and the next one tries again. In the destructor of a thread-local a panic aborts: use
    /// [`get_if_open`](Self::get_if_open) there. With `panic = "abort"`, a thread that asks too late waits for the end of the process instead.
    #[inline]
    #[track_caller]
    pub fn get(&'static self) -> &'static T {
        self.value()
    }

    /// Returns the value if it is open, initializing it like [`get`](Self::get), or says why it is not available.
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
    pub fn try_get(&'static self) -> Result<&'static T, Unavailable> {
        match cell::get(self, self.init) {
            Ok(value) => Ok(value),
            Err(refusal) => Err(cell::unavailable(&self.options, refusal)),
        }
    }

    /// Returns the value if it is initialized and open, without initializing it.
    pub fn get_if_open(&'static self) -> Option<&'static T> {
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
    /// use atexit_core::CloseAtExit;
    ///
    /// static NAMES: CloseAtExit<Vec<String>> = CloseAtExit::<Vec<_>>::empty().close_with(|names| println!("{names:?}"));
    ///
    /// let names = NAMES.get_or_init(|| std::env::args().collect());
    /// assert_eq!(names, NAMES.get());
    /// ```
    #[track_caller]
    pub fn get_or_init(&'static self, init: impl FnOnce() -> T) -> &'static T {
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
    pub fn get_or_try_init<E>(&'static self, init: impl FnOnce() -> Result<T, E>) -> Result<&'static T, E> {
        match cell::obtain(self, init) {
            Ok(value) => Ok(value),
            Err(not_made) => self.closed(not_made),
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
    pub async fn get_or_init_async(&'static self, init: impl AsyncFnOnce() -> T) -> &'static T {
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
    ) -> Result<&'static T, E> {
        cell::obtain_async(self, init).await.or_else(|not_made| self.closed(not_made))
    }

    /// Sets the value to one made elsewhere.
    ///
    /// It waits for an initialization in progress.
    ///
    /// # Panics
    ///
    /// If the cell has no function that closes the value.
    ///
    /// # Errors
    ///
    /// If the cell has a value already, or if it is too late for one: it returns `value`.
    ///
    /// # Examples
    ///
    /// ```
    /// use atexit_core::CloseAtExit;
    ///
    /// static NAME: CloseAtExit<String> = CloseAtExit::<String>::empty().close_with(|name| println!("{name}"));
    ///
    /// assert_eq!(NAME.set(String::from("orders")), Ok(()));
    /// assert_eq!(NAME.set(String::from("prices")), Err(String::from("prices")));
    /// assert_eq!(*NAME.get(), "orders");
    /// ```
    #[track_caller]
    pub fn set(&'static self, value: T) -> Result<(), T> {
        cell::set(self, value)
    }

    /// Closes the value now, on this thread: `Ok(true)` if this call has closed it.
    ///
    /// It returns `Ok(false)`, and changes nothing, if the value is already closed, was never initialized or is being initialized, and in a forked child
    /// whose parent initialized it. An async closing function runs on a thread of its own, which is abandoned at the time limit; inside a handler
    /// that is not async, it runs on the thread of that handler, whose limit covers it. Do not call `close` in a future on the runtime that this
    /// function needs. Any other function runs until it returns. An exit waits for `close` as it waits for an initialization.
    ///
    /// # Errors
    ///
    /// If the function fails or panics, or if it exceeds its time limit. The value is closed all the same.
    #[doc(alias = "shutdown")]
    pub fn close(&'static self) -> Result<bool, Failure> {
        let Some(kept) = self.made.get().filter(|kept| kept.process.is_current()) else { return Ok(false) };
        let Some(_closing) = Closing::begin(self, &|| kept.close()) else { return Ok(false) };
        drop(kept.handle.get().and_then(|&handle| registry::remove(handle)));
        let code = |executor: &Executor| kept.finish_closed(executor);
        cell::finish_now(self.options, self.is_closed_async(), code).map(|()| true)
    }

    fn is_closed_async(&self) -> bool {
        self.closer.is_some_and(|closer| closer.is_async)
    }

    /// Returns the value, even a closed one.
    #[inline]
    #[track_caller]
    fn value(&self) -> &'static T {
        match self.made.get() {
            Some(kept) => &kept.value,
            None => self.make(),
        }
    }

    /// Returns the closed value, or why there is none.
    #[track_caller]
    fn closed<E>(&self, not_made: NotMade<E>) -> Result<&'static T, E> {
        match (not_made, self.made.get()) {
            (NotMade::Refused(_), Some(kept)) => Ok(&kept.value),
            (not_made, _) => Err(cell::error(&self.options, not_made)),
        }
    }

    #[cold]
    #[track_caller]
    fn make(&self) -> &'static T {
        match (cell::get(self, self.init), self.made.get()) {
            (Ok(value), _) => value,
            (Err(_), Some(kept)) => &kept.value, // it was closed as soon as it was made
            (Err(refusal), None) => cell::refuse(&self.options, refusal),
        }
    }
}

impl<T> Kept<T> {
    /// `true` if this call has closed it.
    fn close(&self) -> bool {
        self.is_open.swap(false, Ordering::SeqCst)
    }

    fn finish_closed(&'static self, executor: &Executor) -> Result<(), HandlerError> {
        self.closer.map_or(Ok(()), |closer| closer.close(&self.value, executor))
    }
}

impl<T: Send + Sync + 'static> Cell for &CloseAtExit<T> {
    type Value = T;
    type Ref = &'static T;

    fn id(self) -> CellId {
        CellId::of(self)
    }

    fn options(self) -> Options {
        self.options
    }

    fn assert_is_declared_well(self) {
        let place = self.options.label().info();
        assert!(self.closer.is_some(), "{place} has no function that closes it: add `close_with`");
    }

    fn is_made(self) -> bool {
        self.made.get().is_some()
    }

    fn open(self) -> Option<&'static T> {
        let kept = self.made.get().filter(|kept| kept.is_open.load(Ordering::Acquire))?;
        Some(&kept.value)
    }

    fn store(self, value: T, initialization: &mut Initialization) -> Result<(), T> {
        let process = Process::current();
        let CloseAtExit { closer, options, .. } = *self;
        let kept = Kept { value, closer, options, is_open: AtomicBool::new(true), handle: OnceLock::new(), process };
        let kept = Box::new(kept);
        let Some(completed) = initialization.complete(&options) else { return Err(kept.value) };
        let kept: &'static Kept<T> = Box::leak(kept);
        completed.join(PendingHandler::value(kept, process), |handle| {
            let _ = kept.handle.set(handle); // both are empty: this is the cell's initialization
            self.made.set(kept);
        });
        Ok(())
    }

    fn finish_late(self, value: T) {
        let (value, closer): (&'static T, _) = (Box::leak(Box::new(value)), self.closer);
        let code = move |executor: &Executor| closer.map_or(Ok(()), |closer| closer.close(value, executor));
        cell::finish_late(self.options, self.is_closed_async(), code);
    }
}

impl<T: Send + Sync + 'static> Value for Kept<T> {
    fn options(&self) -> &Options {
        &self.options
    }

    fn finish(&'static self, executor: &Executor) -> Result<(), HandlerError> {
        if self.close() { self.finish_closed(executor) } else { Ok(()) }
    }
}

/// Returns the value as [`get`](CloseAtExit::get) does.
impl<T: Send + Sync + 'static> Deref for CloseAtExit<T> {
    type Target = T;

    #[inline]
    #[track_caller]
    fn deref(&self) -> &T {
        self.value()
    }
}

/// After a panic the value is either complete or missing.
impl<T> UnwindSafe for CloseAtExit<T> {}

impl<T> RefUnwindSafe for CloseAtExit<T> {}

/// Makes an empty cell, which is of no use: it has no function that closes the value.
impl<T: Send + Sync + 'static> Default for CloseAtExit<T> {
    #[track_caller]
    fn default() -> Self {
        Self::empty()
    }
}

/// Shows its name or place, and whether it is open, without the value.
impl<T> fmt::Debug for CloseAtExit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_open = self.made.get().map(|kept| kept.is_open.load(Ordering::Acquire));
        cell::debug(f, "CloseAtExit", &self.options, is_open)
    }
}
