//! Owns what happens to a run and to the pending set when the process forks; must not know how they work.
//!
//! # The problem
//!
//! A child has one thread: the one that forked. Whatever another thread had locked stays locked in the child for ever, and a run that
//! another thread was in has nobody to go on with it.
//!
//! # What we do
//!
//! The forking thread takes all locks first, which POSIX calls `pthread_atfork` for, and gives them back on both sides. In the
//! child, a run of another thread is forgotten; what it had not started yet is pending there. A run of the forking thread itself
//! goes on: a child forked by a handler returns from that handler, as in C.

use std::cell::Cell;
use std::mem::ManuallyDrop;

use crate::sync::MutexGuard;
use crate::{account, config, exit_thread, registry, turn};

/// All locks that are static. Nothing else takes two of them at a time, so that no two threads wait for each other. The lock of an exit
/// thread's desk is not among them: a watching thread may hold it, and a child never touches it.
struct Locks {
    #[cfg(feature = "signals")]
    signals: MutexGuard<'static, crate::signals::Installed>,
    turns: MutexGuard<'static, turn::Turns>,
    exit_thread: MutexGuard<'static, exit_thread::Driving>,
    accounts: MutexGuard<'static, Vec<account::Account>>,
    _config: MutexGuard<'static, config::Config>,
    pending: MutexGuard<'static, registry::Pending>,
    /// What arrives in the child before it has its dispositions waits until then. Dropped last.
    #[cfg(feature = "signals")]
    _blocked: crate::platform::BlockedSignals,
}

thread_local! {
    // Without a destructor, so that it still serves on an exiting thread, too.
    static HELD: Cell<Option<ManuallyDrop<Locks>>> = const { Cell::new(None) };
}

pub(crate) fn before() {
    HELD.set(Some(ManuallyDrop::new(Locks {
        #[cfg(feature = "signals")]
        _blocked: crate::platform::BlockedSignals::all(),
        #[cfg(feature = "signals")]
        signals: crate::signals::lock(),
        turns: turn::lock(),
        exit_thread: exit_thread::lock(),
        accounts: account::lock(),
        _config: config::lock(),
        pending: registry::lock(),
    })));
}

pub(crate) fn in_parent() {
    drop(HELD.take().map(ManuallyDrop::into_inner));
}

pub(crate) fn in_child() {
    let Some(mut locks) = HELD.take().map(ManuallyDrop::into_inner) else { return };
    #[cfg(feature = "signals")]
    crate::signals::forget_in_child(&locks.signals);
    locks.pending.forget_foreign();
    let goes_on = turn::is_seated();
    locks.turns.forget_in_child(goes_on);
    locks.exit_thread.forget_in_child();
    if !goes_on {
        // Forgotten, not dropped: what they own may be in use by a thread that is no more.
        std::mem::forget(std::mem::take(&mut *locks.accounts));
        locks.pending.forget_run_in_child();
    }
}
