//! Does not depend on the library, and forgets a dependency that has handlers.

/// To be named by a crate that wants this one linked.
pub fn name() {}

#[cfg(feature = "fixed")]
use unlinked_renames as _;
