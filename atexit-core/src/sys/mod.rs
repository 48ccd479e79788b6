//! Owns the seam to the operating system and the C library: what the rest of the crate asks of them. It must not know who asks, or what
//! for: code that calls back up is passed in as a type that implements [`ExitHook`] or [`ForkHooks`].
//!
//! Each kind of system has a file, in which the same names mean the same, so nothing above this room asks which system it is on.
//!
//! | a system's file has | and promises |
//! |---|---|
//! | `install_hook::<H>()` | Calls `H` when the process exits, before everything that was installed earlier; and when this library is unloaded, before its code is unmapped. Does nothing if memory is out. |
//! | `in_library()` | Whether this code is in a shared library, whose first hooks may be called after the loader's own exit function. |
//! | `is_unloaded()` | Whether the hook is called because the loader unloads this library, as far as is known. |
//! | `can_start_threads()` | Whether a thread that is started now begins to run, even while this one is inside the hook. |
//! | `watch_forks::<F>()` | Calls `F` around each `fork`, on the forking thread. Does nothing if memory is out, or if nothing forks. |
//! | `process_number()` | A number that no parent or child of this process has, even if the system gives both the same. Safe in a signal handler, and never 0. |
//! | `write_stderr(text, until)` | Writes without a lock, a buffer or a panic, and never raises a signal. Waits for a slow reader until then, or as long as it takes when Windows detaches a DLL; `true` if all was written. |
//! | `exit(status)` | Ends the process by C's `exit`: everything else that is installed runs. |
//! | `exit_again(status)` | The same from inside the hook, with another status than the process was about to end with. |
//! | `is_in_exit()` | Whether this thread is inside C's `exit`, as far as is known. |
//! | `exit_by_std(status)` | Ends the process by std's `exit`, which flushes std's stdout; also if only the system can find out that this thread is inside C's `exit`. |
//! | `exit_in_child(status)` | The same in a child that was forked while another thread of its parent may have been inside C's `exit`. Everything else that is installed runs if possible. |
//! | `exit_at_once(status)` | Ends the process: nothing that is installed runs. Takes no lock. |
//! | `await_end(thread, at_most)` | Waits until the system is done with a thread that is about to end, unless that takes a lock of an exit. |
//! | `thread_id()` | The system's number of this thread, if [`vain_wait`] can be asked about it. |
//! | `is_running(id)` | Whether that thread runs, rather than waits, if the system tells. |
//! | `vain_wait(id)` | What that thread waits for in vain, if it does: see [`VainWait`]. |
//! | `has_rights_of_another()` | Whether the process has rights that the user who started it lacks, so that its environment must not be trusted. |
//! | `STATUS_MASK` | The bits of an exit status that a parent sees. |
//!
//! What is the same on every system is in this file (`spawn` and `spawn_with_stack`, for example), in `sync` (what std offers to threads), in
//! `lock` (locks, and their order), in `token` (names of threads) and in `memory` (a vector for many items; it gives advice only to Linux).

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

#[cfg(any(not(target_os = "linux"), at_exit_as_bsd, miri))]
mod by_std;
pub(crate) mod cast;
pub(crate) mod erased;
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
mod iso_c;
pub(crate) mod lock;
pub(crate) mod memory;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod no_clock;
pub(crate) mod once_ref;
#[cfg(all(unix, not(any(target_family = "wasm", miri))))]
mod posix;
#[cfg(all(feature = "signals", unix, not(any(target_family = "wasm", miri))))]
#[cfg_attr(target_vendor = "apple", path = "mach_semaphore.rs")]
mod semaphore;
#[cfg(feature = "signals")]
#[cfg_attr(all(unix, not(any(target_family = "wasm", miri))), path = "signal.rs")]
#[cfg_attr(all(windows, not(miri)), path = "console.rs")]
#[cfg_attr(any(target_family = "wasm", not(any(unix, windows)), miri), path = "no_signals.rs")]
pub(crate) mod signal;
pub(crate) mod signal_number;
pub(crate) mod sync;
#[cfg_attr(all(target_os = "linux", not(any(at_exit_as_bsd, miri))), path = "linux.rs")]
#[cfg_attr(
    all(unix, any(not(target_os = "linux"), at_exit_as_bsd), not(any(target_family = "wasm", miri))),
    path = "bsd.rs"
)]
#[cfg_attr(all(windows, not(miri)), path = "windows.rs")]
#[cfg_attr(any(target_family = "wasm", not(any(unix, windows)), miri), path = "wasm.rs")]
mod system;
pub(crate) mod token;

pub(crate) use system::{
    STATUS_MASK, await_end, can_start_threads, exit, exit_again, exit_at_once, exit_by_std, exit_in_child,
    has_rights_of_another, in_library, install_hook, is_in_exit, is_running, is_unloaded, process_number, thread_id,
    vain_wait, watch_forks, write_stderr,
};

use sync::thread::{Builder, JoinHandle};

/// What is called when the process exits, or this library is unloaded.
pub(crate) trait ExitHook {
    /// What handlers ask for at the end of the process.
    type Asked: Copy + 'static;

    /// `status` is what the process was about to end with, if that is known by now. Returns `None` if nothing is asked for.
    fn exiting(status: Option<i32>) -> Option<Self::Asked>;

    /// The status to end with, if it differs from `pending`, which the process was about to end with, if the system tells it.
    fn status(asked: Self::Asked, pending: Option<i32>) -> Option<i32>;

    fn unloading();

    /// All other threads are dead, wherever they were: takes over what they ran. `false`: one of them had a lock, which nobody releases.
    fn go_on_alone() -> bool;
}

/// Whether the system may end all threads but one, and then call the hook.
pub(crate) const MAY_BE_ALONE: bool = cfg!(all(windows, not(miri)));

/// What is called around a `fork`, on the thread that forks.
pub(crate) trait ForkHooks {
    fn before();
    fn in_parent();
    /// No other thread exists here.
    fn in_child();
}

/// What a thread waits for that never happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(any(not(target_os = "linux"), at_exit_as_bsd, miri), expect(dead_code, reason = "elsewhere nothing tells"))]
pub(crate) enum DeadEnd {
    /// That `exit` returns: std's parks every thread but the first.
    Exit,
    /// A lock of the C library that the exiting thread has.
    Lock,
}

/// A wait that seems to be in vain. Two that are equal are the same wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VainWait {
    pub(crate) dead_end: DeadEnd,
    /// How many waits of this thread came before.
    pub(crate) number: u64,
}

/// Keeps a panic from unwinding into C. A handler's panic never gets here, but that of a value which an observer has captured may, when the
/// value is dropped. That panic has been shown. Its payload may panic again, so it is not dropped.
fn call_from_c(f: &mut dyn FnMut()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        std::mem::forget(payload);
    }
}

/// Calls the hook at an exit, when everything about the exit is known. Returns the status to end with, if it differs from `pending`, which the
/// process was about to end with, if that is known.
fn call_at_exit<H: ExitHook>(pending: Option<i32>) -> Option<i32> {
    let mut status = None;
    call_from_c(&mut || {
        if let Some(asked) = H::exiting(pending) {
            status = H::status(asked, pending);
        }
    });
    status
}

/// Calls a function before `main`, or when the library is loaded. Without it, a program that registers nothing by a call would never install
/// the hook.
macro_rules! before_main {
    ($function:path) => {
        crate::sys::one_copy!("two_versions_of_atexit_core_in_one_program__see_cargo_tree_duplicates");

        ctor::declarative::ctor! {
            #[ctor(unsafe)]
            fn before_main() {
                crate::sys::note_start();
                $function();
            }
        }
    };
}
pub(crate) use before_main;

/// Makes the linker reject a program with two versions of this crate, which would have two sets of handlers. Every version defines the same
/// name, and the linker's message shows it. The name is defined beside the constructor: items of one module are in one object file, and every
/// program links that one.
///
/// Each shared library would export a `static` with `#[no_mangle]`, and thin link-time optimization would drop the second one. A label that marks
/// no data is seen only by the linker. With ELF, it is among the constructors, because mold compares only names in sections that are kept. On
/// processors whose assembly the oldest Rust does not accept, such as WebAssembly, nothing is defined.
///
/// Two static libraries in one C program are also rejected if they have two versions; with one version, the linker takes all of it from the
/// first. A program and a shared library may have two versions, and so may two shared libraries: their names do not meet.
macro_rules! one_copy {
    ($name:literal) => {
        #[cfg(any(
            target_arch = "x86",
            target_arch = "x86_64",
            target_arch = "arm",
            target_arch = "aarch64",
            target_arch = "riscv32",
            target_arch = "riscv64",
            target_arch = "loongarch64",
            target_arch = "s390x"
        ))]
        crate::sys::label!($name);
    };
}
pub(crate) use one_copy;

#[cfg(not(any(windows, target_vendor = "apple")))]
#[allow(unused_macros, reason = "nothing is defined on some processors")]
macro_rules! label {
    ($name:literal) => {
        std::arch::global_asm!(
            ".pushsection .init_array, \"aw\", %init_array",
            concat!(".globl ", $name),
            concat!($name, ":"),
            ".popsection"
        );
    };
}
#[cfg(any(windows, target_vendor = "apple"))]
macro_rules! label {
    ($name:literal) => {
        std::arch::global_asm!(concat!(".globl ", $name), concat!($name, ":"));
    };
}
#[allow(unused_imports, reason = "as above")]
pub(crate) use label;

/// The process in which something was made. What a forked child has from its parent was made in another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process(u32);

/// The process in which `before_main` ran. `Relaxed`: it publishes nothing else.
static STARTED_IN: AtomicU32 = AtomicU32::new(0);

pub(crate) fn note_start() {
    STARTED_IN.store(process_number(), Ordering::Relaxed);
}

impl Process {
    pub(crate) fn current() -> Self {
        Self(process_number())
    }

    /// The process in which the handlers of this program were declared.
    pub(crate) fn of_start() -> Self {
        Self(STARTED_IN.load(Ordering::Relaxed))
    }

    pub(crate) fn is_current(self) -> bool {
        self == Self::current()
    }
}

/// The name of this thread, if it has one. For a thread that it did not start, std creates a handle.
#[inline]
pub(crate) fn thread_name() -> Option<String> {
    std::thread::current().name().map(str::to_owned)
}

/// What `main` has on most systems; std gives other threads a quarter of it. It is reserved, but memory is only used as needed.
pub(crate) const STACK_SIZE: usize = 8 << 20;

/// A smaller stack is useless: musl accepts 2 KiB, in which not even a thread of std can begin.
const LEAST_STACK: usize = 64 << 10;

/// Starts a thread, if possible.
pub(crate) fn spawn(name: &str, f: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
    spawn_with_stack(name, STACK_SIZE, f)
}

/// The same with a stack of `size` bytes.
pub(crate) fn spawn_with_stack(name: &str, size: usize, f: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
    start_if_possible(name, size, Box::new(f))
}

/// Starts a thread, or says why not.
#[cfg(feature = "signals")]
pub(crate) fn try_spawn(name: &str, f: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    start_thread(name, STACK_SIZE, Box::new(f))
}

/// Drops the error here: the code for that is large, and each file that does so has it once more.
#[inline(never)]
fn start_if_possible(name: &str, size: usize, f: Box<dyn FnOnce() + Send>) -> Option<JoinHandle<()>> {
    start_thread(name, size, f).ok()
}

/// std's code for this is large, so it is made only once. Rust 1.85 to 1.87 panic here on a thread whose thread-locals are gone.
fn start_thread(name: &str, size: usize, f: Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>> {
    // std rounds it up to whole pages, which must not overflow; no system has that much memory.
    let size = size.clamp(LEAST_STACK, isize::MAX.unsigned_abs());
    let started = catch_unwind(AssertUnwindSafe(|| Builder::new().name(name.to_owned()).stack_size(size).spawn(f)));
    started.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
}
