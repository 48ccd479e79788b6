//! Owns what a thread that watches a run checks: whether the deadline is over, and whether a handler hangs, or the observer of it; must not
//! know on which thread handlers run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::record::RunContext;
use crate::config::Config;
use crate::handler::facts::Label;
use crate::log::Log;
use crate::registry;
use crate::report::News;
use crate::sys::sync::Instant;
use crate::sys::{self, DeadEnd, VainWait};

/// How many seconds a handler runs before a line on standard error names it. Each further line comes after twice as long.
const NOTICE_AFTER: u64 = 10;

/// How often a watcher checks whether handlers make progress. They leave no time stamps: reading a clock takes longer than most handlers.
pub(crate) const TICK: Duration = Duration::from_millis(500);

/// How long a thread must seem to wait in vain before this is certain.
const CERTAIN: Duration = Duration::from_secs(1);

/// Whether the observer is being told that a handler starts, or that it has ended. `Relaxed`: it publishes nothing else. After an observer was
/// left behind, it is a guess.
static IS_TELLING: AtomicBool = AtomicBool::new(false);

/// Tells the observer, if there is one, an event of a handler.
pub(crate) fn tell(config: &Config, news: News<'_>) {
    IS_TELLING.store(true, Ordering::Relaxed);
    config.observe(news);
    IS_TELLING.store(false, Ordering::Relaxed);
}

pub(crate) fn is_telling() -> bool {
    IS_TELLING.load(Ordering::Relaxed)
}

/// The earlier of two instants, if there are two.
pub(crate) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) if other < one => Some(other),
        (None, _) => other,
        _ => one,
    }
}

/// What a watching thread remembers.
pub(crate) struct Watch {
    log: Log,
    /// Says why a handler may hang: what waits for it meanwhile.
    waiting: fn() -> String,
    deadline: Option<Instant>,
    /// Which handler was running at the last look, and since when, as far as is known.
    seen: u64,
    since: Instant,
    patience: u64,
    next_look: Instant,
    suspicion: Suspicion,
}

/// Which thread seems to wait in vain, in which handler, and since when.
#[derive(Default)]
pub(crate) struct Suspicion(Option<(VainWait, (u64, u64), Instant)>);

impl Suspicion {
    /// Whether what was found is certain by now: the same wait, of the same thread in the same handler, for long enough. `who` is their numbers;
    /// for a watch, there is only one thread.
    pub(crate) fn becomes_certain(&mut self, who: (u64, u64), found: Option<VainWait>, now: Instant) -> bool {
        match (self.0, found) {
            (Some((before, whom, since)), Some(found)) if before == found && whom == who => {
                now.duration_since(since) >= CERTAIN
            }
            _ => {
                self.0 = found.map(|found| (found, who, now));
                false
            }
        }
    }
}

/// A handler that the run goes on without.
pub(crate) struct Lost {
    pub(crate) handler: Label,
    pub(crate) elapsed: Duration,
    /// What keeps it forever; `None` if it has only exceeded its limit.
    pub(crate) dead_end: Option<DeadEnd>,
}

impl Watch {
    pub(crate) fn new(context: &RunContext, waiting: fn() -> String) -> Self {
        let now = Instant::now();
        let RunContext { log, deadline, .. } = *context;
        Self {
            log,
            waiting,
            deadline,
            seen: 0,
            since: now,
            patience: NOTICE_AFTER,
            next_look: now,
            suspicion: Suspicion::default(),
        }
    }

    /// Whether the whole run is out of time.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| now >= deadline)
    }

    /// Whether the run has a deadline at all.
    pub(crate) fn has_deadline(&self) -> bool {
        self.deadline.is_some()
    }

    /// This long, or less if the whole run has less time left.
    #[inline(never)] // otherwise the loop that calls it is unrolled, with a copy for each turn
    pub(crate) fn at_most(&self, limit: Duration) -> Duration {
        match self.deadline {
            Some(deadline) => deadline.saturating_duration_since(Instant::now()).min(limit),
            None => limit,
        }
    }

    /// How long there is nothing to do: until the next look, the deadline, or the limit of the running handler, if it has one. `None`: it is
    /// time to look.
    pub(crate) fn pause(&self, now: Instant, limit: Option<Instant>) -> Option<Duration> {
        if now >= self.next_look {
            return None;
        }
        let next = earlier(Some(self.next_look), earlier(limit, self.deadline))?;
        Some(next.saturating_duration_since(now))
    }

    /// Looks at the running handler, and says on standard error if it hangs. Returns it once it is certain that it waits in vain, if the system
    /// can be asked about its thread.
    pub(crate) fn look(&mut self, now: Instant, thread_id: Option<u64>) -> Option<Lost> {
        self.next_look = now.checked_add(TICK).unwrap_or(now);
        let (serial, running) = registry::running();
        if serial != self.seen {
            (self.seen, self.since, self.patience) = (serial, now, NOTICE_AFTER);
        }
        let elapsed = now.duration_since(self.since);
        let handler = running?;
        if elapsed.is_zero() {
            return None;
        }
        let found = if let Some(thread_id) = thread_id { sys::vain_wait(thread_id) } else { None };
        if self.suspicion.becomes_certain((0, serial), found, now) {
            return Some(Lost { handler, elapsed, dead_end: Some(found?.dead_end) });
        }
        // If nobody reads the line, the next look tries again.
        let who = if is_telling() { "the observer of " } else { "" };
        if elapsed.as_secs() >= self.patience && self.log.hangs(who, &handler.info(), elapsed, &(self.waiting)()) {
            self.patience *= 2;
        }
        None
    }
}
