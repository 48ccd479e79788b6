//! Owns which status the process ends with, given what its handlers ask for; pure: must not know when, or how, it ends.

use crate::sys::STATUS_MASK;

/// The exit status that handlers ask for, by what they call and by failing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AskedStatus {
    /// The code of the last [`exit`](crate::exit) inside a handler.
    pub(crate) exit: Option<i32>,
    /// The status of the last failure, if failures count.
    pub(crate) failure: Option<i32>,
}

impl AskedStatus {
    pub(crate) fn is_nothing(self) -> bool {
        self.exit.is_none() && self.failure.is_none()
    }

    /// The status to end with, when the process was about to end with `pending`, if that is known; `None` leaves it alone.
    ///
    /// A failure wins over 0 and over an unknown status; `exit` inside a handler wins over everything else.
    pub(crate) fn applied_to(self, pending: Option<i32>) -> Option<i32> {
        let status = self.exit.or(pending);
        if status.is_none_or(|status| status & STATUS_MASK == 0) { self.failure.or(status) } else { status }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_wins_over_zero_and_an_exit_over_everything_else() {
        // pending status, exit(code) in a handler, status of the last failure => what the process ends with
        let table = [
            (Some(0), None, None, Some(0)),
            (Some(3), None, None, Some(3)),
            (None, None, None, None),
            (Some(0), None, Some(101), Some(101)),
            (Some(256), None, Some(101), Some(if STATUS_MASK == 0xff { 101 } else { 256 })), // which a parent may see as 0
            (Some(3), None, Some(101), Some(3)),
            (None, None, Some(1), Some(1)),
            (Some(0), Some(7), None, Some(7)),
            (Some(3), Some(7), Some(1), Some(7)),
            (Some(3), Some(0), None, Some(0)),
            (Some(3), Some(0), Some(1), Some(1)),
            (None, Some(0), None, Some(0)),
        ];
        for (status, exit, failure, expected) in table {
            assert_eq!(AskedStatus { exit, failure }.applied_to(status), expected, "{status:?} {exit:?} {failure:?}");
        }
    }
}
