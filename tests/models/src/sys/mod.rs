//! Owns what the library asks of the operating system, as the modeled [`process`](crate::process) answers it; must not know who asks.

#[path = "../../../../atexit-core/src/sys/cast.rs"]
pub(crate) mod cast;
#[path = "../../../../atexit-core/src/sys/erased.rs"]
pub(crate) mod erased;
#[path = "../../../../atexit-core/src/sys/lock.rs"]
pub(crate) mod lock;
#[path = "../../../../atexit-core/src/sys/memory.rs"]
pub(crate) mod memory;
#[path = "../../../../atexit-core/src/sys/once_ref.rs"]
pub(crate) mod once_ref;
#[path = "../../../../atexit-core/src/sys/signal_number.rs"]
pub(crate) mod signal_number;
pub mod sync;
#[path = "../../../../atexit-core/src/sys/token.rs"]
pub(crate) mod token;

use sync::Instant;
use sync::thread::{Builder, JoinHandle, sleep};

pub(crate) use crate::process::exit as exit_by_std;
pub(crate) use crate::process::{c_exit as exit, c_exit as exit_again, c_exit as exit_in_child, end as exit_at_once};
use crate::{process, world};

pub(crate) const STATUS_MASK: i32 = 0xff;

pub(crate) trait ExitHook {
    type Asked;
    fn exiting(status: Option<i32>) -> Option<Self::Asked>;
    fn status(asked: Self::Asked, pending: Option<i32>) -> Option<i32>;
    fn unloading();
    fn go_on_alone() -> bool;
}

pub(crate) fn call_at_exit<H: ExitHook>(status: i32) {
    if let Some(status) = H::exiting(Some(status)).and_then(|asked| H::status(asked, Some(status))) {
        exit_again(status);
    }
}

pub(crate) trait ForkHooks {
    fn before();
    fn in_parent();
    fn in_child();
}

/// A modeled process begins with its hooks.
macro_rules! before_main {
    ($function:path) => {
        const _: fn() = $function;
    };
}
pub(crate) use before_main;

pub(crate) fn install_hook<H: ExitHook>() {
    process::plant();
}

pub(crate) fn in_library() -> bool {
    false
}

pub(crate) fn is_unloaded() -> bool {
    false
}

pub(crate) fn await_end(_: &JoinHandle<()>, _: std::time::Duration) {}

/// Models do not measure time.
#[expect(clippy::unnecessary_wraps, reason = "the library's may be none")]
pub(crate) fn is_running(_: u64) -> Option<bool> {
    Some(false)
}

pub(crate) fn can_start_threads() -> bool {
    true
}

pub(crate) fn is_in_exit() -> bool {
    process::is_in_exit()
}

pub(crate) fn watch_forks<F: ForkHooks>() {}

/// There always is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process;

impl Process {
    pub(crate) fn current() -> Self {
        Self
    }

    pub(crate) fn of_start() -> Self {
        Self
    }

    pub(crate) fn is_current(self) -> bool {
        self == Self::current()
    }
}

pub(crate) fn has_rights_of_another() -> bool {
    false
}

#[expect(clippy::unnecessary_wraps, reason = "the library's may be none")]
pub(crate) fn thread_id() -> Option<u64> {
    Some(world::me() as u64)
}

#[expect(clippy::unnecessary_wraps, reason = "the library's may be none")]
pub(crate) fn thread_name() -> Option<String> {
    Some(world::thread_name())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeadEnd {
    Exit,
    Lock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VainWait {
    pub(crate) dead_end: DeadEnd,
}

/// The world knows.
pub(crate) fn vain_wait(thread_id: u64) -> Option<VainWait> {
    let dead_end = process::dead_end(usize::try_from(thread_id).expect("it was the number of a thread"))?;
    Some(VainWait { dead_end })
}

/// Because all threads may be arbitrarily slow, this one could always be the first to end the process: only models about it have it.
const LAST_RESORT: &str = "at_exit_last_resort";

/// Every reader reads at once.
pub(crate) fn write_stderr(text: &str, until: Instant) -> bool {
    let is_read = !world::lacks_reader();
    if is_read {
        world::complain(text);
    } else {
        sleep(until.saturating_duration_since(Instant::now()));
    }
    is_read
}

pub(crate) const MAY_BE_ALONE: bool = false;

pub(crate) const STACK_SIZE: usize = 0;

pub(crate) fn spawn_with_stack(name: &str, _: usize, f: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
    spawn(name, f)
}

pub(crate) fn spawn(name: &str, f: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
    if name == LAST_RESORT && !world::has_last_resort() {
        return None;
    }
    Builder::new().name(name.to_owned()).spawn(f).ok()
}
