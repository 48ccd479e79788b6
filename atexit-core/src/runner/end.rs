//! Owns the end of a run: what it reports, and which status its handlers ask for; must not know what has brought it about.

use super::exit_status::AskedStatus;
use super::record::{Heard, RunContext};
use super::state::{self, RunState};
use crate::log::Log;
use crate::registry::{self, lease::Lease};
use crate::report::{News, RunResults};

/// Ends the outermost run, even if runs inside it are still open. This thread has claimed the end. `stayed_held`: handlers had to run on the
/// exiting thread because somebody held stdout or stderr.
#[inline]
pub(super) fn end_run(at_exit: bool, stayed_held: bool, results: &mut RunResults) -> AskedStatus {
    let _lease = Lease::take();
    state::abandon_nested();
    let (ran, too_late) = registry::close_run(at_exit);
    results.ran = ran;
    match state::context() {
        Some(context) => tell(&context, too_late, stayed_held, results),
        None => AskedStatus::default(),
    }
}

/// Reports what happened in the innermost run, to the observer only once. Then closes it, and returns the status that handlers and observers
/// have asked for.
#[inline(never)] // in place it would be there twice
pub(super) fn tell(context: &RunContext, too_late: usize, stayed_held: bool, results: &mut RunResults) -> AskedStatus {
    let Some(before) = state::end_record(RunState::innermost_if_leased, results) else { return AskedStatus::default() };
    summarize(context.log, results, before, too_late, stayed_held);
    if !before.end {
        context.config.observe(News::RunFinished { cause: context.cause, results });
    }
    state::close()
}

/// Prints what has not been reported before.
pub(super) fn summarize(log: Log, results: &RunResults, before: Heard, too_late: usize, stayed_held: bool) {
    let (failures, not_run) = (results.failures(), results.not_run());
    let failures = failures.get(before.failures..).unwrap_or_default();
    let not_run = not_run.get(before.not_run..).unwrap_or_default();
    log.summary(failures, not_run, too_late, stayed_held);
}
