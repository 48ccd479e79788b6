//! Owns asking the system for memory; must not know what it is for.

use std::mem::MaybeUninit;

/// Has memory provided that is about to be written, all of it at once. Otherwise the system interrupts the thread at each page.
pub(crate) fn provide<T>(memory: &mut [MaybeUninit<T>]) {
    provide_pages(memory.as_mut_ptr().addr(), size_of_val(memory));
}

/// Does nothing where a page is larger, or if Linux is older than 5.14.
#[cfg(all(target_os = "linux", not(any(at_exit_as_bsd, miri))))]
fn provide_pages(start: usize, len: usize) {
    use std::ffi::{c_int, c_void};

    unsafe extern "C" {
        fn madvise(start: *mut c_void, len: usize, advice: c_int) -> c_int;
    }
    const MADV_POPULATE_WRITE: c_int = 23;
    const PAGE: usize = 4096;
    let end = (start + len) & !(PAGE - 1);
    let start = start.next_multiple_of(PAGE);
    if start < end {
        // SAFETY: Linux: this advice changes no byte, whatever the pages hold.
        unsafe { madvise(std::ptr::without_provenance_mut(start), end - start, MADV_POPULATE_WRITE) };
    }
}

#[cfg(not(all(target_os = "linux", not(any(at_exit_as_bsd, miri)))))]
fn provide_pages(_: usize, _: usize) {}
