//! Owns what a run records while it is under way, and what there is to report when it is over; pure: must not know how handlers are run, or
//! who writes here.

use std::sync::Arc;
use std::time::Duration;

use super::exit_status::AskedStatus;
use crate::config::Config;
use crate::log::Log;
use crate::report::{Cause, HandlerRecord, NotRun, Report};
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

    pub(crate) fn new(cause: Cause, config: Config, deadline: Option<Instant>) -> Self {
        let records_all = cause == Cause::Run || config.is_observed();
        Self { cause, log: Log::new(config.level, deadline), config, deadline, records_all }
    }
}

/// Changed under a lock, so nothing here allocates or frees: to clone what has ended counts references.
pub(crate) struct RunRecord {
    context: Arc<RunContext>,
    began: Instant,
    /// The handlers that have ended: all of them, or only those that failed.
    ended: Vec<HandlerRecord>,
    not_run: Option<NotRun>,
    /// The code of the last `exit` inside a handler.
    exit: Option<i32>,
    /// What has already been reported at the run's end, if anything.
    told: Option<Heard>,
}

/// How many failures, and how many handlers that were not run, have been reported.
#[derive(Clone, Copy, Default)]
pub(crate) struct Heard {
    pub(crate) failures: usize,
    pub(crate) not_run: usize,
}

/// What is known at the end of a run, in addition to its record.
#[derive(Clone, Copy, Default)]
pub(crate) struct RunEnd {
    pub(crate) ran: usize,
    /// How many handlers other threads registered too late.
    pub(crate) too_late: usize,
    /// Handlers had to run on the exiting thread because somebody held stdout or stderr.
    pub(crate) stayed_held: bool,
}

/// What there is to report of a run that is over.
pub(crate) struct Told {
    pub(crate) report: Report,
    /// What was reported before, if this is not the first time.
    pub(crate) before: Option<Heard>,
    pub(crate) too_late: usize,
    pub(crate) stayed_held: bool,
}

/// What a record says at its end, in addition to failures.
pub(crate) struct Ended {
    began: Instant,
    not_run: Option<NotRun>,
    pub(crate) before: Option<Heard>,
    /// The code of the handlers is about to be unmapped.
    is_unload: bool,
}

impl Ended {
    pub(crate) fn report(self, ran: usize, mut handlers: Vec<HandlerRecord>) -> Report {
        if self.is_unload {
            for handler in &mut handlers {
                handler.make_name();
            }
        }
        Report::new(ran, handlers, self.not_run, self.began.elapsed())
    }
}

impl RunRecord {
    pub(crate) fn new(context: Arc<RunContext>) -> Self {
        Self { context, began: Instant::now(), ended: Vec::new(), not_run: None, exit: None, told: None }
    }

    pub(crate) fn context(&self) -> &Arc<RunContext> {
        &self.context
    }

    /// The list of handlers that have ended. A caller that adds one has made room for it.
    pub(crate) fn ended(&mut self) -> &mut Vec<HandlerRecord> {
        &mut self.ended
    }

    /// A handler has called `exit` with this code.
    pub(crate) fn ask_for_status(&mut self, code: i32) {
        self.exit = Some(code);
    }

    /// From now on the run goes by this context; returns the former one.
    pub(crate) fn go_by(&mut self, context: Arc<RunContext>) -> Arc<RunContext> {
        std::mem::replace(&mut self.context, context)
    }

    /// Takes over the record of a run inside this one that does not go on. There is room for it.
    pub(crate) fn absorb(&mut self, inner: &mut Self) {
        self.ended.append(&mut inner.ended);
        self.exit = inner.exit.or(self.exit);
    }

    /// The deadline has kept these from running.
    pub(crate) fn note_not_run(&mut self, not_run: &NotRun) {
        if self.not_run.is_none() {
            self.not_run = Some(Arc::clone(not_run));
        }
    }

    /// Notes that the run is over, and copies its handlers to `ended`, which has room. An observer that learns of the end may call C's `exit`:
    /// then the run ends once more.
    pub(crate) fn end(&mut self, ended: &mut Vec<HandlerRecord>) -> Ended {
        let mut now = Heard::default();
        for handler in &self.ended {
            if handler.failure().is_some() {
                now.failures += 1;
            }
            ended.push(handler.clone());
        }
        if let Some(not_run) = &self.not_run {
            now.not_run = not_run.len();
        }
        let is_unload = self.context.cause == Cause::Unload;
        Ended { began: self.began, not_run: self.not_run.clone(), before: self.told.replace(now), is_unload }
    }

    pub(crate) fn asked_status(&self) -> AskedStatus {
        let mut failure = None;
        if self.counts_failures() {
            if self.not_run.is_some() {
                failure = Some(1);
            }
            for handler in &self.ended {
                if let Some(failed) = handler.failure() {
                    failure = Some(failed.status());
                }
            }
        }
        AskedStatus { exit: self.exit, failure }
    }

    pub(crate) fn counts_failures(&self) -> bool {
        self.context.config.failure_status
    }
}
