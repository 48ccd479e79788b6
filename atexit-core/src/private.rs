//! Owns what the expansions of the macros name, and nothing that a program should; must not know how any of it works.

pub use crate::declaration::{Declared, Description, Link, LinkSite, Site, identity};
pub use crate::executor::block_on;
pub use atexit_macros::link_with;
pub use inventory;

use crate::status::{Fault, Outcome};

/// The one place where a declared handler's return type is asked to be an [`Outcome`].
pub fn outcome<T: Outcome>(value: T) -> Option<Fault> {
    value.fault()
}
