//! Owns what a run has to tell while it is under way, and what is left of that when it is over; pure: must not know how handlers are run,
//! or who writes here.

use std::sync::Arc;
use std::time::Duration;

use super::exit_status::AskedStatus;
use crate::config::Config;
use crate::handler::info::HandlerInfo;
use crate::log::Log;
use crate::report::{Cause, Failure, Report};
use crate::sys::sync::Instant;

/// What a run goes by from its beginning to its end.
#[derive(Clone)]
pub(crate) struct RunContext {
    pub(crate) cause: Cause,
    pub(crate) config: Config,
    pub(crate) log: Log,
    pub(crate) deadline: Option<Instant>,
}

impl RunContext {
    pub(crate) fn new(cause: Cause, config: Config, deadline: Option<Instant>) -> Self {
        Self { cause, config, log: Log::from_environment(deadline), deadline }
    }
}

pub(crate) struct RunRecord {
    context: Arc<RunContext>,
    began: Instant,
    report: Report,
    /// The code of the last `exit` inside a handler.
    exit: Option<i32>,
    /// What has been told of the run's end already, if it has.
    told: Option<Heard>,
}

/// How many failures, and handlers that were not run, somebody knows of.
#[derive(Clone, Copy, Default)]
pub(crate) struct Heard {
    pub(crate) failures: usize,
    pub(crate) not_run: usize,
}

/// What is known at the end of a run beyond what was recorded.
#[derive(Default)]
pub(crate) struct RunEnd {
    pub(crate) ran: usize,
    /// What other threads registered too late.
    pub(crate) too_late: usize,
    /// What the deadline kept from running.
    pub(crate) not_run: Vec<HandlerInfo>,
    /// Handlers had to run on the exiting thread because somebody held stdout or stderr.
    pub(crate) stayed_held: bool,
}

/// What there is to tell of a run that is over.
pub(crate) struct Told {
    pub(crate) report: Report,
    /// What was told before, if this is not the first time.
    pub(crate) before: Option<Heard>,
    pub(crate) too_late: usize,
    pub(crate) stayed_held: bool,
}

impl RunRecord {
    pub(crate) fn new(context: Arc<RunContext>) -> Self {
        Self { context, began: Instant::now(), report: Report::default(), exit: None, told: None }
    }

    pub(crate) fn context(&self) -> &Arc<RunContext> {
        &self.context
    }

    pub(crate) fn fail(&mut self, failure: Failure) {
        self.report.failures.push(failure);
    }

    /// A handler has called `exit` with this code.
    pub(crate) fn ask_for_status(&mut self, code: i32) {
        self.exit = Some(code);
    }

    /// From now on, handlers of this run that have no limit of their own have this one, if it had none.
    pub(crate) fn limit(&mut self, limit: Duration) {
        Arc::make_mut(&mut self.context).config.time_limit.get_or_insert(limit);
    }

    /// From now on, the run has this deadline, if it had none.
    pub(crate) fn set_deadline(&mut self, deadline: Instant) {
        if self.context.deadline.is_none() {
            let context = Arc::make_mut(&mut self.context);
            context.deadline = Some(deadline);
            context.log = context.log.with_deadline(context.deadline);
        }
    }

    /// From now on the run goes by this; gives back what it went by.
    pub(crate) fn go_by(&mut self, context: Arc<RunContext>) -> Arc<RunContext> {
        std::mem::replace(&mut self.context, context)
    }

    /// Takes in a run inside this one, which does not go on, and gives back what it went by.
    pub(crate) fn absorb(&mut self, mut inner: Self) -> Arc<RunContext> {
        self.report.failures.append(&mut inner.report.failures);
        self.report.not_run.append(&mut inner.report.not_run);
        self.exit = inner.exit.or(self.exit);
        inner.context
    }

    /// Says what became of the run. An observer that is told may call C's `exit`, and then the run ends once more.
    pub(crate) fn end(&mut self, RunEnd { ran, too_late, not_run, stayed_held }: RunEnd) -> Told {
        self.report.ran = ran;
        self.report.not_run.extend(not_run);
        self.report.elapsed = self.began.elapsed();
        let now = Heard { failures: self.report.failures.len(), not_run: self.report.not_run.len() };
        Told { report: self.report.clone(), before: self.told.replace(now), too_late, stayed_held }
    }

    pub(crate) fn asked_status(&self) -> AskedStatus {
        let failed = self.report.failures.last().map(Failure::status);
        let failed = failed.or_else(|| (!self.report.not_run.is_empty()).then_some(1));
        AskedStatus { exit: self.exit, failure: failed.filter(|_| self.counts_failures()) }
    }

    pub(crate) fn counts_failures(&self) -> bool {
        self.context.config.failure_status
    }
}
