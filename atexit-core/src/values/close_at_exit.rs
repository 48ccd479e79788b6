//! Owns the value that is closed at exit and kept, so that references to it are valid forever; must not know when that is.

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

/// A value in a `static`, made on first use or set once, that is closed at exit by a function of `&T`, and never dropped.
///
/// It is as handy as a [`LazyLock`](std::sync::LazyLock): it derefs to its value, and [`get`](Self::get) returns a `&'static T`, which anybody may
/// keep for as long as they like. For a value that has a method by which it is closed: a pool, a client, a telemetry provider. One that is to be
/// dropped belongs in a [`DropAtExit`](crate::DropAtExit).
///
/// It needs [`close_with`](Self::close_with) or [`close_with_async`](Self::close_with_async): without, every method that makes the value panics. A
/// closed value is still there to look at, by [`get`](Self::get); [`try_get`](Self::try_get) says that it is closed.
///
/// The cell's methods hide those of the value that have the same name: write `POOL.get().close()` for the pool's own.
///
/// # When
///
/// As for a [`DropAtExit`](crate::DropAtExit#when), except that an exit does not wait for those who hold a reference.
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
pub struct CloseAtExit<T: 'static> {
    /// It lives on the heap, as a dereference of the cell need not have it for good.
    made: OnceLock<&'static Kept<T>>,
    init: Option<fn() -> T>,
    closer: Option<Closer<&'static T>>,
    options: Options,
}

struct Kept<T: 'static> {
    value: T,
    closer: Option<Closer<&'static T>>,
    options: Options,
    is_open: AtomicBool,
    handle: OnceLock<Handle>,
    process: Process,
}

impl<T: Send + Sync + 'static> CloseAtExit<T> {
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
    /// Say of which type: since the cell derefs to its value, the compiler does not find out by what follows in the chain.
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
        Self { made: OnceLock::new(), init: None, closer: None, options: Options::at(Location::caller()) }
    }

    /// Closes the value at exit by this function.
    ///
    /// What it returns counts as for a handler: see [`Outcome`].
    #[must_use]
    pub const fn close_with<R: Outcome>(mut self, close: fn(&T) -> R) -> Self {
        self.closer = Some(Closer::new(close));
        self
    }

    /// The same by an async function, driven as an async handler is.
    ///
    /// That is by an executor of its own: when `#[tokio::main]` returns, its runtime is gone, and what lives on it, as the connections of a pool, cannot
    /// be closed any more. [`close`](Self::close) such a value before, or keep the runtime in a `static`. A closure is written
    /// `|value| async move { … }`.
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

    /// Sets how long an exit waits for the initialization of the value, and how long it may take to close it.
    ///
    /// Without a limit it waits for two seconds, and it may take as long as it likes to close the value. As for a
    /// [handler](crate::Handler::time_limit), what exceeds its limit is abandoned and has failed. All initializations together keep an exit no longer
    /// than the longest of these times.
    #[must_use]
    pub const fn time_limit(mut self, limit: Duration) -> Self {
        self.options.time_limit = Some(limit);
        self
    }

    /// The value, made by the function of [`new`](Self::new) if nothing has made it yet.
    ///
    /// It is as [`LazyLock::force`](std::sync::LazyLock::force), not as [`OnceLock::get`](std::sync::OnceLock::get): that is
    /// [`get_if_open`](Self::get_if_open). The reference is valid forever, and stays what it is when the value is closed.
    ///
    /// # Panics
    ///
    /// If there is no value, and the message says why and where it is declared:
    ///
    /// - the process exits and it was not made;
    /// - nothing has [`set`](Self::set) it, and there is no function that makes it;
    /// - its own initialization asks for it, or one that waits for this thread;
    /// - in a handler, another thread does not end its initialization in time.
    ///
    /// If the function panics, so does this, and the next call tries again. In the destructor of a thread-local a panic aborts: take
    /// [`get_if_open`](Self::get_if_open) there. With `panic = "abort"`, a thread that asks too late waits for the end of the process instead.
    #[inline]
    #[track_caller]
    pub fn get(&'static self) -> &'static T {
        self.value()
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
    pub fn try_get(&'static self) -> Result<&'static T, Unavailable> {
        match cell::get(self, self.init) {
            Ok(value) => Ok(value),
            Err(refusal) => Err(cell::unavailable(&self.options, refusal)),
        }
    }

    /// The value, if it is made and open; it is never made here.
    pub fn get_if_open(&'static self) -> Option<&'static T> {
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
    pub fn get_or_try_init<E>(&'static self, init: impl FnOnce() -> Result<T, E>) -> Result<&'static T, E> {
        match cell::obtain(self, init) {
            Ok(value) => Ok(value),
            Err(not_made) => self.closed(not_made),
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
    pub async fn get_or_init_async(&'static self, init: impl AsyncFnOnce() -> T) -> &'static T {
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
    ) -> Result<&'static T, E> {
        cell::obtain_async(self, init).await.or_else(|not_made| self.closed(not_made))
    }

    /// Puts a value in that was made elsewhere.
    ///
    /// It waits for an initialization that is under way.
    ///
    /// # Panics
    ///
    /// If there is no function that closes it.
    ///
    /// # Errors
    ///
    /// If there is one already, or if it is too late for another: the value comes back.
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
    /// It is `Ok(false)` if it is closed already, and in a forked child whose parent made it. So it is, and nothing changes, if it was never made or
    /// is being made: that is none of this call's. An async function runs on a thread of its own,
    /// which is abandoned when the time limit is over; do not call this in a future of the runtime that the function needs. Else it returns when
    /// the function does. An exit waits for it, as it waits for an initialization.
    ///
    /// # Errors
    ///
    /// If the function fails or panics, or if it exceeds its time limit. It is closed all the same.
    pub fn close(&'static self) -> Result<bool, Failure> {
        let Some(&kept) = self.made.get().filter(|kept| kept.process.is_current()) else { return Ok(false) };
        let Some(_closing) = Closing::begin(self, &|| kept.close()) else { return Ok(false) };
        drop(kept.handle.get().and_then(|&handle| registry::remove(handle)));
        let code = |executor: &Executor| kept.finish_closed(executor);
        cell::finish_now(self.options, self.is_closed_async(), code).map(|()| true)
    }

    fn is_closed_async(&self) -> bool {
        self.closer.is_some_and(|closer| closer.is_async)
    }

    /// The value, also when it is closed.
    #[inline]
    #[track_caller]
    fn value(&self) -> &'static T {
        match self.made.get() {
            Some(kept) => &kept.value,
            None => self.make(),
        }
    }

    /// The value that is closed, or why there is none.
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
    /// `true`: this call has closed it.
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
        assert!(self.closer.is_some(), "{place} has no function that closes it: say `close_with`");
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
            let _ = kept.handle.set(handle); // both are empty, as this is the initialization of the cell
            let _ = self.made.set(kept);
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

/// As [`get`](CloseAtExit::get).
impl<T: Send + Sync + 'static> Deref for CloseAtExit<T> {
    type Target = T;

    #[inline]
    #[track_caller]
    fn deref(&self) -> &T {
        self.value()
    }
}

/// After a panic the value is there, or it is not made: there is no half of one.
impl<T> UnwindSafe for CloseAtExit<T> {}

impl<T> RefUnwindSafe for CloseAtExit<T> {}

/// An empty cell, which cannot be used: it has no function that closes the value.
impl<T: Send + Sync + 'static> Default for CloseAtExit<T> {
    #[track_caller]
    fn default() -> Self {
        Self::empty()
    }
}

/// Its place or name and whether it is open, without the value.
impl<T> fmt::Debug for CloseAtExit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_open = self.made.get().map(|kept| kept.is_open.load(Ordering::Acquire));
        cell::debug(f, "CloseAtExit", &self.options, is_open)
    }
}
