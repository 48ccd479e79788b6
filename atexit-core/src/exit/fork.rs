//! Owns who is told of a fork, and in which order; must not know what a run or the pending set keeps in a child, which is theirs to say.
//!
//! # The problem
//!
//! A child has one thread: the one that forked. Whatever another thread had locked stays locked in the child forever, and a run that
//! another thread was in has nobody to go on with it.
//!
//! # What we do
//!
//! The forking thread takes all locks first, which POSIX calls `pthread_atfork` for, and gives them back on both sides. In the
//! child, a run of another thread is forgotten; what it had not started yet is pending there. A run of the forking thread itself
//! goes on: a child forked by a handler returns from that handler, as in C. `sys/lock` says why each lock is to be had in bounded time.
//!
//! An allocator of the program may watch forks, too. If it began before this did, it takes its locks last, and gives them back first; if
//! after, the other way round: then it cannot be used in what is called here. So nothing here allocates or frees; what is over in the child
//! is forgotten, not dropped. And nobody waits for the allocator with one of these locks: the forking thread would wait for that one with
//! all of the allocator's.

use std::cell::Cell;
use std::mem::ManuallyDrop;

use crate::sys::ForkHooks;
use crate::sys::lock::Guard;
use crate::sys::token::ThreadToken;
use crate::{config, registry, runner};

/// All locks that are static, in their order. That of a hand-over is not among them: a watching thread may hold it, and a child never
/// touches it.
struct Locks {
    #[cfg(feature = "signals")]
    signals: Guard<'static, super::signals::Installed>,
    run: Guard<'static, runner::RunState>,
    _config: Guard<'static, config::Config>,
    pending: Guard<'static, registry::Pending>,
    /// What arrives in the child before it has its dispositions waits until then. Dropped last.
    #[cfg(feature = "signals")]
    _blocked: crate::sys::signal::BlockedSignals,
}

thread_local! {
    // Without a destructor, so that it still serves on an exiting thread, too.
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
