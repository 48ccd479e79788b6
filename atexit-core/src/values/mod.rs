//! Owns the list of types for values in a `static` that are finished at exit; must not know how these are made, kept or finished.

mod cell;
mod close_at_exit;
mod closer;
mod drop_at_exit;
mod exit_ref;
mod options;
mod unavailable;

pub use close_at_exit::CloseAtExit;
pub use drop_at_exit::DropAtExit;
pub use exit_ref::ExitRef;
pub use unavailable::Unavailable;
