//! Owns the ways to run code at exit that a Rust process has; must not know what is measured.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::child::tell_elapsed;

/// A way to run code at exit.
pub(crate) trait Contender {
    type Handle: Send;

    /// Registers a handler that does next to nothing, with 24 bytes of captures if this way has captures.
    fn register(captures: [u64; 3]) -> Self::Handle;

    /// Registers the handler that prints the time. Registered first, it runs last.
    fn register_witness();

    fn remove(_handle: Self::Handle) {
        unreachable!("`Subject::can` excludes it");
    }
}

static WORK: AtomicU64 = AtomicU64::new(0);

/// The work of a handler. Not an atomic addition, which would take longer than everything else.
fn work(amount: u64) {
    WORK.store(WORK.load(Ordering::Relaxed) + amount, Ordering::Relaxed);
}

pub(crate) struct Ours;

impl Contender for Ours {
    type Handle = atexit_core::Registration;

    fn register(captures: [u64; 3]) -> Self::Handle {
        atexit_core::register(move || work(captures[0] ^ captures[1] ^ captures[2]))
    }

    fn register_witness() {
        atexit_core::register(tell_elapsed);
    }

    fn remove(handle: Self::Handle) {
        assert!(handle.unregister());
    }
}

pub(crate) struct Atexit;

impl Contender for Atexit {
    type Handle = ();

    fn register(_: [u64; 3]) {
        extern "C" fn handler() {
            work(1);
        }
        // SAFETY: the handler uses only an atomic, which works at any time.
        assert_eq!(unsafe { libc::atexit(handler) }, 0);
    }

    fn register_witness() {
        extern "C" fn handler() {
            tell_elapsed();
        }
        // SAFETY: the parts of std that the handler uses work at exit.
        assert_eq!(unsafe { libc::atexit(handler) }, 0);
    }
}

pub(crate) struct CxaAtexit;

unsafe extern "C" {
    fn __cxa_atexit(handler: extern "C" fn(*mut c_void), argument: *mut c_void, dso: *const c_void) -> c_int;
}

impl Contender for CxaAtexit {
    type Handle = ();

    fn register(captures: [u64; 3]) {
        extern "C" fn handler(argument: *mut c_void) {
            work(argument.addr() as u64);
        }
        let argument = ptr::without_provenance_mut(usize::from(captures[0] > 0));
        // SAFETY: the handler reads its argument as a number, which it is. Null is right for a handler that is in no shared library.
        assert_eq!(unsafe { __cxa_atexit(handler, argument, ptr::null()) }, 0);
    }

    fn register_witness() {
        Atexit::register_witness();
    }
}

/// The version that people write without a library.
pub(crate) struct Naive;

static HANDLERS: Mutex<Vec<Box<dyn FnOnce() + Send>>> = Mutex::new(Vec::new());

impl Contender for Naive {
    type Handle = ();

    fn register(captures: [u64; 3]) {
        let handler = Box::new(move || work(captures[0] ^ captures[1] ^ captures[2]));
        HANDLERS.lock().unwrap_or_else(PoisonError::into_inner).push(handler);
    }

    fn register_witness() {
        extern "C" fn run_all() {
            let next = || HANDLERS.lock().unwrap_or_else(PoisonError::into_inner).pop();
            while let Some(handler) = next() {
                handler();
            }
        }
        HANDLERS.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(tell_elapsed));
        // SAFETY: the parts of std that the handlers use work at exit, and no handler panics.
        assert_eq!(unsafe { libc::atexit(run_all) }, 0);
    }
}
