//! Owns the accounts of the runs that are under way; must not know how handlers are run.
//!
//! They are global because any thread may come to write them: the exiting thread, an exit thread, and the watchdog when the
//! deadline strikes. A run inside a handler has an account of its own on top of the outer one.

use std::sync::PoisonError;
use std::time::Duration;

use crate::config::{self, Config, Level};
use crate::naming::HandlerInfo;
use crate::platform;
use crate::report::{Event, Failure, Report};
use crate::runner::{Cause, observe};
use crate::status::Wishes;
use crate::sync::{Instant, Mutex, MutexGuard};
use crate::turn;

pub(crate) struct Account {
    cause: Cause,
    config: Config,
    level: Level,
    deadline: Option<Instant>,
    began: Instant,
    report: Report,
    exit: Option<i32>,
}

impl Account {
    fn of(terms: Terms) -> Self {
        let Terms { cause, config, level, deadline } = terms;
        Self { cause, config, level, deadline, began: Instant::now(), report: Report::default(), exit: None }
    }

    fn wishes(&self) -> Wishes {
        let failed = self.report.failures.last().map(Failure::status);
        let failed = failed.or_else(|| (!self.report.not_run.is_empty()).then_some(1));
        Wishes { exit: self.exit, failure: failed.filter(|_| self.config.failure_status) }
    }
}

static ACCOUNTS: Mutex<Vec<Account>> = Mutex::new(Vec::new());

pub(crate) fn lock() -> MutexGuard<'static, Vec<Account>> {
    ACCOUNTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a run goes by from its beginning to its end.
#[derive(Clone)]
pub(crate) struct Terms {
    pub(crate) cause: Cause,
    pub(crate) config: Config,
    pub(crate) level: Level,
    pub(crate) deadline: Option<Instant>,
}

pub(crate) fn open(cause: Cause, deadline: Option<Instant>) -> Terms {
    let terms = Terms { cause, config: config::current(), level: Level::from_environment(), deadline };
    lock().push(Account::of(terms.clone()));
    terms
}

/// For a run inside a handler. `None`: the handler was abandoned meanwhile, and the accounts are others' by now.
pub(crate) fn open_inside(cause: Cause) -> Option<Terms> {
    let terms = Terms { cause, config: config::current(), level: Level::from_environment(), deadline: None };
    let account = Account::of(terms.clone());
    if_seated(|accounts| accounts.push(account))?;
    Some(terms)
}

/// Who abandons a handler takes the seat away first, and folds the accounts then: so nothing is added to them, or taken, behind its back.
fn if_seated<R>(f: impl FnOnce(&mut Vec<Account>) -> R) -> Option<R> {
    let mut accounts = lock();
    turn::is_seated().then(|| f(&mut accounts))
}

/// The terms of the innermost run, and the deadline of the outermost.
pub(crate) fn terms() -> Option<Terms> {
    let accounts = lock();
    let account = accounts.last()?;
    Some(Terms {
        cause: account.cause,
        config: account.config.clone(),
        level: account.level,
        deadline: accounts.first()?.deadline,
    })
}

/// From now on, handlers of this run that have no limit of their own have this one.
pub(crate) fn limit(limit: Duration) {
    if let Some(account) = lock().last_mut() {
        account.config.time_limit.get_or_insert(limit);
    }
}

pub(crate) fn fail(failure: Failure) {
    if let Some(account) = lock().last_mut() {
        account.report.failures.push(failure);
    }
}

/// Notes the code of an `exit` inside a handler.
pub(crate) fn exit(code: i32) {
    if let Some(account) = lock().last_mut() {
        account.exit = Some(code);
    }
}

/// Makes one account of the runs that are inside each other: the inner ones do not go on.
pub(crate) fn fold() {
    let mut folded = std::mem::take(&mut *lock()).into_iter();
    let Some(mut all) = folded.next() else { return };
    for mut inner in folded {
        all.report.failures.append(&mut inner.report.failures);
        all.report.not_run.append(&mut inner.report.not_run);
        all.exit = inner.exit.or(all.exit);
    }
    lock().push(all);
}

/// What is left to tell when the last handler has ended.
#[derive(Default)]
pub(crate) struct Ending {
    pub(crate) ran: usize,
    /// What other threads registered too late.
    pub(crate) too_late: usize,
    /// What the deadline kept from running.
    pub(crate) not_run: Vec<HandlerInfo>,
    /// Handlers had to run on the exiting thread because somebody held stdout or stderr.
    pub(crate) held: bool,
}

impl Account {
    fn end(&mut self, ending: Ending) -> (Report, Config, Level) {
        self.report.ran = ending.ran;
        self.report.not_run.extend(ending.not_run); // an observer that is told may call C's `exit`, and be told again
        self.report.elapsed = self.began.elapsed();
        (self.report.clone(), self.config.clone(), self.level)
    }
}

/// Closes the innermost account, and says what is to be said.
pub(crate) fn close(ending: Ending) -> (Report, Wishes) {
    let (too_late, held) = (ending.too_late, ending.held);
    let ended = lock().last_mut().map(|account| account.end(ending));
    let Some((report, config, level)) = ended else { return Default::default() };
    tell(&report, &config, level, too_late, held);
    let account = lock().pop(); // dropped without the lock: an observer has captures
    (report, account.map(|account| account.wishes()).unwrap_or_default())
}

/// For a run inside a handler, if that was not abandoned meanwhile.
pub(crate) fn close_inside(ending: Ending) -> (Report, Wishes) {
    let ended = if_seated(|accounts| accounts.last_mut().map(|account| account.end(ending))).flatten();
    let Some((report, config, level)) = ended else { return Default::default() };
    tell(&report, &config, level, 0, false);
    let account = if_seated(Vec::pop).flatten();
    (report, account.map(|account| account.wishes()).unwrap_or_default())
}

fn tell(report: &Report, config: &Config, level: Level, too_late: usize, held: bool) {
    if level >= Level::Error {
        // Thread-locals were gone there, which may be why something failed.
        let held = if held && !report.failures.is_empty() {
            "at_exit: stdout or stderr is locked, so handlers ran on the exiting thread\n"
        } else {
            ""
        };
        let late = match too_late {
            0 => String::new(),
            count => format!("at_exit: not run, registered too late by other threads: {count}\n"),
        };
        platform::write_stderr(&(late + held + &report.summary()));
    }
    observe(config, || Event::RunFinished { report: report.clone() });
}
