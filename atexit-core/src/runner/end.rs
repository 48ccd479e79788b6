//! Owns the end of a run: what it reports, and which status its handlers ask for; must not know what has brought it about.

use super::exit_status::AskedStatus;
use super::record::{Reported, RunContext};
use super::state::{self, RunState};
use crate::log::Log;
use crate::registry::{self, lease::Lease};
use crate::report::{News, RunResults};

/// Ends the outermost run, even if runs inside it are still open. This thread has claimed the end. `stayed_held`: handlers had to run on the
/// exiting thread because somebody held stdout or stderr.
pub(super) fn end_run(at_exit: bool, stayed_held: bool, results: &mut RunResults) -> AskedStatus {
    let _lease = Lease::take();
    state::abandon_nested();
    let (ran, too_late) = registry::close_run(at_exit);
    results.ran = ran;
    let Some(context) = state::context() else { return AskedStatus::default() };
    tell(&context, too_late, stayed_held, results);
    if at_exit {
        // Nobody reads them any more. They may own a user's error, whose drop may hang, so this is part of the run, which the deadline ends.
        results.handlers.clear();
    }
    state::close()
}

/// Reports what happened in the innermost run, to the observer only once.
#[inline(never)] // one copy, to keep programs small
pub(super) fn tell(context: &RunContext, too_late: usize, stayed_held: bool, results: &mut RunResults) {
    let Some(before) = state::end_record(RunState::innermost_if_leased, results) else { return };
    summarize(context.log, results, before, too_late, stayed_held);
    if !before.end {
        context.config.observe(News::RunFinished { cause: context.cause, results });
    }
}

/// Prints what has not been reported before.
pub(super) fn summarize(log: Log, results: &RunResults, before: Reported, too_late: usize, stayed_held: bool) {
    let (failures, not_run) = (results.failures(), results.not_run());
    let failures = failures.get(before.failures..).unwrap_or_default();
    let not_run = not_run.get(before.not_run..).unwrap_or_default();
    log.summary(failures, not_run, too_late, stayed_held);
}
