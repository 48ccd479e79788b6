//! Owns what a run records while it is under way, and what there is to report when it is over; pure: must not know how handlers are run, or
//! who writes here.

use std::sync::Arc;
use std::time::Duration;

use super::exit_status::AskedStatus;
use crate::config::Config;
use crate::log::Log;
use crate::report::{Cause, NotRun, RunResults};
use crate::sys::sync::Instant;

/// The cause of a run, and the settings that it goes by.
#[derive(Clone)]
pub(crate) struct RunContext {
    pub(crate) cause: Cause,
    pub(crate) config: Config,
    pub(crate) log: Log,
    pub(crate) deadline: Option<Instant>,
    /// Somebody learns how each handler ended. Otherwise only failed handlers are recorded.
    pub(crate) records_all: bool,
}

impl RunContext {
    /// Sets a limit for handlers that have none of their own, if there is none.
    pub(crate) fn add_limit(&mut self, limit: Duration) {
        self.config.time_limit = self.config.time_limit.or(Some(limit));
    }

    /// Sets a deadline, if there is none.
    pub(crate) fn add_deadline(&mut self, deadline: Instant) {
        self.deadline = self.deadline.or(Some(deadline));
        self.log = self.log.with_deadline(self.deadline);
    }

    /// Whether the deadline is over, if there is one.
    pub(crate) fn is_out_of_time(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    pub(crate) fn new(cause: Cause, config: Config, deadline: Option<Instant>) -> Self {
        let records_all = cause == Cause::Run || config.is_observed();
        Self { cause, log: Log::new(config.level, deadline), config, deadline, records_all }
    }
}

/// Changed under a lock, so nothing here allocates or frees.
pub(crate) struct RunRecord {
    context: Arc<RunContext>,
    /// When the run began, if somebody learns how long it took. An observer that comes later learns the time since it came.
    began: Option<Instant>,
    not_run: Option<NotRun>,
    /// The code of the last `exit` inside a handler, and the status of the last failure.
    asked: AskedStatus,
    reported: Reported,
    /// How many handlers had ended in the runs around this one when it began.
    pub(crate) first: usize,
    /// The run around this one.
    pub(crate) outer: Option<Box<Self>>,
}

/// What has already been reported at a run's end.
#[derive(Clone, Copy, Default)]
pub(crate) struct Reported {
    /// The run has ended before. An observer that learned of it has called C's `exit`.
    pub(crate) end: bool,
    /// How many failures, and how many handlers that were not run.
    pub(crate) failures: usize,
    pub(crate) not_run: usize,
}

impl RunRecord {
    #[inline(never)] // one copy, to keep programs small
    #[expect(
        clippy::unnecessary_box_returns,
        reason = "it is only used boxed, and so its callers have no code to box it"
    )]
    pub(crate) fn new(context: &Arc<RunContext>) -> Box<Self> {
        Box::new(Self {
            context: Arc::clone(context),
            began: context.records_all.then(Instant::now),
            not_run: None,
            asked: AskedStatus::default(),
            reported: Reported::default(),
            first: 0,
            outer: None,
        })
    }

    pub(crate) fn context(&self) -> &Arc<RunContext> {
        &self.context
    }

    /// A handler has called `exit` with this code.
    pub(crate) fn ask_for_status(&mut self, code: i32) {
        self.asked.exit = Some(code);
    }

    /// A handler has failed with this status.
    pub(crate) fn note_failure(&mut self, status: i32) {
        self.asked.failure = Some(status);
    }

    /// From now on the run goes by this context; returns the former one.
    pub(crate) fn go_by(&mut self, context: Arc<RunContext>) -> Arc<RunContext> {
        if context.records_all && self.began.is_none() {
            self.began = Some(Instant::now());
        }
        std::mem::replace(&mut self.context, context)
    }

    /// Takes over what the handlers of a run inside this one, which does not go on, have asked for.
    pub(crate) fn absorb(&mut self, inner: &Self) {
        self.asked.exit = inner.asked.exit.or(self.asked.exit);
        self.asked.failure = inner.asked.failure.or(self.asked.failure);
    }

    /// The deadline has kept these from running.
    pub(crate) fn note_not_run(&mut self, not_run: &NotRun) {
        if self.not_run.is_none() {
            self.not_run = Some(Arc::clone(not_run));
        }
    }

    /// Notes that the run is over, and that all failures will have been reported. Completes `results`, which has the handlers, and returns
    /// what was reported before.
    #[inline]
    pub(crate) fn end(&mut self, failures: usize, results: &mut RunResults) -> Reported {
        results.not_run.clone_from(&self.not_run);
        results.elapsed = self.began.map_or(Duration::ZERO, |began| began.elapsed());
        let not_run = results.not_run().len();
        std::mem::replace(&mut self.reported, Reported { end: true, failures, not_run })
    }

    pub(crate) fn asked_status(&self) -> AskedStatus {
        let mut asked = self.asked;
        if !self.counts_failures() {
            asked.failure = None;
        } else if self.not_run.is_some() {
            asked.failure = asked.failure.or(Some(1));
        }
        asked
    }

    pub(crate) fn counts_failures(&self) -> bool {
        self.context.config.failure_status
    }
}
