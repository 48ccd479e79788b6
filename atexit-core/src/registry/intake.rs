//! Owns who may still join the pending set while handlers run; pure: must not know how the set is kept, or who asks.
//!
//! | state | when | a handler that another thread registers |
//! |---|---|---|
//! | `Open` | no run is under way | is pending at once |
//! | `Run` | the program runs the handlers | is late: it is pending when the run is over |
//! | `Exit` | the process exits | is late: the run takes it in one further round |
//! | `FurtherRound` | the run has taken what was late | is too late: it never runs, and is counted when the run is over |
//! | `Exited` | the handlers of the exit have run | the same; but one that the exiting thread registers runs |
//! | `Stopped` | the deadline is over | the same; nothing runs any more |

use crate::sys::token::ThreadToken;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intake {
    Open,
    Run,
    Exit,
    FurtherRound,
    Exited {
        /// The thread that ends the process.
        by: ThreadToken,
    },
    Stopped {
        /// The run has reported how many handlers came too late.
        told: bool,
    },
}

impl Intake {
    /// Whether a thread outside of the run comes too late for it. `thread` is called only if it matters which thread that is.
    #[inline]
    pub(crate) fn is_closed_to(self, thread: impl FnOnce() -> ThreadToken) -> bool {
        match self {
            Self::Open => false,
            Self::Exited { by } => by != thread(),
            _ => true,
        }
    }

    /// Nothing runs any more.
    #[inline]
    pub(crate) fn is_stopped(self) -> bool {
        matches!(self, Self::Stopped { .. })
    }

    /// A run at exit is under way.
    #[inline]
    pub(crate) fn is_exit(self) -> bool {
        matches!(self, Self::Exit | Self::FurtherRound)
    }

    /// A run at exit is under way, or over.
    pub(crate) fn has_exit_begun(self) -> bool {
        !matches!(self, Self::Open | Self::Run)
    }

    /// A run begins.
    pub(crate) fn open_run(&mut self, at_exit: bool) {
        if *self == Self::Open {
            *self = if at_exit { Self::Exit } else { Self::Run };
        }
    }

    /// The process exits in the middle of a run.
    pub(crate) fn become_exit(&mut self) {
        if *self == Self::Run {
            *self = Self::Exit;
        }
    }

    /// Whether late handlers may be taken now: once, in an exit.
    pub(crate) fn may_go_round(self) -> bool {
        self == Self::Exit
    }

    /// The late handlers have been taken.
    pub(crate) fn go_round(&mut self) {
        *self = Self::FurtherRound;
    }

    /// The deadline is over.
    pub(crate) fn stop(&mut self) {
        if !self.is_stopped() {
            *self = Self::Stopped { told: matches!(self, Self::Exited { .. }) };
        }
    }

    /// A run is over. It may have become part of an exit since it began: a handler may have called C's `exit`.
    pub(crate) fn close_run(&mut self, at_exit: bool, by: ThreadToken) -> Closed {
        match *self {
            Self::Stopped { told: false } if at_exit => {
                *self = Self::Stopped { told: true };
                Closed::TellTooLate
            }
            Self::Exited { .. } | Self::Stopped { .. } => Closed::Quietly,
            _ if at_exit => {
                *self = Self::Exited { by };
                Closed::TellTooLate
            }
            _ => {
                *self = Self::Open;
                Closed::AdmitLate
            }
        }
    }
}

/// What happens to handlers that came late for a run that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Closed {
    /// They are pending now.
    AdmitLate,
    /// They never run, and are to be counted.
    TellTooLate,
    /// They never run, and were counted before.
    Quietly,
}

#[cfg(test)]
mod tests {
    use super::Intake::{Exit, FurtherRound, Open, Run};
    use super::*;

    const TOLD: Intake = Intake::Stopped { told: true };
    const STOPPED: Intake = Intake::Stopped { told: false };

    /// What each transition makes of a state.
    struct Row {
        from: Intake,
        opens: [Intake; 2],
        stops: Intake,
        closes: [(Intake, Closed); 2],
    }

    #[test]
    fn every_cell_of_the_table() {
        use Closed::{AdmitLate, Quietly, TellTooLate};
        let (by, other) = (ThreadToken::new(), ThreadToken::new());
        let exited = Intake::Exited { by };
        // The second of each pair is at an exit.
        let table = [
            Row { from: Open, opens: [Run, Exit], stops: STOPPED, closes: [(Open, AdmitLate), (exited, TellTooLate)] },
            Row { from: Run, opens: [Run; 2], stops: STOPPED, closes: [(Open, AdmitLate), (exited, TellTooLate)] },
            Row { from: Exit, opens: [Exit; 2], stops: STOPPED, closes: [(Open, AdmitLate), (exited, TellTooLate)] },
            Row {
                from: FurtherRound,
                opens: [FurtherRound; 2],
                stops: STOPPED,
                closes: [(Open, AdmitLate), (exited, TellTooLate)],
            },
            Row { from: exited, opens: [exited; 2], stops: TOLD, closes: [(exited, Quietly); 2] },
            Row {
                from: STOPPED,
                opens: [STOPPED; 2],
                stops: STOPPED,
                closes: [(STOPPED, Quietly), (TOLD, TellTooLate)],
            },
            Row { from: TOLD, opens: [TOLD; 2], stops: TOLD, closes: [(TOLD, Quietly); 2] },
        ];
        let after = |from: Intake, step: &dyn Fn(&mut Intake)| {
            let mut intake = from;
            step(&mut intake);
            intake
        };
        for Row { from, opens, stops, closes } in table {
            for (at_exit, (opened, closed)) in [false, true].into_iter().zip(opens.into_iter().zip(closes)) {
                assert_eq!(after(from, &|intake| intake.open_run(at_exit)), opened, "{from:?} opens");
                let mut intake = from;
                let what = intake.close_run(at_exit, by);
                assert_eq!((intake, what), closed, "{from:?} closes");
            }
            assert_eq!(after(from, &Intake::stop), stops, "{from:?} stops");
            assert_eq!(after(from, &Intake::become_exit), if from == Run { Exit } else { from });
            assert_eq!(from.may_go_round(), from == Exit);
            assert_eq!(from.is_exit(), [Exit, FurtherRound].contains(&from));
            assert_eq!(from.has_exit_begun(), ![Open, Run].contains(&from));
            assert_eq!(from.is_closed_to(|| other), from != Open);
            assert_eq!(from.is_closed_to(|| by), from != Open && from != exited);
        }
        assert_eq!(after(Exit, &Intake::go_round), FurtherRound);
    }
}
