//! Owns what the C libraries tell and do differently at an exit, as data that expectations are made from; must not know what a program does.

/// Whether this C library tells an exit function the status that the process is about to end with. Where it does not, a failure wins over
/// any status, and a child that was forked inside C's `exit` does not end with that of its parent.
pub const TELLS_STATUS: bool = cfg!(target_env = "gnu");

/// Whether `exit` drops the thread-locals of the thread that calls it.
pub const DROPS_LOCALS: bool = cfg!(target_env = "gnu");

/// Whether a handler that an exit function registers, after the others have run, runs next; if not, it runs after all of C's exit functions.
pub const RUNS_LATE_ONES_NEXT: bool = cfg!(target_env = "gnu");

/// Whether a function of `.fini_array` may call `exit`.
pub const EXITS_AGAIN: bool = cfg!(target_env = "gnu");

/// What `cause()` is, printed, inside C's `exit`, for a process that is about to end with this status.
#[must_use]
pub fn cause_in_exit(status: i32) -> String {
    format!("Some(Exit {{ status: {:?} }})", TELLS_STATUS.then_some(status))
}

/// The status of a process that was about to end with one of its own, inside C's `exit`, when a handler has failed with another.
#[must_use]
pub const fn after_failure(status: i32, failure: i32) -> i32 {
    if TELLS_STATUS && status & 0xff != 0 { status } else { failure }
}

/// Whether this C library lets one thread at a time into `exit`, as glibc does from 2.41 on. A test and the programs that it runs have the
/// same.
///
/// # Panics
///
/// If its version is none.
#[cfg(target_env = "gnu")]
#[must_use]
pub fn one_thread_in_exit() -> bool {
    // SAFETY: glibc: it is a text that ends, and stays.
    let version = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
    let version = version.to_string_lossy().into_owned();
    let (major, minor) = version.split_once('.').expect("a version has a point");
    (major.parse::<u32>().expect("a number"), minor.parse::<u32>().expect("a number")) >= (2, 41)
}

/// That of musl which comes with Rust is older than 1.2.6, the first that does.
#[cfg(not(target_env = "gnu"))]
#[must_use]
pub fn one_thread_in_exit() -> bool {
    false
}
