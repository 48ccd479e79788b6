//! Owns the library's locks, and the order in which they are taken; must not know how the guarded data is used.
//!
//! A thread that holds one of them takes only later ones, so no two threads wait for each other. Debug builds assert this. Under a lock there
//! is no code of a user, no input or output, and no wait except on the lock's own condition. `fork` takes all static locks, in order, and an
//! allocator may do so with its own. So under the locks of the run, the configuration and the pending set, nothing is allocated or freed,
//! either.
//!
//! # Whose turn it is
//!
//! std's locks are not fair: a thread that takes one again and again may be faster each time than one that has been woken for it. For most
//! threads, that is a good bargain. But a thread that forks takes all locks, one after another. So it raises a flag at a lock while it waits
//! for it, and a thread that sees the flag steps back. Only threads that had already looked get the lock before it, once each. The wait of a
//! thread that steps back is bounded. It holds at most earlier locks, and the forking thread already has those, or does not need them.
//!
//! A thread that finds the lock taken leaves it to the other one for a while, about 1.5 µs on an AMD EPYC. Meanwhile, the other one may take it
//! dozens of times. If both were after it all the time, each would wait for the other's processor whenever it takes it, several times as long
//! as it keeps it.

use std::cell::UnsafeCell;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, TryLockError};
use std::time::Duration;

use super::sync::thread::sleep;
use super::sync::{Condvar, Mutex, MutexGuard, never_unwinds};

/// The order of the locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// Which signals are caught.
    #[cfg_attr(not(feature = "signals"), expect(dead_code, reason = "no signals are caught"))]
    Signals,
    /// What state the run is in.
    Run,
    /// What the program has configured.
    Config,
    /// Where an exiting thread and its exit thread meet: one lock for each pair.
    Handover,
    /// The pending handlers: no other lock is taken under this one.
    Pending,
}

/// How often, and for how long, a thread steps back: in all, far longer than another thread takes to wake up.
const STEPS: usize = 10_000;
const STEP: Duration = Duration::from_micros(50);

/// For how many turns of a loop a thread leaves a lock alone that is taken.
const BACK_OFF: usize = 50;

pub(crate) struct Lock<T> {
    gate: Gate,
    value: UnsafeCell<T>,
}

// SAFETY: only the thread that is inside the gate reaches the value.
unsafe impl<T: Send> Sync for Lock<T> {}

/// A lock without what it guards, so that its code is there once, not for each type of that.
///
/// To take a lock and to release it are calls: std's code for that, once at each of many places, would be a tenth of a small program. Only
/// where each handler passes, it is in place: see [`Lock::lock_inline`] and [`Guard::release`].
struct Gate {
    rank: Rank,
    /// How many forking threads wait for it. `Relaxed`: it is a hint, and publishes nothing else.
    forking: AtomicU32,
    mutex: Mutex<()>,
}

/// As long as this is kept, the thread is inside the gate.
struct Inside<'a> {
    mutex: MutexGuard<'a, ()>,
    held: Held,
}

/// As long as this is kept, the lock is taken.
pub(crate) struct Guard<'a, T> {
    /// There until the guard is dropped, or taken apart.
    inside: ManuallyDrop<Inside<'a>>,
    value: &'a UnsafeCell<T>,
}

/// Finds a vector in the guarded data, if it is there, and says how many more items need room in it.
type Find<T, V> = fn(&mut T) -> Option<(&mut Vec<V>, usize)>;

impl<T> Lock<T> {
    pub(crate) const fn new(rank: Rank, value: T) -> Self {
        let gate = Gate { rank, forking: AtomicU32::new(0), mutex: Mutex::new(()) };
        Self { gate, value: UnsafeCell::new(value) }
    }

    /// Takes the lock. Poison is ignored: no code of a user runs under it, so nothing is half done.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.guard(self.gate.enter())
    }

    #[expect(clippy::inline_always, reason = "that is what it is for")]
    #[inline(always)]
    #[cfg_attr(debug_assertions, track_caller)]
    pub(crate) fn lock_inline(&self) -> Guard<'_, T> {
        self.guard(self.gate.enter_inline())
    }

    /// Takes the lock, unless it is taken already.
    pub(crate) fn try_lock(&self) -> Option<Guard<'_, T>> {
        self.gate.try_enter().map(|inside| self.guard(inside))
    }

    /// Takes the lock for a thread that forks, which gets its turn soon.
    pub(crate) fn lock_to_fork(&self) -> Guard<'_, T> {
        self.guard(self.gate.enter_to_fork())
    }

    /// The thread must be inside this lock's gate.
    #[inline]
    fn guard<'a>(&'a self, inside: Inside<'a>) -> Guard<'a, T> {
        Guard { inside: ManuallyDrop::new(inside), value: &self.value }
    }

    /// In a forked child, no other thread waits to fork.
    pub(crate) fn forget_forks_in_child(&self) {
        self.gate.forking.store(0, Ordering::Relaxed);
    }

    /// Takes the lock, with room for more items in the vector that `find` finds. Memory is allocated and freed while the lock is not taken.
    #[inline] // so that the code that drops items is there once, where they are used
    pub(crate) fn lock_with_room<V>(&self, find: Find<T, V>) -> Guard<'_, T> {
        let mut room = Vec::new();
        loop {
            let mut guard = self.lock();
            let mut needed = 0;
            if let Some((vector, more)) = find(&mut guard) {
                let len = vector.len() + more;
                if len > vector.capacity() && len <= room.capacity() {
                    room.append(vector);
                    std::mem::swap(vector, &mut room);
                } else if len > vector.capacity() {
                    needed = len;
                }
            }
            if needed == 0 && room.capacity() == 0 {
                return guard;
            }
            drop(guard); // before the room, which others may have made unnecessary
            room = Vec::with_capacity(2 * needed);
        }
    }
}

impl Gate {
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    fn enter(&self) -> Inside<'_> {
        let held = Held::note(self.rank);
        Inside { mutex: take(self), held }
    }

    #[expect(clippy::inline_always, reason = "for `lock_inline`")]
    #[inline(always)]
    #[cfg_attr(debug_assertions, track_caller)]
    fn enter_inline(&self) -> Inside<'_> {
        let held = Held::note(self.rank);
        Inside { mutex: self.take_inline(), held }
    }

    #[expect(clippy::inline_always, reason = "as above")]
    #[inline(always)]
    fn take_inline(&self) -> MutexGuard<'_, ()> {
        if self.forking.load(Ordering::Relaxed) > 0 {
            step_back(&self.forking);
        }
        match self.try_take() {
            Some(mutex) => mutex,
            None => take_later(&self.mutex),
        }
    }

    #[inline]
    fn try_take(&self) -> Option<MutexGuard<'_, ()>> {
        match self.mutex.try_lock() {
            Ok(mutex) => Some(mutex),
            Err(TryLockError::Poisoned(mutex)) => Some(mutex.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn try_enter(&self) -> Option<Inside<'_>> {
        let mutex = self.try_take()?;
        Some(Inside { mutex, held: Held::note(self.rank) })
    }

    fn enter_to_fork(&self) -> Inside<'_> {
        let held = Held::note(self.rank);
        Inside { mutex: take_to_fork(self), held }
    }
}

impl Inside<'_> {
    #[inline]
    fn leave(self) {
        release(self.mutex);
    }

    /// Leaves, waits until the condition is notified, or as long as this, and enters again.
    #[inline]
    fn wait(self, condition: &Condvar, at_most: Option<Duration>) -> Self {
        let Self { mutex, held } = self;
        Self { mutex: wait(mutex, condition, at_most), held }
    }
}

never_unwinds! {
    #[inline(never)]
    fn take(gate: &Gate) -> MutexGuard<'_, ()> {
        gate.take_inline()
    }
}

never_unwinds! {
    /// Takes a lock that was taken a moment ago.
    #[cold]
    #[inline(never)]
    fn take_later(mutex: &Mutex<()>) -> MutexGuard<'_, ()> {
        for _ in 0..BACK_OFF {
            std::hint::spin_loop();
        }
        even_if_poisoned(mutex.lock())
    }
}

never_unwinds! {
    #[inline(never)]
    fn take_to_fork(gate: &Gate) -> MutexGuard<'_, ()> {
        gate.forking.fetch_add(1, Ordering::Relaxed);
        let mutex = even_if_poisoned(gate.mutex.lock());
        gate.forking.fetch_sub(1, Ordering::Relaxed);
        mutex
    }
}

never_unwinds! {
    #[inline(never)]
    fn release(mutex: MutexGuard<'_, ()>) {
        drop(mutex);
    }
}

never_unwinds! {
    #[inline(never)]
    fn wait<'a>(mutex: MutexGuard<'a, ()>, condition: &Condvar, at_most: Option<Duration>) -> MutexGuard<'a, ()> {
        match at_most {
            None => even_if_poisoned(condition.wait(mutex)),
            Some(at_most) => even_if_poisoned(condition.wait_timeout(mutex, at_most)).0,
        }
    }
}

/// Lets a thread that forks go first.
#[cold]
#[inline(never)]
fn step_back(forking: &AtomicU32) {
    for _ in 0..STEPS {
        sleep(STEP);
        if forking.load(Ordering::Relaxed) == 0 {
            return;
        }
    }
}

fn even_if_poisoned<G>(taken: Result<G, PoisonError<G>>) -> G {
    match taken {
        Ok(guard) => guard,
        Err(poisoned) => poisoned.into_inner(),
    }
}

impl<'a, T> Guard<'a, T> {
    /// Releases the lock, as a drop does.
    #[expect(clippy::inline_always, reason = "that is what it is for")]
    #[inline(always)]
    pub(crate) fn release(self) {
        drop(self.into_parts());
    }

    pub(crate) fn wait(self, condition: &Condvar) -> Self {
        let (inside, value) = self.into_parts();
        Self { inside: ManuallyDrop::new(inside.wait(condition, None)), value }
    }

    pub(crate) fn wait_timeout(self, condition: &Condvar, at_most: Duration) -> Self {
        let (inside, value) = self.into_parts();
        Self { inside: ManuallyDrop::new(inside.wait(condition, Some(at_most))), value }
    }

    #[inline]
    fn into_parts(self) -> (Inside<'a>, &'a UnsafeCell<T>) {
        let mut guard = ManuallyDrop::new(self);
        // SAFETY: nobody uses or drops the guard after this.
        (unsafe { ManuallyDrop::take(&mut guard.inside) }, guard.value)
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: it is still there, because who takes it makes sure that the guard is not dropped; and nobody uses it after this.
        unsafe { ManuallyDrop::take(&mut self.inside) }.leave();
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this thread is inside the gate.
        unsafe { &*self.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this thread is inside the gate, and this is the only guard.
        unsafe { &mut *self.value.get() }
    }
}

#[cfg(debug_assertions)]
super::sync::thread_local! {
    /// A bit for each lock that this thread holds.
    static HELD: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

/// Remembers, in debug builds, that this thread holds a lock, or waits for it. A model unwinds a thread that waits when its process ends.
struct Held(#[cfg(debug_assertions)] Rank);

impl Held {
    #[cfg(debug_assertions)]
    #[track_caller]
    fn note(rank: Rank) -> Self {
        let held = HELD.get();
        // The highest bit is the latest lock.
        debug_assert!(held >> rank as u32 == 0, "a lock of rank {rank:?} is taken under {held:#b}");
        HELD.set(held | (1 << rank as u32));
        Self(rank)
    }

    #[cfg(not(debug_assertions))]
    fn note(_: Rank) -> Self {
        Self()
    }
}

#[cfg(debug_assertions)]
impl Drop for Held {
    fn drop(&mut self) {
        HELD.set(HELD.get() & !(1 << self.0 as u32));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_are_taken_in_their_order_and_given_back_in_any() {
        let (run, config, pending) = (Lock::new(Rank::Run, 1), Lock::new(Rank::Config, 2), Lock::new(Rank::Pending, 3));
        for _ in 0..2 {
            let (first, second, third) = (run.lock(), config.lock(), pending.lock());
            drop(first);
            drop(third);
            drop(second);
        }
    }

    #[test]
    fn who_comes_while_a_thread_that_forks_waits_steps_back() {
        for _ in 0..20 {
            let lock = Lock::new(Rank::Pending, Vec::new());
            std::thread::scope(|scope| {
                let guard = lock.lock();
                scope.spawn(|| lock.lock_to_fork().push("forks"));
                while lock.gate.forking.load(Ordering::Relaxed) == 0 {
                    std::thread::yield_now();
                }
                drop(guard);
                lock.lock().push("comes later");
            });
            assert_eq!(*lock.lock(), ["forks", "comes later"]);
            assert_eq!(lock.gate.forking.load(Ordering::Relaxed), 0);
        }
    }

    #[test]
    fn room_that_others_have_made_unnecessary_is_not_freed_under_the_lock() {
        let lock: Lock<(usize, Vec<u8>)> = Lock::new(Rank::Pending, (0, Vec::new()));
        let guard = lock.lock_with_room(|(looks, vector)| {
            *looks += 1;
            if *looks == 2 {
                vector.reserve(1); // another thread has been faster
            }
            Some((vector, 1))
        });
        assert_eq!(guard.0, 3, "it looks again after it has freed the room");
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "a lock of rank Run is taken under")]
    fn the_wrong_order_is_asserted() {
        let (run, config) = (Lock::new(Rank::Run, 1), Lock::new(Rank::Config, 2));
        let _second = config.lock();
        drop(run.lock());
    }
}
