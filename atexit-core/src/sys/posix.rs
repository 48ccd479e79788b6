//! Owns what every Unix does alike; must not know which one it is on, nor what a handler is.
//!
//! The few calls of the C library that std does not offer are declared here and in the systems' files rather than taken from a binding
//! crate: ISO C, POSIX and the Itanium C++ ABI fix their signatures, and everyone who uses the attribute would pay for building the
//! bindings.
//!
//! # Which call plants the hook, and why
//!
//! A constructor (by the `ctor` crate) calls `__cxa_atexit(hook, _, __dso_handle)` before `main`. The candidates were
//!
//! - `.fini_array`, which is what a `dtor` function is: it runs after everything that C code planted by `atexit`, and
//!   nothing tells it the exit status;
//! - `atexit` of the C library: nothing tells it the status either, and from a shared object it is the same call;
//! - `on_exit`: tells the status, but knows no shared object, so that it jumps into unmapped code after a `dlclose`;
//! - `__cxa_atexit`: glibc passes the status as a second argument; the third argument is the shared object
//!   whose unloading calls the hook too.
//!
//! Exit functions run last-in first-out, so whatever C code plants from `main` on runs before the hook, and what was
//! planted by constructors that ran earlier, `.fini_array`, and the flush of C's `stdout` come after it. `arm()` plants
//! the hook once more, in front. In a shared library all of this belongs to the library: the hook runs when `dlclose` unloads
//! it, or at the exit of the process, whichever is first; and it is planted once more when a handler is registered first (see `loader`).

use std::ffi::{c_int, c_short, c_void};
use std::fs::File;
use std::io::{self, Write as _};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd as _};
use std::time::Duration;

use super::sync::Instant;
use super::{ExitHook, ForkHooks, call_from_c};

/// Who calls an exit function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    any(not(target_os = "linux"), at_exit_as_bsd),
    expect(dead_code, reason = "elsewhere nobody tells who calls inside C's `exit`")
)]
pub(crate) enum Caller {
    /// C's `exit`.
    Exit,
    /// The loader, which finalises at an exit what it has loaded. It passes no status.
    LoaderAtExit,
    /// The loader, which unloads the object that this code is in.
    Unload,
    /// The same, inside C's `exit`.
    UnloadAtExit,
}

/// What one Unix does differently from the others.
pub(crate) trait Unix {
    /// The status that the process is about to end with, if that is known; `passed` is what an exit function gets, which is anything where
    /// the C library passes none.
    fn status(passed: c_int) -> Option<i32>;

    /// A write of up to this size to a pipe is not mixed with others, and does not block once `poll` has said so. POSIX promises 512.
    const PIPE_BUF: usize = 512;

    fn caller() -> Caller;

    /// Remembers which thread C's `exit` has called the hook on, for whoever asks later why another one waits.
    fn hook_begins() {}

    fn hook_ends() {}

    /// Has the process end with this status, from inside the hook: when it returns, or without that.
    fn end_with(status: i32) {
        super::exit_again(status);
    }

    /// Where a blocking write to standard error can be made without blocking although there is too little room; `None`: through the
    /// descriptor itself, for which `poll` tells.
    fn without_blocking() -> Option<File> {
        None
    }

    /// Keeps a write to a pipe that nobody reads from killing a process that is not Rust, and does not ignore SIGPIPE.
    fn without_sigpipe(write: impl FnOnce());
}

/// The low byte is all of a status that a parent sees.
pub(crate) const STATUS_MASK: i32 = 0xff;

pub(crate) fn process_id() -> u32 {
    std::process::id()
}

unsafe extern "C" {
    pub(crate) safe static __dso_handle: c_void;
    pub(crate) fn __cxa_atexit(hook: *const c_void, argument: *mut c_void, dso: *const c_void) -> c_int;
}

pub(crate) fn install_hook<H: ExitHook, U: Unix>() {
    extern "C" fn hook<H: ExitHook, U: Unix>(_: *mut c_void, status: c_int) {
        U::hook_begins();
        match U::caller() {
            Caller::Exit => exiting::<H, U>(U::status(status)),
            Caller::LoaderAtExit => call_from_c(|| end_behind_loader::<H, U>(H::exiting(None))),
            Caller::Unload => call_from_c(H::unloading),
            // When C tells the status, this code is gone.
            Caller::UnloadAtExit => call_from_c(|| {
                H::exiting(None).and_then(|asked| H::status(asked, None)).into_iter().for_each(exit_next);
            }),
        }
        U::hook_ends();
    }
    let _ = H::go_on_alone; // threads live until the process ends: never called, and no dead code
    // SAFETY: the hook is in the object whose handle is passed, so that it is called before its code goes away. A C function
    // that gets one argument more than it declares, or one that it does not read, is what every System V ABI allows.
    unsafe { __cxa_atexit(hook::<H, U> as *const c_void, std::ptr::null_mut(), &raw const __dso_handle) };
}

/// What the hook does at an exit where all is known that will be.
pub(crate) fn exiting<H: ExitHook, U: Unix>(status: Option<i32>) {
    call_from_c(|| {
        H::exiting(status).and_then(|asked| H::status(asked, status)).into_iter().for_each(U::end_with);
    });
}

/// Has C's `exit` tell the status, once the loader is done. Nothing is unloaded from then on, so that the function is still there, and
/// must belong to no object to be called behind the loader's.
fn end_behind_loader<H: ExitHook, U: Unix>(asked: Option<H::Asked>) {
    extern "C" fn end<H: ExitHook, U: Unix>(asked: *mut c_void, status: c_int) {
        // SAFETY: it is the box of below, and C calls an exit function once.
        let asked = unsafe { Box::from_raw(asked.cast::<H::Asked>()) };
        call_from_c(|| {
            if let Some(status) = H::status(*asked, U::status(status)) {
                super::exit_again(status);
            }
        });
    }
    if let Some(asked) = asked {
        let asked = Box::into_raw(Box::new(asked));
        // SAFETY: as for the hook, but for the object: see above.
        unsafe { __cxa_atexit(end::<H, U> as *const c_void, asked.cast(), std::ptr::null()) };
    }
}

/// Has C's `exit` call itself next, with another status, once what it has called returns.
fn exit_next(status: i32) {
    let exit = super::iso_c::address_of_exit() as *const c_void;
    let status = std::ptr::without_provenance_mut(usize::try_from(status & STATUS_MASK).unwrap_or_default());
    // SAFETY: as for the hook, but that the C library is never unloaded. An `int` is passed as the low half of a pointer is.
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
        F::in_child();
    }
    // SAFETY: POSIX. The functions are in this object, whose unloading takes the registration back.
    unsafe { pthread_atfork(before::<F>, in_parent::<F>, in_child::<F>) };
}

/// Whether C's `exit` has called this thread's code: an exit function, say, or the destructor of a thread-local. No library tells, so the
/// functions are looked at that have called this one. Where a frame cannot be seen through, as those of musl, it seems not.
pub(crate) fn is_in_exit() -> bool {
    unsafe extern "C" {
        fn _Unwind_Backtrace(look: extern "C" fn(*mut c_void, *mut c_void) -> c_int, argument: *mut c_void) -> c_int;
        fn _Unwind_GetRegionStart(frame: *mut c_void) -> usize;
    }
    const NO_REASON: c_int = 0;
    const END_OF_STACK: c_int = 5;
    extern "C" fn look(frame: *mut c_void, found: *mut c_void) -> c_int {
        // SAFETY: Itanium C++ ABI: the frame is the one that the unwinder is at.
        if unsafe { _Unwind_GetRegionStart(frame) } != super::iso_c::address_of_exit() {
            return NO_REASON;
        }
        // SAFETY: what is passed below, by the same thread.
        unsafe { *found.cast::<bool>() = true };
        END_OF_STACK
    }
    let mut found = false;
    // SAFETY: Itanium C++ ABI, which std's backtraces lean on likewise; the function is called before this returns.
    unsafe { _Unwind_Backtrace(look, (&raw mut found).cast()) };
    found
}

/// A program with the set-user-id bit, or with capabilities of its own, is started by one user and acts for another: then the environment is
/// the first one's, and the rights are not. The system says so of the start of the process, whatever rights it has given up since.
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

/// Where nothing tells how the process was started, what it is tells: this is not so any more once it has given up its rights.
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

/// Writes whole lines as far as a piece holds some, so that another process that writes to the same pipe does not get in between. What
/// cannot be written is lost: there is nowhere to say so.
pub(crate) fn write_stderr<U: Unix>(text: &str, until: Instant) -> bool {
    let mut left = text.as_bytes();
    let own = U::without_blocking();
    let descriptor = own.as_ref().map_or(2, AsRawFd::as_raw_fd);
    U::without_sigpipe(|| {
        while !left.is_empty() {
            let most = &left[..left.len().min(U::PIPE_BUF)];
            let lines = most.iter().rposition(|&byte| byte == b'\n').map_or(most, |end| &most[..=end]);
            let piece = if most.len() < left.len() { lines } else { most };
            if !is_writable(descriptor, until) {
                return;
            }
            match write_to(descriptor, piece) {
                Ok(0) => return,
                Ok(count) => left = &left[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // There is less room than this, and the descriptor does not block.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(_) => return,
            }
        }
    });
    left.is_empty()
}

/// Waits until then for a descriptor to take `PIPE_BUF` bytes without blocking, and says whether it does. Where the system cannot tell,
/// or there is no such descriptor, the write is to say what is wrong.
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
        // Rounded up, for what is less than a millisecond is not over.
        let milliseconds = c_int::try_from((left + Duration::from_micros(999)).as_millis()).unwrap_or(c_int::MAX);
        let mut asked = Poll { descriptor, events: POLLOUT, happened: 0 };
        // SAFETY: POSIX; one structure of ours.
        match unsafe { poll(&raw mut asked, 1, milliseconds) } {
            0 => return false,
            -1 if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            _ => return true,
        }
    }
}

/// Writes what can be written to a descriptor in one call.
fn write_to(descriptor: i32, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: `ManuallyDrop` never closes the descriptor, and writing to one that is not open is an error, no more.
    let mut file = ManuallyDrop::new(unsafe { File::from_raw_fd(descriptor) });
    file.write(bytes)
}
