//! Run functions when the process exits.
extern crate self as atexit_core; // the attribute's expansions say `::atexit_core`, here too

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod handler;
mod status;

pub use atexit_macros::at_exit;
pub use status::{Fault, Outcome};
