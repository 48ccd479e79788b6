//! Owns what there is to say about an order; must not know how it is found.

use super::problem::Problem;
use super::why::Why;

/// What there is to say about an order.
#[derive(Default)]
pub(crate) struct Notes {
    /// The reasons why constraints have moved handlers.
    pub(crate) reasons: Vec<Why>,
    /// What is wrong with the order that handlers and links ask for.
    pub(crate) problems: Vec<Problem>,
}

impl Notes {
    pub(crate) const fn new() -> Self {
        Self { reasons: Vec::new(), problems: Vec::new() }
    }
}
