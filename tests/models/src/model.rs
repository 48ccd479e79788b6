//! Owns how a model is explored, and how its outcome is examined; must not know how the world works.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake};
use std::time::Duration;

use crate::world::{Place, execute, say, step, wait, wake};

/// How many executions of each model are explored, unless `MODELS_EXECUTIONS` says otherwise.
const EXECUTIONS: u64 = 5_000;

/// A handler that reports its start and its end, so that everything in between can be seen.
pub fn handler(name: &'static str) -> impl FnOnce() + Send + 'static {
    move || {
        say(format!("{name} begins"));
        step("inside a handler");
        say(format!("{name} ends"));
    }
}

/// Runs a future to completion on this thread.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let bell = Arc::new(Bell::default());
    let waker = Arc::clone(&bell).into();
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        while !bell.is_rung.swap(false, Ordering::SeqCst) {
            wait(Place::of(&*bell), None);
        }
    }
}

#[derive(Default)]
struct Bell {
    is_rung: AtomicBool,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.is_rung.store(true, Ordering::SeqCst);
        wake(Place::of(&*self));
    }
}

/// An execution, as seen from outside.
#[derive(Debug)]
pub struct Seen {
    /// What was reported.
    pub lines: Vec<String>,
    /// What the library wrote to stderr.
    pub stderr: String,
    /// The exit status.
    pub status: i32,
    /// How long the process lived.
    pub lived: Duration,
}

impl Seen {
    /// The line of this report.
    pub fn at(&self, line: &str) -> Option<usize> {
        self.lines.iter().position(|said| said == line)
    }

    /// How often this was reported.
    pub fn count(&self, line: &str) -> usize {
        self.lines.iter().filter(|said| *said == line).count()
    }

    /// Each of these handlers ran once, to its end, one at a time and in this order.
    ///
    /// # Panics
    ///
    /// If not.
    #[track_caller]
    pub fn ran_in_order(&self, names: &[&str]) {
        self.ran_one_by_one(names);
        let at = |name: &&str| self.at(&format!("{name} begins"));
        assert!(names.is_sorted_by_key(at), "another order than {names:?}: {self:?}");
    }

    /// Each of these handlers ran once, to its end, one at a time.
    ///
    /// # Panics
    ///
    /// If not.
    #[track_caller]
    pub fn ran_one_by_one(&self, names: &[&str]) {
        for name in names {
            let (begins, ends) = (format!("{name} begins"), format!("{name} ends"));
            assert!(self.count(&begins) == 1 && self.count(&ends) == 1, "{name} did not run once: {self:?}");
            let (begin, end) = (self.at(&begins), self.at(&ends));
            for other in names {
                let other_begins = self.at(&format!("{other} begins"));
                assert!(other == name || other_begins < begin || other_begins > end, "at a time: {self:?}");
            }
        }
    }
}

/// Explores executions of `model`, which is the main thread of a process, and has `check` examine the outcome of each.
///
/// # Panics
///
/// If an execution fails, never ends, or hangs; or if `check` does. Then stderr shows its steps. `MODELS_SEED` selects a single execution.
pub fn explore(model: fn(), check: fn(&Seen)) {
    // One at a time: the library keeps its state in statics.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let number = |name| std::env::var(name).ok().map(|value| value.parse().expect("a number"));
    let (first, count) = match number("MODELS_SEED") {
        Some(seed) => (seed, 1),
        None => (0, number("MODELS_EXECUTIONS").unwrap_or(EXECUTIONS)),
    };
    for seed in first..first + count {
        crate::begin_anew();
        let past = execute(seed, model);
        let looked = catch_unwind(AssertUnwindSafe(|| match &past.end {
            Ok(seen) => check(seen),
            Err(why) => panic!("{why}"),
        }));
        if let Err(payload) = looked {
            past.print_steps();
            eprintln!("These were the steps of MODELS_SEED={seed}");
            resume_unwind(payload);
        }
    }
}
