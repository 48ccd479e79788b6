//! Owns what every Unix does alike; must not know which one it is on, or what a handler is.
//!
//! The few functions of the C library that std does not offer are declared here and in the systems' files, not taken from a crate of bindings:
//! ISO C, POSIX and the Itanium C++ ABI fix their signatures, and everyone who uses the attribute would pay for building the bindings.
//!
//! # Which call installs the hook, and why
//!
//! A constructor (by the `ctor` crate) calls `__cxa_atexit(hook, _, __dso_handle)` before `main`. The candidates were:
//!
//! - `.fini_array`, which is where a `dtor` function goes: it runs after everything that C code registered with `atexit`, and does not get the
//!   exit status;
//! - `atexit` of the C library: it does not get the status either, and in a shared object it is the same call;
//! - `on_exit`: it gets the status, but knows no shared objects, so it jumps into unmapped code after a `dlclose`;
//! - `__cxa_atexit`: glibc passes the status as a second argument, and the third argument names the shared object whose unloading also calls the
//!   hook.
//!
//! Exit functions run last in, first out. So what C code registers from `main` on runs before the hook. What earlier constructors registered,
//! `.fini_array`, and the flush of C's `stdout` come after it. `arm()` installs the hook once more, in front. In a shared library all of this
//! belongs to the library: the hook runs when `dlclose` unloads it, or at the exit of the process, whichever is first; and it is installed once
//! more when the first handler is registered (see `loader`).

use std::ffi::{c_int, c_short, c_void};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::sync::Instant;
use super::{ExitHook, ForkHooks, call_at_exit, call_from_c};

/// Who calls an exit function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    any(not(target_os = "linux"), at_exit_as_bsd),
    expect(dead_code, reason = "elsewhere nothing tells who calls inside C's `exit`")
)]
pub(crate) enum Caller {
    /// C's `exit`.
    Exit,
    /// The loader, which finalizes at an exit what it has loaded. It passes no status.
    LoaderAtExit,
    /// The loader, which unloads the object that this code is in.
    Unload,
    /// The same, inside C's `exit`.
    UnloadAtExit,
}

/// What one Unix does differently from the others.
pub(crate) trait Unix {
    /// The status that the process is about to end with, if it is known. `passed` is the argument of an exit function, which is garbage if the C
    /// library passes no status.
    fn status(passed: c_int) -> Option<i32>;

    /// A write of up to this size to a pipe is not mixed with others, and does not block once `poll` has reported room. POSIX promises 512.
    const PIPE_BUF: usize = 512;

    fn caller() -> Caller;

    /// Remembers on which thread C's `exit` has called the hook, to find out later why another thread waits.
    fn hook_begins() {}

    fn hook_ends() {}

    /// Makes the process end with this status, from inside the hook: when the hook returns, or at once.
    fn end_with(status: i32) {
        super::exit_again(status);
    }

    /// A descriptor of standard error on which a write does not block if there is too little room. `None`: descriptor 2 itself will do, because
    /// `poll` tells whether there is room.
    fn without_blocking() -> Option<File> {
        None
    }

    /// Keeps a write to a pipe that nobody reads from killing the process. Rust programs ignore SIGPIPE, but others may not.
    fn without_sigpipe(write: impl FnOnce());
}

/// A parent sees only the low byte of a status.
pub(crate) const STATUS_MASK: i32 = 0xff;

/// How many forks led to this process, times the first number that no system of today gives to a process: Linux stays below it, the others far
/// below. A parent that makes a PID namespace before it forks is process 1, and so is its child. `Relaxed`: the child has one thread.
static FORKS: AtomicU32 = AtomicU32::new(0);
const A_FORK: u32 = 1 << 22;

/// A child that was made without our fork hooks, as by `vfork`, is told by its number alone.
#[inline]
pub(crate) fn process_number() -> u32 {
    getpid().unsigned_abs().wrapping_add(FORKS.load(Ordering::Relaxed))
}

unsafe extern "C" {
    safe fn getpid() -> c_int;
    pub(crate) safe static __dso_handle: c_void;
    pub(crate) fn __cxa_atexit(hook: *const c_void, argument: *mut c_void, dso: *const c_void) -> c_int;
}

pub(crate) fn install_hook<H: ExitHook, U: Unix>() {
    extern "C" fn hook<H: ExitHook, U: Unix>(_: *mut c_void, status: c_int) {
        U::hook_begins();
        match U::caller() {
            Caller::Exit => exiting::<H, U>(U::status(status)),
            Caller::LoaderAtExit => call_from_c(&mut || end_behind_loader::<H, U>(H::exiting(None))),
            Caller::Unload => call_from_c(&mut H::unloading),
            // By the time C tells the status, this code is unmapped.
            Caller::UnloadAtExit => {
                if let Some(status) = call_at_exit::<H>(None) {
                    exit_next(status);
                }
            }
        }
        U::hook_ends();
    }
    let _ = H::go_on_alone; // never called, because threads live until the process ends; mentioned, so that it is not dead code
    // SAFETY: the hook is in the object whose handle is passed, so it is called before its code is unmapped. Every System V ABI lets a C function
    // get one argument more than it declares, or one that it does not read.
    unsafe { __cxa_atexit(hook::<H, U> as *const c_void, std::ptr::null_mut(), &raw const __dso_handle) };
}

/// What the hook does at an exit, when everything about the exit is known.
pub(crate) fn exiting<H: ExitHook, U: Unix>(status: Option<i32>) {
    if let Some(status) = call_at_exit::<H>(status) {
        U::end_with(status);
    }
}

/// Lets C's `exit` tell the status once the loader is done. Nothing is unloaded from then on, so the function is still there. It must belong to
/// no object, so that it is called after the loader's.
fn end_behind_loader<H: ExitHook, U: Unix>(asked: Option<H::Asked>) {
    extern "C" fn end<H: ExitHook, U: Unix>(asked: *mut c_void, status: c_int) {
        // SAFETY: it is the box from below, and C calls an exit function once.
        let asked = unsafe { *Box::from_raw(asked.cast::<H::Asked>()) };
        call_from_c(&mut || {
            if let Some(status) = H::status(asked, U::status(status)) {
                super::exit_again(status);
            }
        });
    }
    if let Some(asked) = asked {
        let asked = Box::into_raw(Box::new(asked));
        // SAFETY: as for the hook, except that it belongs to no object: see above.
        unsafe { __cxa_atexit(end::<H, U> as *const c_void, asked.cast(), std::ptr::null()) };
    }
}

/// Makes C's `exit` call itself next, with another status, once the function that it is calling returns.
fn exit_next(status: i32) {
    let exit = super::iso_c::address_of_exit() as *const c_void;
    let status = std::ptr::without_provenance_mut((status & STATUS_MASK).unsigned_abs() as usize);
    // SAFETY: as for the hook, but the C library is never unloaded. An `int` is passed like the low half of a pointer.
    unsafe { __cxa_atexit(exit, status, std::ptr::null()) };
}

pub(crate) fn watch_forks<F: ForkHooks>() {
    unsafe extern "C" {
        fn pthread_atfork(before: extern "C" fn(), in_parent: extern "C" fn(), in_child: extern "C" fn()) -> c_int;
    }
    extern "C" fn before<F: ForkHooks>() {
        F::before();
    }
    extern "C" fn in_parent<F: ForkHooks>() {
        F::in_parent();
    }
    extern "C" fn in_child<F: ForkHooks>() {
        FORKS.fetch_add(A_FORK, Ordering::Relaxed);
        F::in_child();
    }
    // SAFETY: POSIX. The functions are in this object, whose unloading removes the registration.
    unsafe { pthread_atfork(before::<F>, in_parent::<F>, in_child::<F>) };
}

/// Whether C's `exit` has called this code, by an exit function, for example, or the destructor of a thread-local. No library tells, so this
/// walks the stack. If a frame cannot be unwound, as with musl, the answer is no.
pub(crate) fn is_in_exit() -> bool {
    unsafe extern "C" {
        fn _Unwind_Backtrace(look: extern "C" fn(*mut c_void, *mut c_void) -> c_int, argument: *mut c_void) -> c_int;
        fn _Unwind_GetRegionStart(frame: *mut c_void) -> usize;
    }
    const NO_REASON: c_int = 0;
    const END_OF_STACK: c_int = 5;
    extern "C" fn look(frame: *mut c_void, found: *mut c_void) -> c_int {
        // SAFETY: Itanium C++ ABI. The frame is the one that the unwinder is at.
        if unsafe { _Unwind_GetRegionStart(frame) } != super::iso_c::address_of_exit() {
            return NO_REASON;
        }
        // SAFETY: it points to the variable below, on the same thread.
        unsafe { *found.cast::<bool>() = true };
        END_OF_STACK
    }
    let mut found = false;
    // SAFETY: Itanium C++ ABI, on which std's backtraces rely, too. The function is only called before this returns.
    unsafe { _Unwind_Backtrace(look, (&raw mut found).cast()) };
    found
}

/// A program with the set-user-id bit, or with capabilities of its own, is started by one user and acts with the rights of another, but the
/// environment is that of the first. The system says this about the start of the process, whatever rights it has given up since.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn has_rights_of_another() -> bool {
    use std::ffi::c_ulong;
    const AT_SECURE: c_ulong = 23;
    unsafe extern "C" {
        safe fn getauxval(kind: c_ulong) -> c_ulong;
    }
    getauxval(AT_SECURE) != 0
}

#[cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
    target_os = "illumos",
    target_os = "solaris"
))]
pub(crate) fn has_rights_of_another() -> bool {
    unsafe extern "C" {
        safe fn issetugid() -> c_int;
    }
    issetugid() != 0
}

/// Nothing tells how the process was started, so its present rights must do. Once it has given them up, the answer is no.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
    target_os = "illumos",
    target_os = "solaris"
)))]
pub(crate) fn has_rights_of_another() -> bool {
    unsafe extern "C" {
        safe fn getuid() -> u32;
        safe fn geteuid() -> u32;
        safe fn getgid() -> u32;
        safe fn getegid() -> u32;
    }
    getuid() != geteuid() || getgid() != getegid()
}

/// Writes in pieces of whole lines where possible, so that another process that writes to the same pipe does not get in between. What cannot be
/// written is lost: there is nowhere to report it.
pub(crate) fn write_stderr<U: Unix>(text: &str, until: Instant) -> bool {
    let mut left = text.as_bytes();
    let own = U::without_blocking();
    let descriptor = if let Some(own) = &own { own.as_raw_fd() } else { 2 };
    U::without_sigpipe(|| {
        while !left.is_empty() {
            let most = &left[..left.len().min(U::PIPE_BUF)];
            let piece = if most.len() < left.len() { whole_lines(most) } else { most };
            if !is_writable(descriptor, until) {
                return;
            }
            match write_to(descriptor, piece) {
                Ok(0) => return,
                Ok(count) => left = left.get(count..).unwrap_or_default(),
                Err(io::ErrorKind::Interrupted) => {}
                // The descriptor does not block, and there is too little room.
                Err(io::ErrorKind::WouldBlock) if Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(_) => return,
            }
        }
    });
    left.is_empty()
}

/// The text without what follows the end of its last whole line, if it has one.
fn whole_lines(text: &[u8]) -> &[u8] {
    let mut end = text.len();
    while end > 0 && text[end - 1] != b'\n' {
        end -= 1;
    }
    if end == 0 { text } else { &text[..end] }
}

/// Waits until then for a descriptor to take `PIPE_BUF` bytes without blocking, and returns whether it does. If the system cannot tell, or there
/// is no such descriptor, returns `true`: the write will show what is wrong.
fn is_writable(descriptor: c_int, until: Instant) -> bool {
    #[repr(C)]
    struct Poll {
        descriptor: c_int,
        events: c_short,
        happened: c_short,
    }
    const POLLOUT: c_short = 4;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    type Count = std::ffi::c_ulong;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    type Count = std::ffi::c_uint;
    unsafe extern "C" {
        fn poll(descriptors: *mut Poll, count: Count, milliseconds: c_int) -> c_int;
    }
    loop {
        let left = until.saturating_duration_since(Instant::now());
        // Rounded up: less than a millisecond is not yet over.
        let below_second = u64::from(left.subsec_micros().div_ceil(1000));
        let milliseconds = left.as_secs().saturating_mul(1000).saturating_add(below_second);
        let milliseconds = c_int::try_from(milliseconds).unwrap_or(c_int::MAX);
        let mut asked = Poll { descriptor, events: POLLOUT, happened: 0 };
        // SAFETY: POSIX. It gets one structure, which is ours.
        match unsafe { poll(&raw mut asked, 1, milliseconds) } {
            0 => return false,
            -1 if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            _ => return true,
        }
    }
}

/// Writes to a descriptor what fits into one call.
fn write_to(descriptor: i32, bytes: &[u8]) -> Result<usize, io::ErrorKind> {
    unsafe extern "C" {
        fn write(descriptor: c_int, bytes: *const c_void, count: usize) -> isize;
    }
    // SAFETY: POSIX. It only reads the bytes, and a descriptor that is not open is an error.
    let written = unsafe { write(descriptor, bytes.as_ptr().cast(), bytes.len()) };
    usize::try_from(written).map_err(|_| io::Error::last_os_error().kind())
}
