//! A library with handlers of its own, which a program opens and may unload.

use std::ffi::{CStr, c_char};

use atexit_core::{at_exit, cause};

#[at_exit]
fn declared() {
    println!("library: {:?}", cause());
}

/// Does what the word says.
///
/// # Panics
///
/// If it is not UTF-8.
///
/// # Safety
///
/// `word` is a NUL-terminated text.
#[unsafe(export_name = "platforms_set_up")]
pub unsafe extern "C" fn set_up(word: *const c_char) {
    // SAFETY: as above.
    platforms::set_up(unsafe { CStr::from_ptr(word) }.to_str().expect("UTF-8"));
}

/// Leaves in the way that the word names.
///
/// # Panics
///
/// If it is not UTF-8, or a way out that requires a return from `main`.
///
/// # Safety
///
/// `way` is a NUL-terminated text.
#[unsafe(export_name = "platforms_leave")]
pub unsafe extern "C" fn leave(way: *const c_char) {
    // SAFETY: as above.
    platforms::leave(unsafe { CStr::from_ptr(way) }.to_str().expect("UTF-8")).expect("the way out is no error");
}
