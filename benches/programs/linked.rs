//! The library is linked in, and nothing is pending.

fn main() {
    assert_eq!(atexit_core::pending(), 0);
}
