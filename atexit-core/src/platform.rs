//! Owns every line of `unsafe` and every `cfg` of an operating system; must not know what a handler is for, or when it runs.
//!
//! Two rooms share this file because both need `unsafe`: [`Callback`], a closure of any type in four words, and the few
//! calls of the C library that std does not offer. They are declared here rather than taken from a binding crate:
//! there are five of them, ISO C and the Itanium C++ ABI fix their signatures, and everyone who uses
//! the attribute would pay for building the bindings.
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
//! the hook once more, in front. In a `cdylib` all of this belongs to the library: the hook runs when `dlclose` unloads
//! it, or at the exit of the process, whichever is first.

use std::any::TypeId;
use std::ffi::{c_int, c_void};
use std::fs::File;
use std::io::Write as _;
use std::mem::{ManuallyDrop, MaybeUninit};

use crate::status::{Fault, Outcome};

// ---- Closures ----------------------------------------------------------------------------------------------------

/// How many words of captures a [`Callback`] holds without an allocation of its own.
const INLINE_WORDS: usize = 3;

type Payload = MaybeUninit<[usize; INLINE_WORDS]>;

/// What is known of a closure's type once it is forgotten.
struct Table {
    /// # Safety
    ///
    /// The payload must hold the closure this table was made for; it is moved out.
    call: unsafe fn(*mut Payload) -> Option<Fault>,
    /// # Safety
    ///
    /// As for `call`.
    drop: unsafe fn(*mut Payload),
    /// Of a closure without captures and of a function: equal types are the same code.
    identity: Option<fn() -> TypeId>,
    type_name: fn() -> &'static str,
}

/// A `FnOnce() -> impl Outcome` of any type, whose captures lie in place when they are small.
///
/// The usual answer, `Box<dyn FnOnce>`, costs an allocation for every registration.
pub(crate) struct Callback {
    table: &'static Table,
    payload: Payload,
}

// SAFETY: `Callback::new` takes only closures that are `Send`.
unsafe impl Send for Callback {}

impl Callback {
    pub(crate) fn new<F, T>(f: F) -> Self
    where
        F: FnOnce() -> T + Send + 'static,
        T: Outcome,
    {
        const {
            assert!(size_of::<Box<F>>() <= size_of::<Payload>() && align_of::<Box<F>>() <= align_of::<Payload>());
        }
        if const { size_of::<F>() <= size_of::<Payload>() && align_of::<F>() <= align_of::<Payload>() } {
            Self::store::<F, F, T>(f)
        } else {
            let boxed = Box::new(f);
            Self::store::<F, _, T>(boxed)
        }
    }

    /// Stores `stored`, which fits, under the name of `F`.
    fn store<F: 'static, S: FnOnce() -> T, T: Outcome>(stored: S) -> Self {
        let mut payload = Payload::uninit();
        // SAFETY: `new` has compared size and alignment of what it passes; the payload is fresh.
        unsafe { payload.as_mut_ptr().cast::<S>().write(stored) };
        Self { table: const { &Table::of::<F, S, T>() }, payload }
    }

    /// Calls the closure, which is gone afterwards, also if it panics.
    pub(crate) fn call(self) -> Option<Fault> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: the table was made with the payload, and `ManuallyDrop` keeps anyone from using it again.
        unsafe { (this.table.call)(&raw mut this.payload) }
    }

    /// The type of the function or closure, if two values of it cannot differ.
    pub(crate) fn identity(&self) -> Option<TypeId> {
        self.table.identity.map(|identity| identity())
    }

    pub(crate) fn type_name(&self) -> fn() -> &'static str {
        self.table.type_name
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        // SAFETY: the table was made with the payload; `call` never lets go of a callback that it has emptied.
        unsafe { (self.table.drop)(&raw mut self.payload) }
    }
}

impl Table {
    const fn of<F: 'static, S: FnOnce() -> T, T: Outcome>() -> Self {
        Self {
            // SAFETY: the caller's duty, stated at the field, is that a valid `S` lies there.
            call: |payload| unsafe { payload.cast::<S>().read() }().fault(),
            // SAFETY: likewise.
            drop: |payload| unsafe { payload.cast::<S>().drop_in_place() },
            identity: if size_of::<F>() == 0 { Some(TypeId::of::<F>) } else { None },
            type_name: std::any::type_name::<F>,
        }
    }
}

// ---- The process -------------------------------------------------------------------------------------------------

// The only place that says so; without it, a program that registers nothing by a call would never plant the hook.
ctor::declarative::ctor! {
    #[ctor(unsafe)]
    fn before_main() {
        plant();
    }
}

/// The low byte is all of a status that a parent sees.
pub(crate) const STATUS_MASK: i32 = if cfg!(unix) { 0xff } else { -1 };

/// Writes to descriptor 2 without a lock, a buffer or a panic. What cannot be written is lost: there is nowhere to say so.
#[cfg(unix)]
pub(crate) fn write_stderr(text: &str) {
    use std::os::fd::FromRawFd as _;
    // SAFETY: `ManuallyDrop` never closes the descriptor, and writing to one that is not open is an error, no more.
    let mut stderr = ManuallyDrop::new(unsafe { File::from_raw_fd(2) });
    if !text.is_empty() {
        let _ = stderr.write_all(text.as_bytes());
    }
}

/// As above, as far as std goes: its standard error has no buffer and swallows a missing handle.
#[cfg(not(unix))]
pub(crate) fn write_stderr(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

unsafe extern "C" {
    #[link_name = "exit"]
    safe fn c_exit(status: c_int) -> !;
    fn fflush(stream: *mut c_void) -> c_int;
    fn _exit(status: c_int) -> !;
}

/// Ends the process by C's `exit`: what else is planted still runs. Not through std, whose own `exit` aborts the second
/// time that a thread enters it.
pub(crate) fn exit(status: i32) -> ! {
    c_exit(status)
}

#[cfg(unix)]
unsafe extern "C" {
    safe static __dso_handle: c_void;
    fn __cxa_atexit(hook: extern "C" fn(*mut c_void, c_int), argument: *mut c_void, dso: *const c_void) -> c_int;
}

/// Puts the hook in front of everything that waits for the exit of the process. Out of memory it does nothing: the hooks
/// that were planted before still stand.
#[cfg(unix)]
pub(crate) fn plant() {
    extern "C" fn hook(_: *mut c_void, status: c_int) {
        // Only glibc passes a status; elsewhere the register holds anything.
        crate::hook::at_exit(if cfg!(target_env = "gnu") { Some(status) } else { None });
    }
    // SAFETY: the hook is in the object whose handle is passed, so that it is called before its code goes away. A C function
    // that gets one argument more than it declares, or one it does not read, is what every System V ABI allows.
    unsafe { __cxa_atexit(hook, std::ptr::null_mut(), &raw const __dso_handle) };
}

#[cfg(not(unix))]
unsafe extern "C" {
    safe fn atexit(hook: extern "C" fn()) -> c_int;
}

/// As above; the C runtime of Windows keeps a list for each module by itself, and tells no status.
#[cfg(not(unix))]
pub(crate) fn plant() {
    extern "C" fn hook() {
        crate::hook::at_exit(None);
    }
    atexit(hook);
}

/// Ends the process from within the hook with another status than the one it was about to end with.
///
/// glibc lets the exiting thread call `exit` again: the remaining exit functions run, with the new status. C leaves this
/// undefined and newer versions of musl trap it, so elsewhere C's buffers are flushed and the process ends at once.
pub(crate) fn exit_again(status: i32) -> ! {
    if cfg!(target_env = "gnu") {
        c_exit(status)
    }
    // SAFETY: ISO C: a null stream means all of them. POSIX: `_exit` may be called at any time.
    unsafe {
        fflush(std::ptr::null_mut());
        _exit(status)
    }
}
