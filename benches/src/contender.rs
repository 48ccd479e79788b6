//! Owns the ways to have something done at exit that can be had inside one Rust process; must not know what is measured of them.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::child::tell_elapsed;

/// A way to have something done at exit.
pub(crate) trait Contender {
    type Handle: Send;

    /// Registers a handler that hardly does anything, with 24 bytes of captures where there can be any.
    fn register(captures: [u64; 3]) -> Self::Handle;

    /// Registers the handler that will run last, if it is the first to be registered: it tells the time.
    fn register_witness();

    fn remove(_handle: Self::Handle) {
        unreachable!("nobody asks for what cannot be done");
    }
}

static WORK: AtomicU64 = AtomicU64::new(0);

/// What a handler does. Not an atomic addition, which would take longer than all the rest.
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
        // SAFETY: the handler touches an atomic, which may be done at any time.
        assert_eq!(unsafe { libc::atexit(handler) }, 0);
    }

    fn register_witness() {
        extern "C" fn handler() {
            tell_elapsed();
        }
        // SAFETY: what the handler uses of std works at exit.
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
        // SAFETY: the handler takes its argument for a number, which it is; null: it is not in a library that could be unloaded.
        assert_eq!(unsafe { __cxa_atexit(handler, argument, ptr::null()) }, 0);
    }

    fn register_witness() {
        Atexit::register_witness();
    }
}

/// What one writes before looking for a library.
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
        // SAFETY: what the handlers use of std works at exit, and none of them panics.
        assert_eq!(unsafe { libc::atexit(run_all) }, 0);
    }
}
