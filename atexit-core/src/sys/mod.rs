//! Owns the seam to the operating system and the C library: what the rest of the crate asks of them. It must not know who asks, or what
//! for: what has to call back up is handed in as a type that implements [`ExitHook`] or [`ForkHooks`].
//!
//! Each kind of system has a file, in which the same names mean the same, so that nothing above this room asks which system it is on.
//!
//! | a system's file has | and promises |
//! |---|---|
//! | `install_hook::<H>()` | `H` is called when the process exits, before everything that was planted earlier; and when this library is unloaded, before its code goes away. Out of memory it does nothing. |
//! | `in_library()` | Whether this code is in a shared library, whose first hooks may stand behind the loader's own exit function. |
//! | `is_unloaded()` | Whether the hook is called because the loader unloads this library; as far as one can tell. |
//! | `can_start_threads()` | Whether a thread that is started now begins to run, also while this one is inside the hook. |
//! | `watch_forks::<F>()` | `F` is called around each `fork` by the forking thread. Out of memory it does nothing; where nothing forks, neither. |
//! | `process_id()` | A number that no parent or child of this process has. It never fails. |
//! | `write_stderr(text, until)` | Writes without a lock, a buffer or a panic, and never raises a signal. Waits for a slow reader until then, or for as long as it takes where Windows detaches a DLL; `true` if all was written. |
//! | `exit(status)` | Ends the process by C's `exit`: whatever else is planted runs. |
//! | `exit_again(status)` | The same from inside the hook, with another status than the process was about to end with. |
//! | `is_in_exit()` | Whether this thread is inside C's `exit`, as far as one can tell. |
//! | `exit_by_std(status)` | The same by std's `exit`, which flushes std's stdout; also where only the system can find out that this thread is inside C's `exit`. |
//! | `exit_in_child(status)` | The same in a child that was forked while another thread of its parent may have been inside C's `exit`. What else is planted runs where that can be. |
//! | `exit_at_once(status)` | Ends the process: nothing that is planted runs. It takes no lock. |
//! | `await_end(thread, at_most)` | Waits until the system is done with a thread that is about to end, where that takes none of the locks of an exit. |
//! | `thread_id()` | The number by which the system knows this thread, if [`vain_wait`] can be asked about it. |
//! | `is_running(id)` | Whether that thread has something to do, rather than to wait, if anything tells. |
//! | `vain_wait(id)` | What that thread waits for in vain, if it does: see [`VainWait`]. |
//! | `has_rights_of_another()` | Whether the process may do what whoever started it may not, so that its environment is not to be trusted. |
//! | `STATUS_MASK` | The bits of an exit status that a parent sees. |
//!
//! What no system does differently is in this file, `spawn` and `spawn_with_stack` among it, in `sync` (what std offers to threads), `lock` (locks, and their order) and `token`
//! (names of threads).

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
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod no_clock;
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
    has_rights_of_another, in_library, install_hook, is_in_exit, is_running, is_unloaded, process_id, thread_id,
    vain_wait, watch_forks, write_stderr,
};

use sync::thread::{Builder, JoinHandle};

/// What is called when the process exits, or this library is unloaded.
pub(crate) trait ExitHook {
    /// What handlers ask the end of the process for.
    type Asked: 'static;

    /// `status` is what the process was about to end with, if that is known by now. `None`: nothing is asked for.
    fn exiting(status: Option<i32>) -> Option<Self::Asked>;

    /// The status to end with, if it is another one than this, which the process was about to end with, where the system tells it.
    fn status(asked: Self::Asked, pending: Option<i32>) -> Option<i32>;

    fn unloading();

    /// All other threads are dead, wherever they were: takes over what they ran. `false`: one of them had a lock, which nobody gives back.
    fn go_on_alone() -> bool;
}

/// What is called around a `fork`, on the thread that forks.
pub(crate) trait ForkHooks {
    fn before();
    fn in_parent();
    /// Here no other thread exists.
    fn in_child();
}

/// What a thread waits for that never happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    any(not(target_os = "linux"), at_exit_as_bsd, miri),
    expect(dead_code, reason = "elsewhere nobody can tell")
)]
pub(crate) enum DeadEnd {
    /// That `exit` returns: std's parks every thread but the first.
    Exit,
    /// A lock of the C library's, which the exiting thread has.
    Lock,
}

/// A wait that seems to be in vain. Seen twice, it is the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VainWait {
    pub(crate) dead_end: DeadEnd,
    /// How many waits of this thread came before.
    pub(crate) number: u64,
}

/// Calls from C, which knows no unwinding. What handlers panic with never gets here; what an observer has captured may, when it
/// is dropped. That panic has been shown, and what it carries may panic again: it is left alone.
fn call_from_c(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        std::mem::forget(payload);
    }
}

/// Calls the hook at an exit, where all is known that will be.
#[cfg(any(not(unix), target_family = "wasm", miri))]
fn call_at_exit<H: ExitHook>(status: Option<i32>) {
    call_from_c(|| {
        if let Some(status) = H::exiting(status).and_then(|asked| H::status(asked, status)) {
            exit_again(status);
        }
    });
}

/// Has a function called before `main`, or when the library is loaded. The only place that says so: without it, a program that
/// registers nothing by a call would never install the hook.
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

/// Has the linker refuse a program with two versions of this crate, which would be two sets of handlers: each defines this name, the same in
/// all versions, which the linker's message shows. It stands beside the constructor, as items of one module are in one object file,
/// and every program links that one.
///
/// As a `static` with `#[no_mangle]` each shared library would export it, and thin link-time optimization would drop the second one. A
/// label, before nothing, is seen by nobody but the linker. With ELF it stands among the constructors, as mold compares the names of sections
/// that are kept, and only those. On processors whose assembly the oldest Rust does not take, WebAssembly among them, nothing is defined.
///
/// Two static libraries in one program in C are told, too, if they have two versions: with one, the linker takes all of it from the first.
/// A program and a shared library, or two, may have two versions: their names do not meet.
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

/// The process in which something was made; what a forked child has from its parent was made in another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process(u32);

/// The process in which `before_main` ran. Nothing else is published with it.
static STARTED_IN: AtomicU32 = AtomicU32::new(0);

pub(crate) fn note_start() {
    STARTED_IN.store(process_id(), Ordering::Relaxed);
}

impl Process {
    pub(crate) fn current() -> Self {
        Self(process_id())
    }

    /// The one that the handlers of this program were declared in.
    pub(crate) fn of_start() -> Self {
        Self(STARTED_IN.load(Ordering::Relaxed))
    }

    pub(crate) fn is_current(self) -> bool {
        self == Self::current()
    }
}

/// The name of this thread, if it has one. std makes up a handle for a thread that is not its own.
pub(crate) fn thread_name() -> Option<String> {
    std::thread::current().name().map(str::to_owned)
}

/// What `main` has on most systems, where std gives a thread a quarter of it. It is reserved, and used as far as it is needed.
pub(crate) const STACK_SIZE: usize = 8 << 20;

/// Less is no stack: musl takes 2 KiB, in which not even a thread of std begins.
const LEAST_STACK: usize = 64 << 10;

/// Starts a thread, if one can be had.
pub(crate) fn spawn(name: &str, f: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    spawn_with_stack(name, STACK_SIZE, f)
}

/// The same with a stack of so many bytes. Rust 1.85 to 1.87 panic here on a thread whose thread-locals are gone.
pub(crate) fn spawn_with_stack(
    name: &str,
    size: usize,
    f: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    // std rounds it up to whole pages, and nobody has that much memory.
    let size = size.clamp(LEAST_STACK, isize::MAX.unsigned_abs());
    let started = catch_unwind(AssertUnwindSafe(|| Builder::new().name(name.to_owned()).stack_size(size).spawn(f)));
    started.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
}
