//! Owns the last steps of a thread that has run the handlers and ends the process by C's `exit`; must not know why.

use crate::runner;
use crate::sys;
use crate::sys::sync::park;

/// `is_in_exit`: this thread is inside C's `exit` already.
pub(super) fn leave(status: i32, is_in_exit: bool) -> ! {
    let is_alone = runner::leave(status);
    if !is_alone && !is_in_exit {
        park();
    }
    if runner::is_exit_locked() {
        sys::exit_in_child(status);
    }
    if is_in_exit {
        sys::exit_again(status); // std's own `exit` aborts a thread that enters it twice
    }
    sys::exit_by_std(status)
}
