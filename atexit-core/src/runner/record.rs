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
    /// The same, with a limit for handlers that have none of their own, if it had none.
    pub(crate) fn with_limit(&self, limit: Duration) -> Self {
        let config = Config { time_limit: self.config.time_limit.or(Some(limit)), ..self.config.clone() };
        Self { config, ..self.clone() }
    }

    /// The same, with a deadline, if it had none.
    pub(crate) fn with_deadline(&self, deadline: Instant) -> Self {
        let deadline = self.deadline.or(Some(deadline));
        Self { log: self.log.with_deadline(deadline), deadline, ..self.clone() }
    }

    pub(crate) fn new(cause: Cause, config: Config, deadline: Option<Instant>) -> Self {
        Self { cause, config, log: Log::from_environment(deadline), deadline }
    }
}

/// It is changed under a lock: nothing here allocates or frees.
pub(crate) struct RunRecord {
    context: Arc<RunContext>,
    began: Instant,
    failures: Vec<Arc<Failure>>,
    not_run: Option<NotRun>,
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
#[derive(Clone, Copy, Default)]
pub(crate) struct RunEnd {
    pub(crate) ran: usize,
    /// What other threads registered too late.
    pub(crate) too_late: usize,
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

/// What the deadline kept from running, which is not nothing.
pub(crate) type NotRun = Arc<Vec<HandlerInfo>>;

/// What a record says at its end, beside failures.
pub(crate) struct Ended {
    began: Instant,
    not_run: Option<NotRun>,
    pub(crate) before: Option<Heard>,
}

impl Ended {
    pub(crate) fn report(&self, ran: usize, failures: &[Arc<Failure>]) -> Report {
        Report {
            ran,
            failures: failures.iter().map(|failure| Failure::clone(failure)).collect(),
            not_run: self.not_run.as_deref().cloned().unwrap_or_default(),
            elapsed: self.began.elapsed(),
        }
    }
}

impl RunRecord {
    pub(crate) fn new(context: Arc<RunContext>) -> Self {
        Self { context, began: Instant::now(), failures: Vec::new(), not_run: None, exit: None, told: None }
    }

    pub(crate) fn context(&self) -> &Arc<RunContext> {
        &self.context
    }

    /// Where failures are written; whoever adds one has made room for it.
    pub(crate) fn failures(&mut self) -> &mut Vec<Arc<Failure>> {
        &mut self.failures
    }

    /// A handler has called `exit` with this code.
    pub(crate) fn ask_for_status(&mut self, code: i32) {
        self.exit = Some(code);
    }

    /// From now on the run goes by this; gives back what it went by.
    pub(crate) fn go_by(&mut self, context: Arc<RunContext>) -> Arc<RunContext> {
        std::mem::replace(&mut self.context, context)
    }

    /// Takes in a run inside this one, which does not go on. There is room for its failures.
    pub(crate) fn absorb(&mut self, inner: &mut Self) {
        self.failures.append(&mut inner.failures);
        self.exit = inner.exit.or(self.exit);
    }

    /// The deadline has kept these from running.
    pub(crate) fn note_not_run(&mut self, not_run: &NotRun) {
        self.not_run.get_or_insert_with(|| Arc::clone(not_run));
    }

    /// Notes that the run is over, for which there is room in `failures`. An observer that is told may call C's `exit`, and then the run
    /// ends once more.
    pub(crate) fn end(&mut self, failures: &mut Vec<Arc<Failure>>) -> Ended {
        failures.extend(self.failures.iter().cloned());
        let now = Heard { failures: failures.len(), not_run: self.not_run.as_ref().map_or(0, |not_run| not_run.len()) };
        Ended { began: self.began, not_run: self.not_run.clone(), before: self.told.replace(now) }
    }

    pub(crate) fn asked_status(&self) -> AskedStatus {
        let failed = self.failures.last().map(|failure| failure.status());
        let failed = failed.or_else(|| self.not_run.is_some().then_some(1));
        AskedStatus { exit: self.exit, failure: failed.filter(|_| self.counts_failures()) }
    }

    pub(crate) fn counts_failures(&self) -> bool {
        self.context.config.failure_status
    }
}
