//! Has an allocator that aligns nothing to more than a page. So many handlers run as the argument says, and the last one prints how many did.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use atexit_core::register;

struct AlignsToPages;

// SAFETY: what it does, the system's allocator does.
unsafe impl GlobalAlloc for AlignsToPages {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as for the caller.
        if layout.align() > 4096 { std::ptr::null_mut() } else { unsafe { System.alloc(layout) } }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        assert!(layout.align() <= 4096, "nothing like this was allocated");
        // SAFETY: as for the caller.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: AlignsToPages = AlignsToPages;

static RAN: AtomicUsize = AtomicUsize::new(0);

fn main() {
    let handlers = std::env::args().nth(1).and_then(|number| number.parse().ok()).expect("a number");
    register(|| println!("{}", RAN.load(Ordering::Relaxed)));
    for number in (0..handlers).rev() {
        register(move || assert_eq!(RAN.fetch_add(1, Ordering::Relaxed), number));
    }
}
