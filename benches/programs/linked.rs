//! The library is linked, and no handler is pending.

fn main() {
    assert_eq!(atexit_core::pending(), 0);
}
