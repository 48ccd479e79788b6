//! Owns the differences between C libraries at an exit, as data for expectations; must not know what a program does.

/// Whether this C library passes the pending status to exit functions. If not, a failure wins over any status, and a child forked inside C's
/// `exit` does not end with its parent's status.
pub const TELLS_STATUS: bool = cfg!(target_env = "gnu");

/// Whether `exit` drops the thread-locals of the exiting thread.
pub const DROPS_LOCALS: bool = cfg!(target_env = "gnu");

/// Whether a handler that an exit function registers after the others have run runs next; if not, it runs after all of C's exit functions.
pub const RUNS_LATE_ONES_NEXT: bool = cfg!(target_env = "gnu");

/// Whether a function of `.fini_array` may call `exit`.
pub const EXITS_AGAIN: bool = cfg!(target_env = "gnu");

/// The printed `cause()` inside C's `exit`, for a process about to end with this status.
#[must_use]
pub fn cause_in_exit(status: i32) -> String {
    format!("Some(Exit {{ status: {:?} }})", TELLS_STATUS.then_some(status))
}

/// The status of a process that was about to end with one of its own, inside C's `exit`, after a handler failed with another.
#[must_use]
pub const fn after_failure(status: i32, failure: i32) -> i32 {
    if TELLS_STATUS && status & 0xff != 0 { status } else { failure }
}

/// Whether this C library lets only one thread at a time into `exit`, as glibc does from 2.41 on. A test and the programs it runs use the
/// same library.
///
/// # Panics
///
/// If its version cannot be parsed.
#[cfg(target_env = "gnu")]
#[must_use]
pub fn one_thread_in_exit() -> bool {
    // SAFETY: glibc: it is a NUL-terminated text that lives forever.
    let version = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
    let version = version.to_string_lossy().into_owned();
    let (major, minor) = version.split_once('.').expect("a version has a point");
    (major.parse::<u32>().expect("a number"), minor.parse::<u32>().expect("a number")) >= (2, 41)
}

/// The musl that comes with Rust is older than 1.2.6, the first that does so.
#[cfg(not(target_env = "gnu"))]
#[must_use]
pub fn one_thread_in_exit() -> bool {
    false
}
