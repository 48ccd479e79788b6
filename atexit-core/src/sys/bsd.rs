//! Owns what other Unix systems do, such as Apple's, the BSDs and Android; must not know what a handler is.
//!
//! It follows the sources of their C libraries: Apple's Libc-1725 and dyld-1378, FreeBSD's, OpenBSD's of 2017, NetBSD's of 2007, and Android's
//! bionic. It is tested on Linux, which uses this file with `--cfg at_exit_as_bsd`. With `--cfg at_exit_as_bsd="netbsd"` in addition, Linux does
//! what is meant for NetBSD and for unknown systems.
//!
//! # How an exit is told from an unload
//!
//! After the hook, an exit marker is installed, so that it is called before the hook: an exit function that belongs to no object. An exit calls it.
//! The unloading of an object does not: then Apple's C library calls what lies within the object, and the others call what was installed with the
//! object's handle. The marker outlives all objects, because it is a function of the C library: `pthread_mutex_trylock`, on a mutex that is never
//! freed. Its handle is the address of the mutex, because NetBSD passes no argument without a handle.
//!
//! If a library is linked, the loader may be called first at an exit, as on Linux (see its `loader`). So the hook and its marker are installed
//! once more when the first handler is registered; before that, an exit looks like an unload.

pub(crate) use super::by_std::{await_end, exit_by_std, is_running, thread_id, vain_wait};
pub(crate) use super::iso_c::{exit, exit_at_once, flush_and_exit as exit_in_child};
pub(crate) use super::posix::{STATUS_MASK, has_rights_of_another, is_in_exit, process_number, watch_forks};

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use super::ExitHook;
use super::posix::{self, __cxa_atexit, Caller, Unix};
use super::sync::Instant;

/// The C library holds no lock while it calls exit functions, or only one that its holder may take again. NetBSD's does hold one; of others, this
/// is not known.
const IS_FREE_IN_EXIT: bool = cfg!(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "openbsd",
    target_os = "android",
    all(at_exit_as_bsd, not(at_exit_as_bsd = "netbsd"))
));

static IS_HOOK_CALLED: AtomicBool = AtomicBool::new(false);
static IS_UNLOADED: AtomicBool = AtomicBool::new(false);

struct Bsd;

impl Unix for Bsd {
    fn status(_: c_int) -> Option<i32> {
        None
    }

    fn caller() -> Caller {
        IS_HOOK_CALLED.store(true, Ordering::Relaxed);
        if is_exit_marked() {
            return Caller::Exit;
        }
        IS_UNLOADED.store(true, Ordering::Relaxed);
        Caller::Unload
    }

    fn without_sigpipe(write: impl FnOnce()) {
        write();
    }
}

pub(crate) fn install_hook<H: ExitHook>() {
    posix::install_hook::<H, Bsd>();
    install_exit_marker();
}

/// Nothing tells, so assume it.
pub(crate) fn in_library() -> bool {
    true
}

pub(crate) fn is_unloaded() -> bool {
    IS_UNLOADED.load(Ordering::Relaxed)
}

/// During an unload, the loader's lock is held, and a new thread waits for it.
pub(crate) fn can_start_threads() -> bool {
    !is_unloaded() && (IS_FREE_IN_EXIT || !IS_HOOK_CALLED.load(Ordering::Relaxed))
}

/// The remaining exit functions run, if the C library lets its `exit` be called again.
pub(crate) fn exit_again(status: i32) -> ! {
    if IS_FREE_IN_EXIT {
        exit(status)
    }
    super::iso_c::flush_and_exit(status)
}

pub(crate) fn write_stderr(text: &str, until: Instant) -> bool {
    posix::write_stderr::<Bsd>(text, until)
}

unsafe extern "C" {
    fn pthread_mutex_init(mutex: *mut c_void, attributes: *const c_void) -> c_int;
    fn pthread_mutex_trylock(mutex: *mut c_void) -> c_int;
    fn pthread_mutex_unlock(mutex: *mut c_void) -> c_int;
}

/// What the exit marker locks. Null if memory is out.
static MUTEX: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

fn install_exit_marker() {
    let mutex = mutex();
    if !mutex.is_null() {
        // SAFETY: neither the function nor the mutex ever goes away. All these ABIs let a C function get more arguments than it reads.
        unsafe { __cxa_atexit(pthread_mutex_trylock as *const c_void, mutex, mutex) };
    }
}

/// The mutex. It is made at the first call, which comes from a constructor, before there is a second thread.
fn mutex() -> *mut c_void {
    /// Larger than a `pthread_mutex_t` of any system. `calloc` aligns it.
    const SIZE: usize = 128;
    unsafe extern "C" {
        fn calloc(count: usize, size: usize) -> *mut c_void;
    }
    let made = MUTEX.load(Ordering::Acquire);
    if !made.is_null() {
        return made;
    }
    // SAFETY: ISO C.
    let memory = unsafe { calloc(1, SIZE) };
    // SAFETY: POSIX. The memory is ours, and large enough.
    if !memory.is_null() && unsafe { pthread_mutex_init(memory, std::ptr::null()) } == 0 {
        MUTEX.store(memory, Ordering::Release);
        return memory;
    }
    std::ptr::null_mut()
}

/// Whether the exit marker has locked its mutex. Without a mutex, assume an unload, in which a handler may do less.
fn is_exit_marked() -> bool {
    let mutex = MUTEX.load(Ordering::Acquire);
    if mutex.is_null() {
        return false;
    }
    // SAFETY: POSIX. The mutex was made, and is never destroyed.
    if unsafe { pthread_mutex_trylock(mutex) } != 0 {
        return true;
    }
    // SAFETY: this thread has just locked it.
    unsafe { pthread_mutex_unlock(mutex) };
    false
}
