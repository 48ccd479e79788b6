//! Owns the time that a run takes: when a limit or the deadline is over, and what is said about a handler that hangs; must
//! not know on which thread anything runs.

use std::time::Duration;

use crate::config::Level;
use crate::platform;
use crate::registry;
use crate::sync::Instant;

/// How long a handler without a limit runs before a line on standard error names it; the next lines come after twice as
/// long each.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a watcher looks whether the handlers move on. They leave no time stamps: reading a clock takes longer than most of them.
const TICK: Duration = Duration::from_secs(1);

/// What a thread knows that watches a run.
pub(crate) struct Watch {
    level: Level,
    deadline: Option<Instant>,
    seen: u64,
    since: Instant,
    patience: Duration,
}

impl Watch {
    pub(crate) fn new(level: Level, deadline: Option<Instant>) -> Self {
        Self { level, deadline, seen: 0, since: Instant::now(), patience: PATIENCE }
    }

    /// Whether the whole run is out of time.
    pub(crate) fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Whether it can ever be.
    pub(crate) fn may_be_over(&self) -> bool {
        self.deadline.is_some()
    }

    /// This long, or less if the whole run has less time left.
    pub(crate) fn at_most(&self, limit: Duration) -> Duration {
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        left.map_or(limit, |left| left.min(limit))
    }

    /// Says which handler hangs, if one does, and how long to wait before the next look, `limit` being that of the handler.
    pub(crate) fn look(&mut self, now: Instant, limit: Option<Instant>) -> Duration {
        let (serial, running) = registry::running();
        if serial != self.seen {
            (self.seen, self.since, self.patience) = (serial, now, PATIENCE);
        }
        let elapsed = now.duration_since(self.since);
        if let Some(label) = running.filter(|_| elapsed >= self.patience) {
            self.patience *= 2;
            if self.level >= Level::Error {
                let blocked = if platform::exit_thread_pauses() {
                    "; it seems to have called std::process::exit, which blocks for ever here: call atexit_core::exit"
                } else {
                    ""
                };
                let seconds = elapsed.as_secs();
                platform::write_stderr(&format!(
                    "at_exit: {} has been running for {seconds} s{blocked}\n",
                    label.info()
                ));
            }
        }
        let next = [limit, self.deadline].into_iter().flatten().map(|at| at.saturating_duration_since(now)).min();
        next.unwrap_or(TICK).min(TICK)
    }
}
