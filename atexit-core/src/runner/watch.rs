//! Owns what a thread checks that watches a run: whether the deadline is over, and whether a handler hangs, or the observer that is told of
//! it; must not know on which thread handlers run.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use super::record::RunContext;
use crate::handler::facts::Label;
use crate::log::Log;
use crate::registry;
use crate::sys::sync::Instant;
use crate::sys::{DeadEnd, VainWait};

/// How long a handler without a limit runs before a line on standard error names it; the next lines come after twice as
/// long each.
const NOTICE_AFTER: Duration = Duration::from_secs(10);

/// How often a watcher looks whether the handlers move on. They leave no time stamps: reading a clock takes longer than most of them.
pub(crate) const TICK: Duration = Duration::from_millis(500);

/// For how long something has to wait in vain, as it seems, to do so for certain.
const CERTAIN: Duration = Duration::from_secs(1);

/// Of which event of the handler that is running the observer is being told, if it is. Nothing else is published with it, and where an
/// observer was left behind, it is a guess.
static TOLD: AtomicU8 = AtomicU8::new(NONE);
const NONE: u8 = 0;
const STARTED: u8 = 1;
const FINISHED: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandlerEvent {
    Started,
    Finished,
}

/// Tells the observer of an event of a handler, by `observe`.
pub(crate) fn tell(event: HandlerEvent, observe: impl FnOnce()) {
    let number = match event {
        HandlerEvent::Started => STARTED,
        HandlerEvent::Finished => FINISHED,
    };
    TOLD.store(number, Ordering::Relaxed);
    observe();
    TOLD.store(NONE, Ordering::Relaxed);
}

pub(crate) fn event_being_told() -> Option<HandlerEvent> {
    match TOLD.load(Ordering::Relaxed) {
        STARTED => Some(HandlerEvent::Started),
        FINISHED => Some(HandlerEvent::Finished),
        _ => None,
    }
}

/// What a watching thread remembers.
pub(crate) struct Watch {
    log: Log,
    /// Why a handler may hang: what waits for it meanwhile.
    waiting: fn() -> String,
    deadline: Option<Instant>,
    /// Which handler was running at the last look, and since when, as far as one knows.
    seen: u64,
    since: Instant,
    patience: Duration,
    next_look: Instant,
    suspicion: Suspicion,
}

/// Since when somebody seems to wait in vain, and who.
#[derive(Default)]
pub(crate) struct Suspicion(Option<(VainWait, (u64, u64), Instant)>);

impl Suspicion {
    /// Whether what was found now is certain by now.
    pub(crate) fn becomes_certain(&mut self, who: (u64, u64), found: Option<VainWait>, now: Instant) -> bool {
        let Some(found) = found else {
            self.0 = None;
            return false;
        };
        let same = self.0.filter(|&(before, whom, _)| before == found && whom == who);
        if same.is_none() {
            self.0 = Some((found, who, now));
        }
        same.is_some_and(|(.., since)| now.duration_since(since) >= CERTAIN)
    }
}

/// A handler that will never go on.
pub(crate) struct Stuck {
    pub(crate) handler: Label,
    pub(crate) dead_end: DeadEnd,
    pub(crate) elapsed: Duration,
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

    /// Looks at the handler that is running. Says on standard error that it hangs, if it does. Returns what it waits for in
    /// vain, as `vain_wait` has found, once that is certain.
    pub(crate) fn look(&mut self, now: Instant, vain_wait: impl FnOnce() -> Option<VainWait>) -> Option<Stuck> {
        self.next_look = now.checked_add(TICK).unwrap_or(now);
        let (serial, running) = registry::running();
        if serial != self.seen {
            (self.seen, self.since, self.patience) = (serial, now, NOTICE_AFTER);
        }
        let elapsed = now.duration_since(self.since);
        let handler = running.filter(|_| !elapsed.is_zero())?;
        let found = vain_wait();
        if self.suspicion.becomes_certain((0, serial), found, now) {
            return found.map(|VainWait { dead_end, .. }| Stuck { handler, dead_end, elapsed });
        }
        // Where nobody reads it, it is tried again at the next look.
        let who = if event_being_told().is_some() { "the observer of " } else { "" };
        if elapsed >= self.patience && self.log.hangs(who, &handler.info(), elapsed, &(self.waiting)()) {
            self.patience *= 2;
        }
        None
    }
}
