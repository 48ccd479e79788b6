//! Owns what Linux does differently, with glibc or another C library; must not know what a handler is.

pub(crate) use super::iso_c::{exit, exit_at_once};
pub(crate) use super::posix::{STATUS_MASK, has_rights_of_another, is_in_exit, process_number, watch_forks};
pub(crate) use dead_end::{is_running, thread_id, vain_wait};
pub(crate) use loader::{in_library, is_unloaded};

use std::ffi::{CStr, c_char, c_int, c_ulong, c_void};
use std::fs::File;
use std::os::fd::FromRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::posix::{self, Caller, Unix};
use super::sync::Instant;
use super::sync::thread::JoinHandle;

mod dead_end;
mod loader;
#[cfg(target_env = "musl")]
mod musl;

#[cfg(target_env = "musl")]
pub(crate) use musl::install_hook;

/// A `dlclose` holds the loader's lock, and a new thread waits for it.
pub(crate) fn can_start_threads() -> bool {
    !is_unloaded()
}

struct Linux;

impl Unix for Linux {
    /// glibc passes the status, musl does not.
    fn status(passed: c_int) -> Option<i32> {
        cfg!(target_env = "gnu").then_some(passed)
    }

    const PIPE_BUF: usize = 4096;

    fn caller() -> Caller {
        loader::caller()
    }

    fn hook_begins() {
        dead_end::note_exit_on_this_thread();
        #[cfg(target_env = "musl")]
        musl::hook_begins();
    }

    #[cfg(target_env = "musl")]
    fn hook_ends() {
        musl::hook_ends();
    }

    #[cfg(target_env = "musl")]
    fn end_with(status: i32) {
        musl::end_with(status);
    }

    /// For a terminal, which `poll` calls writable when there is room for a single byte. Opened again, it has a mode of its own; the mode of
    /// descriptor 2 is shared with other processes.
    fn without_blocking() -> Option<File> {
        const O_WRONLY: c_int = 1;
        const O_NOCTTY: c_int = 0o400;
        const O_NONBLOCK: c_int = 0o4000;
        unsafe extern "C" {
            safe fn isatty(descriptor: c_int) -> c_int;
        }
        // On these processors the flags have other numbers.
        let is_usual = !cfg!(any(target_arch = "mips", target_arch = "mips64", target_arch = "sparc64"));
        if is_usual && isatty(2) != 0 { open_file(c"/proc/self/fd/2", O_WRONLY | O_NOCTTY | O_NONBLOCK) } else { None }
    }

    fn without_sigpipe(write: impl FnOnce()) {
        without_sigpipe(write);
    }
}

/// As std does, but the path is not copied: little code, which allocates nothing.
fn open_file(path: &CStr, flags: c_int) -> Option<File> {
    const O_CLOEXEC: c_int = if cfg!(target_arch = "sparc64") { 0x40_0000 } else { 0o2_000_000 };
    unsafe extern "C" {
        // The one that std calls: each other function takes time to look up when the program starts.
        #[cfg_attr(target_env = "gnu", link_name = "open64")]
        fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    }
    // SAFETY: POSIX. None of our flags creates a file, so there is no third argument.
    match unsafe { open(path.as_ptr(), flags | O_CLOEXEC) } {
        -1 => None,
        // SAFETY: it has just been opened, and nothing else closes it.
        descriptor => Some(unsafe { File::from_raw_fd(descriptor) }),
    }
}

#[cfg(not(target_env = "musl"))]
pub(crate) fn install_hook<H: super::ExitHook>() {
    posix::install_hook::<H, Linux>();
}

pub(crate) fn write_stderr(text: &str, until: Instant) -> bool {
    posix::write_stderr::<Linux>(text, until)
}

/// Does not wait: if the thread is the last one besides this one, it waits for this one itself.
pub(crate) fn await_end(_: &JoinHandle<()>, _: Duration) {}

/// glibc lets the exiting thread call `exit` again: the remaining exit functions run, with the new status. C leaves this undefined, and newer
/// versions of musl trap it.
pub(crate) fn exit_again(status: i32) -> ! {
    if cfg!(target_env = "gnu") {
        exit(status)
    }
    super::iso_c::flush_and_exit(status)
}

/// With musl, nothing tells whether this thread is already inside C's `exit`, where std's `exit` would abort. So another thread calls it, and if
/// that thread waits in vain, this one is inside.
pub(crate) fn exit_by_std(status: i32) -> ! {
    if cfg!(target_env = "musl") {
        exit_on_another_thread(status);
    }
    std::process::exit(status)
}

/// Returns only if no thread can be started.
fn exit_on_another_thread(status: i32) {
    /// The time between two looks at the other thread.
    const LOOK: Duration = Duration::from_millis(50);
    /// How many looks it has to begin. In a forked child it may never begin, because a lock of std is taken for good.
    const LOOKS: u32 = 100;
    let leaver = Arc::new(AtomicU64::new(0));
    let theirs = Arc::clone(&leaver);
    let leave = move || {
        theirs.store(thread_id().unwrap_or_default(), Ordering::Relaxed);
        std::process::exit(status);
    };
    let Some(_thread) = super::spawn("at_exit_leaves", leave) else { return };
    let (mut before, mut looks) = (None, 0);
    loop {
        std::thread::sleep(LOOK);
        looks += 1;
        let id = leaver.load(Ordering::Relaxed);
        let found = if id == 0 { None } else { vain_wait(id) };
        if (found.is_some() && found == before) || (id == 0 && looks >= LOOKS) {
            super::iso_c::flush_and_exit(status);
        }
        before = found;
    }
}

/// From 2.41 on, glibc lets one thread at a time into `exit`. If a thread of the parent had the lock, nobody releases it in the child.
pub(crate) fn exit_in_child(status: i32) -> ! {
    if cfg!(target_env = "gnu") && !lets_in_one_thread() {
        exit(status)
    }
    super::iso_c::flush_and_exit(status)
}

#[cfg(target_env = "gnu")]
fn lets_in_one_thread() -> bool {
    unsafe extern "C" {
        safe fn gnu_get_libc_version() -> *const c_char;
    }
    // SAFETY: glibc returns a text that ends with a null and is never freed.
    let version = unsafe { CStr::from_ptr(gnu_get_libc_version()) };
    // glibc has been at 2 since 1997.
    version.to_bytes().strip_prefix(b"2.").is_some_and(|minor| dead_end::number(minor, 10) >= Some(41))
}

#[cfg(not(target_env = "gnu"))]
fn lets_in_one_thread() -> bool {
    false
}

fn without_sigpipe(write: impl FnOnce()) {
    const SIG_BLOCK: c_int = 0;
    const SIG_SETMASK: c_int = 2;
    /// The bit of `SIGPIPE`, which is 13, in the first word of a set.
    const SIGPIPE: c_ulong = 1 << 12;
    const WORDS: usize = 128 / size_of::<c_ulong>();
    /// A `sigset_t` of glibc and of musl.
    #[repr(C)]
    struct Set([c_ulong; WORDS]);
    unsafe extern "C" {
        fn sigpending(set: *mut Set) -> c_int;
        fn pthread_sigmask(how: c_int, set: *const Set, before: *mut Set) -> c_int;
        fn sigtimedwait(set: *const Set, info: *mut c_void, timeout: *const [u64; 2]) -> c_int;
    }
    let (mut pipe, mut pending, mut before) = (Set([0; WORDS]), Set([0; WORDS]), Set([0; WORDS]));
    pipe.0[0] = SIGPIPE;
    // SAFETY: POSIX; all sets are ours.
    unsafe {
        sigpending(&raw mut pending);
        pthread_sigmask(SIG_BLOCK, &raw const pipe, &raw mut before);
    }
    write();
    let at_once = [0; 2]; // on some processors, a `timespec` is twice as large as two `c_long`s
    // SAFETY: POSIX. It takes the signal of the write, if it came, which was sent to this thread, and restores the mask.
    unsafe {
        if pending.0[0] & SIGPIPE == 0 {
            sigtimedwait(&raw const pipe, std::ptr::null_mut(), &raw const at_once);
        }
        pthread_sigmask(SIG_SETMASK, &raw const before, std::ptr::null_mut());
    }
}
