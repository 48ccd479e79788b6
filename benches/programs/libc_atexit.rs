//! One function registered with C's `atexit`.

extern "C" fn handler() {
    std::hint::black_box(()); // otherwise the compiler removes a function that does nothing
}

fn main() {
    // SAFETY: the handler does nothing, so nothing that is forbidden at exit.
    assert_eq!(unsafe { libc::atexit(handler) }, 0);
}
