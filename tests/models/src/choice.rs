//! Owns the choice of who takes the next step, as determined by a seed; must not know what a step is.

use crate::world::Id;

/// Who takes the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Thread(Id),
    /// Time passes: the next wait is over.
    Clock,
}

pub(crate) struct Choice {
    pub(crate) random: Random,
    manner: Manner,
    step: u64,
}

enum Manner {
    /// Anyone, at each step.
    Walk {
        /// How many times in four the running thread goes on.
        stays: u64,
        /// The clock advances once in this many steps; if `None`, never while a thread can run.
        clock: Option<u64>,
    },
    /// The lowest rank.
    Ranks {
        threads: Vec<i64>,
        clock: i64,
        /// The steps at which the running thread gets the lowest rank.
        changes: Vec<u64>,
        last: i64,
    },
}

impl Choice {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let manner = if random.below(2) == 0 {
            let clock = match random.below(3) {
                0 => None,
                1 => Some(64),
                _ => Some(8),
            };
            Manner::Walk { stays: random.below(4), clock }
        } else {
            let among = 64 << random.below(4); // most executions take about this many steps
            let changes = (0..random.below(5)).map(|_| random.below(among)).collect();
            Manner::Ranks { threads: Vec::new(), clock: random.rank(), changes, last: i64::MAX / 2 }
        };
        Self { random, manner, step: 0 }
    }

    /// From now on the clock advances only when no thread can run.
    pub(crate) fn stop_the_clock(&mut self) {
        match &mut self.manner {
            Manner::Walk { clock, .. } => *clock = None,
            Manner::Ranks { clock, .. } => *clock = i64::MAX,
        }
    }

    pub(crate) fn thread_begins(&mut self) {
        if let Manner::Ranks { threads, .. } = &mut self.manner {
            threads.push(self.random.rank());
        }
    }

    /// Chooses one of those that are ready, or the clock if something waits for it. `None` if there is neither.
    pub(crate) fn next(&mut self, running: Id, ready: &[Id], may_wait: bool) -> Option<Next> {
        if ready.is_empty() {
            return may_wait.then_some(Next::Clock);
        }
        self.step += 1;
        let random = &mut self.random;
        match &mut self.manner {
            Manner::Walk { clock: Some(clock), .. } if may_wait && random.below(*clock) == 0 => Some(Next::Clock),
            Manner::Walk { stays, .. } if ready.contains(&running) && random.below(4) < *stays => {
                Some(Next::Thread(running))
            }
            Manner::Walk { .. } => {
                let at = random.below(ready.len() as u64);
                ready.get(usize::try_from(at).ok()?).copied().map(Next::Thread)
            }
            Manner::Ranks { threads, clock, changes, last } => {
                if changes.contains(&self.step) {
                    *last += 1;
                    threads[running] = *last;
                }
                let first = ready.iter().copied().min_by_key(|&id| threads[id])?;
                if may_wait && *clock < threads[first] {
                    // It would overtake the threads again and again.
                    *last += 1;
                    *clock = *last;
                    return Some(Next::Clock);
                }
                Some(Next::Thread(first))
            }
        }
    }
}

/// Numbers that look random, but are the same for the same seed (this is `SplitMix64`).
pub(crate) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn rank(&mut self) -> i64 {
        i64::from((self.next() >> 32) as u32)
    }
}
