//! Owns the parts of std that wait, connect threads, tell the time and end the process, made from the [`world`]; must not
//! know who uses them. It has what the library uses, and each call that another thread may notice is a step of its thread.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{LockResult, TryLockError};
use std::time::Duration;

use crate::world::{self, Id, Place};

pub use crate::process;

/// When its process ends, a thread that waits in such a function is unwound.
macro_rules! never_unwinds {
    ($(#[$attribute:meta])* $visibility:vis fn $($rest:tt)*) => {
        $(#[$attribute])*
        #[track_caller]
        $visibility fn $($rest)*
    };
}
pub(crate) use never_unwinds;

/// A lock. Threads wait for it in the world; the value is in a lock of std's, which is free whenever the world says so.
pub struct Mutex<T>(std::sync::Mutex<T>);

/// While this exists, the lock is taken.
pub struct MutexGuard<'a, T> {
    value: Option<std::sync::MutexGuard<'a, T>>,
    mutex: &'a Mutex<T>,
}

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::sync::Mutex::new(value))
    }

    #[track_caller]
    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        world::step("lock");
        loop {
            match self.take() {
                Some(guard) => return Ok(guard),
                None => world::wait(Place::of(self), None),
            }
        }
    }

    #[track_caller]
    pub(crate) fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError<MutexGuard<'_, T>>> {
        world::step("try to lock");
        self.take().ok_or(TryLockError::WouldBlock)
    }

    fn take(&self) -> Option<MutexGuard<'_, T>> {
        let value = match self.0.try_lock() {
            Ok(value) => value,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        world::hold(1);
        Some(MutexGuard { value: Some(value), mutex: self })
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("it is there until the guard is dropped")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("it is there until the guard is dropped")
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        self.value = None;
        world::hold(-1);
        world::wake(Place::of(self.mutex));
    }
}

/// A condition variable; its byte gives it an address of its own.
pub(crate) struct Condvar(#[expect(dead_code, reason = "only its address is used")] u8);

impl Condvar {
    pub(crate) const fn new() -> Self {
        Self(0)
    }

    #[track_caller]
    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.wait_until(guard, None)
    }

    #[track_caller]
    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        at_most: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, ())> {
        self.wait_until(guard, Some(Instant::now().0.saturating_add(at_most))).map(|guard| (guard, ())).map_err(never)
    }

    #[track_caller]
    pub(crate) fn wait_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<MutexGuard<'a, T>> {
        while condition(&mut guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// Releasing the lock and waiting is one step.
    #[track_caller]
    fn wait_until<'a, T>(&self, guard: MutexGuard<'a, T>, until: Option<Duration>) -> LockResult<MutexGuard<'a, T>> {
        let mutex = guard.mutex;
        drop(guard);
        world::wait(Place::of(self), until);
        mutex.lock()
    }

    #[track_caller]
    pub(crate) fn notify_all(&self) {
        world::step("notify");
        world::wake(Place::of(self));
    }
}

/// No lock is ever poisoned here.
fn never<G, H>(_: std::sync::PoisonError<G>) -> std::sync::PoisonError<H> {
    unreachable!()
}

pub(crate) struct AtomicU64(std::sync::atomic::AtomicU64);

impl AtomicU64 {
    pub(crate) const fn new(value: u64) -> Self {
        Self(std::sync::atomic::AtomicU64::new(value))
    }

    #[track_caller]
    pub(crate) fn load(&self, order: Ordering) -> u64 {
        world::step("load");
        self.0.load(order)
    }

    #[track_caller]
    pub(crate) fn store(&self, value: u64, order: Ordering) {
        world::step("store");
        self.0.store(value, order);
    }

    #[track_caller]
    pub(crate) fn compare_exchange(
        &self,
        from: u64,
        to: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        world::step("compare and exchange");
        self.0.compare_exchange(from, to, success, failure)
    }

    #[track_caller]
    pub(crate) fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        world::step("add");
        self.0.fetch_add(value, order)
    }
}

/// A point in the world's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(Duration);

impl Instant {
    pub(crate) fn now() -> Self {
        Self(world::now())
    }

    pub(crate) fn checked_add(self, duration: Duration) -> Option<Self> {
        self.0.checked_add(duration).map(Self)
    }

    pub(crate) fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    pub(crate) fn duration_since(self, earlier: Self) -> Duration {
        self.saturating_duration_since(earlier)
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Self::now().duration_since(*self)
    }
}

/// Waits for the end of the process.
#[track_caller]
pub(crate) fn park() -> ! {
    loop {
        world::wait(Place::NOWHERE, None);
    }
}

/// Threads, as in std.
pub mod thread {
    use std::io;
    use std::sync::{Arc, Mutex, PoisonError};
    use std::time::Duration;

    use super::{Id, Place, world};

    /// Waits until this much of the world's time has passed.
    #[track_caller]
    pub fn sleep(duration: Duration) {
        world::wait(Place::NOWHERE, Some(world::now().saturating_add(duration)));
    }

    /// Starts a thread.
    #[track_caller]
    pub fn spawn<T: Send + 'static>(name: &str, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        world::step("spawn");
        let result = Arc::new(Mutex::new(None));
        let theirs = Arc::clone(&result);
        let id = world::spawn(name, move || {
            let returned = f();
            *theirs.lock().unwrap_or_else(PoisonError::into_inner) = Some(returned);
        });
        JoinHandle { id, result }
    }

    pub(crate) struct Builder {
        name: Option<String>,
    }

    impl Builder {
        pub(crate) fn new() -> Self {
            Self { name: None }
        }

        pub(crate) fn name(self, name: String) -> Self {
            Self { name: self.name.or(Some(name)) }
        }

        #[track_caller]
        pub(crate) fn spawn<T: Send + 'static>(
            self,
            f: impl FnOnce() -> T + Send + 'static,
        ) -> io::Result<JoinHandle<T>> {
            if world::lacks_threads() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(spawn(self.name.as_deref().unwrap_or_default(), f))
        }
    }

    /// The result of a thread, once it has one.
    pub struct JoinHandle<T> {
        id: Id,
        result: Arc<Mutex<Option<T>>>,
    }

    impl<T> JoinHandle<T> {
        /// Waits for the end of the thread, including the destructors of its thread-locals.
        ///
        /// # Panics
        ///
        /// Never: a panic in a thread ends the model.
        #[track_caller]
        pub fn join(self) -> T {
            world::step("join");
            while !world::is_over(self.id) {
                world::wait(Place::end_of(self.id), None);
            }
            let returned = self.result.lock().unwrap_or_else(PoisonError::into_inner).take();
            returned.expect("it is over")
        }
    }
}

/// Declared by `thread_local!`. The first one used is dropped last, and those without a destructor live on.
pub struct LocalKey<T: 'static> {
    init: fn() -> T,
    marker: PhantomData<fn() -> T>,
}

impl<T: 'static> LocalKey<T> {
    #[doc(hidden)]
    pub const fn new(init: fn() -> T) -> Self {
        Self { init, marker: PhantomData }
    }

    pub(crate) fn try_with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Result<R, Gone> {
        let at = Place::of(self);
        if !world::is_on() {
            return Ok(f(&(self.init)())); // there is no thread to have one
        }
        if !world::has_local(at) {
            let value = Rc::new((self.init)());
            world::add_local(at, value, std::mem::needs_drop::<T>());
        }
        let value = world::local(at).ok_or(Gone)?;
        Ok(f(value.downcast_ref().expect("a key has one type")))
    }
}

impl<T: 'static> LocalKey<Cell<T>> {
    pub(crate) fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.try_with(Cell::get).expect("not on the way out")
    }

    /// Sets the value of this thread.
    ///
    /// # Panics
    ///
    /// If the thread has dropped it.
    pub fn set(&'static self, value: T) {
        self.try_with(|cell| cell.set(value)).expect("not on the way out");
    }

    pub(crate) fn replace(&'static self, value: T) -> T {
        self.try_with(|cell| cell.replace(value)).expect("not on the way out")
    }
}

/// The thread has dropped it.
#[derive(Debug)]
pub(crate) struct Gone;

/// Declares thread-locals, as in std.
#[macro_export]
macro_rules! locals {
    ($($(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty = const { $value:expr };)*) => {$(
        $(#[$attribute])*
        $visibility static $name: $crate::sys::sync::LocalKey<$type> = $crate::sys::sync::LocalKey::new(|| $value);
    )*};
}
pub use crate::locals as thread_local;

/// stdout and stderr, as far as their locks are concerned, which a thread may hold until the process ends.
pub mod io {
    use std::io::{Result, Write};

    use super::{Place, world};

    /// One of the two, by its descriptor.
    pub struct Stream(usize);

    /// While this exists, other threads wait to print. `None` if this thread holds the lock already.
    pub struct StreamLock(Option<usize>);

    /// Standard output.
    pub fn stdout() -> Stream {
        Stream(1)
    }

    /// Standard error.
    pub fn stderr() -> Stream {
        Stream(2)
    }

    impl Stream {
        /// Waits until no other thread holds it.
        #[track_caller]
        pub fn lock(&self) -> StreamLock {
            world::step("lock");
            let me = world::me();
            loop {
                match world::streams(|holders| holders[self.0].replace(me)) {
                    None => return StreamLock(Some(self.0)),
                    Some(holder) if holder == me => return StreamLock(None),
                    holder => {
                        world::streams(|holders| holders[self.0] = holder);
                        world::wait(Place::of_stream(self.0), None);
                    }
                }
            }
        }
    }

    impl Write for StreamLock {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> Result<()> {
            world::say("flushed");
            Ok(())
        }
    }

    impl Drop for StreamLock {
        fn drop(&mut self) {
            if let Some(stream) = self.0 {
                world::streams(|holders| holders[stream] = None);
                world::wake(Place::of_stream(stream));
            }
        }
    }
}
