//! Owns which rooms learn of a fork, and in which order; must not know what a run or the pending set keeps in a child.
//!
//! # The problem
//!
//! A child has one thread: the one that forked. A lock that another thread held stays locked in the child forever, and a run of another
//! thread has nobody to go on with it.
//!
//! # What we do
//!
//! With `pthread_atfork`, the forking thread takes all locks before the fork, and releases them afterwards in the parent and in the child.
//! In the child, a run of another thread is forgotten, and the handlers that it had not started are pending. A run of the forking thread
//! itself goes on: a child that a handler forks returns from that handler, as in C. `sys/lock` says why the wait for each lock is bounded.
//!
//! The program's allocator may watch forks, too. If it began to watch before this library, it takes its locks last and releases them first.
//! If it began later, it takes them first and releases them last, and cannot be used while our functions run. So nothing here allocates or
//! frees; what is no longer needed in the child is forgotten, not dropped. For the same reason, no thread waits for the allocator while it
//! holds one of these locks: the forking thread, with all of the allocator's locks, would wait for that one.

use std::cell::Cell;
use std::mem::ManuallyDrop;

use crate::sys::ForkHooks;
use crate::sys::lock::Guard;
use crate::sys::token::ThreadToken;
use crate::{config, registry, runner};

/// All static locks, in their order. A hand-over's lock is not among them: a watching thread may hold it, and a child never touches it.
struct Locks {
    #[cfg(feature = "signals")]
    signals: Guard<'static, super::signals::Installed>,
    run: Guard<'static, runner::RunState>,
    _config: Guard<'static, config::Config>,
    pending: Guard<'static, registry::Pending>,
    /// Delays signals in the child until it has its dispositions back. Dropped last.
    #[cfg(feature = "signals")]
    _blocked: crate::sys::signal::BlockedSignals,
}

thread_local! {
    // Without a destructor, so that it also works on an exiting thread.
    static HELD: Cell<Option<ManuallyDrop<Locks>>> = const { Cell::new(None) };
}

pub(crate) struct Forks;

impl ForkHooks for Forks {
    fn before() {
        HELD.set(Some(ManuallyDrop::new(Locks {
            #[cfg(feature = "signals")]
            _blocked: crate::sys::signal::BlockedSignals::all(),
            #[cfg(feature = "signals")]
            signals: super::signals::INSTALLED.lock_to_fork(),
            run: runner::RUN.lock_to_fork(),
            _config: config::CONFIG.lock_to_fork(),
            pending: registry::PENDING.lock_to_fork(),
        })));
    }

    fn in_parent() {
        drop(HELD.take().map(ManuallyDrop::into_inner));
    }

    fn in_child() {
        let Some(mut locks) = HELD.take().map(ManuallyDrop::into_inner) else { return };
        #[cfg(feature = "signals")]
        super::signals::INSTALLED.forget_forks_in_child();
        runner::RUN.forget_forks_in_child();
        config::CONFIG.forget_forks_in_child();
        registry::PENDING.forget_forks_in_child();
        #[cfg(feature = "signals")]
        super::signals::forget_in_child(&locks.signals);
        locks.pending.forget_foreign();
        let goes_on = runner::is_inside();
        locks.run.go_on_in_child(ThreadToken::mine(), goes_on);
        runner::forget_in_child();
        if !goes_on {
            registry::lease::revoke();
            locks.pending.forget_run_in_child();
        }
    }
}
