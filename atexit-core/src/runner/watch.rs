//! Owns what a thread checks that watches a run: whether the deadline is over, and whether a handler hangs; must not know on which thread
//! handlers run.

use std::time::Duration;

use super::record::RunContext;
use crate::log::Log;
use crate::registry;
use crate::sys::sync::Instant;

/// How long a handler without a limit runs before a line on standard error names it; the next lines come after twice as
/// long each.
const NOTICE_AFTER: Duration = Duration::from_secs(10);

/// How often a watcher looks whether the handlers move on. They leave no time stamps: reading a clock takes longer than most of them.
const TICK: Duration = Duration::from_secs(1);

/// What a watching thread remembers.
pub(crate) struct Watch {
    log: Log,
    deadline: Option<Instant>,
    /// Which handler was running at the last look, and since when, as far as one knows.
    seen: u64,
    since: Instant,
    patience: Duration,
    next_look: Instant,
}

impl Watch {
    pub(crate) fn new(context: &RunContext) -> Self {
        let now = Instant::now();
        let RunContext { log, deadline, .. } = *context;
        Self { log, deadline, seen: 0, since: now, patience: NOTICE_AFTER, next_look: now }
    }

    /// Whether the whole run is out of time.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| now >= deadline)
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

    /// How long there is nothing to do: until the next look, the deadline, or the limit of the handler that runs, if it has one. `None`:
    /// it is time to look.
    pub(crate) fn pause(&self, now: Instant, limit: Option<Instant>) -> Option<Duration> {
        let next = [limit, self.deadline].into_iter().flatten().fold(self.next_look, Instant::min);
        (now < self.next_look).then(|| next.saturating_duration_since(now))
    }

    /// Says which handler hangs, if one does; `in_std_exit` finds out whether that is because it has called std's `exit`.
    pub(crate) fn look(&mut self, now: Instant, in_std_exit: impl FnOnce() -> bool) {
        self.next_look = now.checked_add(TICK).unwrap_or(now);
        let (serial, running) = registry::running();
        if serial != self.seen {
            (self.seen, self.since, self.patience) = (serial, now, NOTICE_AFTER);
        }
        let elapsed = now.duration_since(self.since);
        let Some(label) = running.filter(|_| elapsed >= self.patience) else { return };
        // Where nobody reads it, it is tried again at the next look.
        if self.log.hangs(&label.info(), elapsed, in_std_exit()) {
            self.patience *= 2;
        }
    }
}
