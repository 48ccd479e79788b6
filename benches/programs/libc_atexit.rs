//! One function that C's `atexit` takes.

extern "C" fn handler() {
    std::hint::black_box(()); // the compiler leaves out an exit function that does nothing
}

fn main() {
    // SAFETY: the handler does nothing, least of all anything that is forbidden at exit.
    assert_eq!(unsafe { libc::atexit(handler) }, 0);
}
