//! Owns the proof that the initializations agree with a model of threads that ask for each other's values, and that no threads wait for each
//! other.
//!
//! In the model, each thread has a stack of initializations, and waits for at most one cell. A suspended initialization is on no thread's stack.

use std::panic::Location;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

const CELLS: usize = 5;
const THREADS: usize = 4;
const PHASES: [Phase; 2] = [Phase::Value, Phase::Last];

/// What happens.
#[derive(Clone, Debug)]
enum Step {
    /// A thread asks for a value, and waits for it if it may.
    Ask {
        thread: usize,
        cell: usize,
        in_handler: bool,
    },
    /// A future asks for it on that thread, and does not wait there.
    AskAsync {
        thread: usize,
        cell: usize,
    },
    Succeed(usize),
    Fail(usize),
    Suspend(usize),
    Resume {
        cell: usize,
        thread: usize,
    },
    Leave(usize),
    GiveUp(usize),
    Close(Phase),
    /// The process is a forked child, which has only this thread.
    Fork(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (thread, cell) = (0..THREADS, 0..CELLS);
    prop_oneof![
        8 => (thread.clone(), cell.clone(), any::<bool>())
            .prop_map(|(thread, cell, in_handler)| Step::Ask { thread, cell, in_handler }),
        2 => (thread.clone(), cell.clone()).prop_map(|(thread, cell)| Step::AskAsync { thread, cell }),
        2 => cell.clone().prop_map(Step::Succeed),
        3 => cell.clone().prop_map(Step::Fail),
        2 => cell.clone().prop_map(Step::Suspend),
        2 => (thread.clone(), cell.clone()).prop_map(|(thread, cell)| Step::Resume { cell, thread }),
        1 => thread.clone().prop_map(Step::Leave),
        1 => cell.prop_map(Step::GiveUp),
        1 => select(&PHASES[..]).prop_map(Step::Close),
        1 => thread.prop_map(Step::Fork),
    ]
}

/// The phase of a cell.
fn phase(cell: usize) -> Phase {
    PHASES[cell % PHASES.len()]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    thread: usize,
    progress: Progress,
}

#[derive(Default)]
struct Model {
    /// By cell.
    runs: [Option<Run>; CELLS],
    made: [bool; CELLS],
    closed: Vec<Phase>,
    /// By thread.
    waits_for: [Option<usize>; THREADS],
}

impl Model {
    /// A chain of initializations, each waiting for the next, beginning with this one.
    fn before(&self, cell: usize) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        let mut next = Some(cell);
        while let Some(run) = next.and_then(|cell| self.runs[cell]) {
            if runs.contains(&run) || runs.len() == CELLS {
                break;
            }
            runs.push(run);
            next = if run.progress == Progress::Suspended { None } else { self.waits_for[run.thread] };
        }
        runs
    }

    fn ask(&mut self, thread: usize, cell: usize, in_handler: bool) -> Result<Option<Begun>, Refusal> {
        if self.made[cell] {
            return Ok(Some(Begun::Made));
        }
        if self.closed.contains(&phase(cell)) {
            return Err(Refusal::TooLate);
        }
        let Some(run) = self.runs[cell] else {
            self.runs[cell] = Some(Run { thread, progress: Progress::Runs });
            return Ok(Some(Begun::Mine));
        };
        let before = self.before(cell);
        if run.thread == thread {
            Err(if run.progress == Progress::Suspended { Refusal::Suspended } else { Refusal::Itself })
        } else if run.progress == Progress::Suspended {
            Ok(None)
        } else if before.iter().any(|run| run.thread == thread) {
            Err(Refusal::EachOther)
        } else if in_handler && before.iter().any(|run| run.progress == Progress::Exiting) {
            Err(Refusal::Exiting)
        } else {
            Ok(None)
        }
    }

    /// Whether a thread can take a step: one that waits or exits cannot.
    fn is_free(&self, thread: usize) -> bool {
        let is_left = |run: &Run| run.thread == thread && run.progress == Progress::Exiting;
        self.waits_for[thread].is_none() && !self.runs.iter().flatten().any(is_left)
    }

    /// The innermost one that runs on its thread is the only one that can end, or be suspended.
    fn can_go_on(&self, order: &[usize], cell: usize) -> bool {
        let Some(run) = self.runs[cell] else { return false };
        let is_there = |other: &&usize| {
            self.runs[**other].is_some_and(|other| other.thread == run.thread && other.progress != Progress::Suspended)
        };
        self.is_free(run.thread) && (run.progress == Progress::Suspended || order.iter().rfind(is_there) == Some(&cell))
    }

    fn can_succeed(&self, order: &[usize], cell: usize) -> bool {
        let is_suspended = self.runs[cell].is_some_and(|run| run.progress == Progress::Suspended);
        !is_suspended && self.can_go_on(order, cell)
    }

    fn can_end(&self, cell: usize, me: usize) -> bool {
        self.before(cell).iter().all(|run| run.progress == Progress::Runs && run.thread != me)
    }
}

struct Both {
    model: Model,
    tested: Initializations,
    cells: [CellId; CELLS],
    threads: [ThreadToken; THREADS],
    /// In which order they began, or were last resumed.
    order: Vec<usize>,
}

impl Both {
    fn new() -> Self {
        let cells = std::array::from_fn(|at| CellId(at + 1));
        let threads = std::array::from_fn(|_| ThreadToken::new());
        Self { model: Model::default(), tested: Initializations::new(), cells, threads, order: Vec::new() }
    }

    /// As `begin` does it until it has to wait.
    fn ask(&mut self, thread: usize, cell: usize, in_handler: bool) -> Result<Option<Begun>, Refusal> {
        let options = Options { phase: phase(cell), ..Options::at(Location::caller()) };
        let (id, me, made) = (self.cells[cell], self.threads[thread], self.model.made[cell]);
        let begun = self.tested.try_begin(id, &options, me, &|| made)?;
        if begun == Some(Begun::Mine) {
            self.order.push(cell);
        }
        match self.tested.refusal(id, me, in_handler).filter(|_| begun.is_none()) {
            Some(refusal) => Err(refusal),
            None => Ok(begun),
        }
    }

    fn ends(&mut self, cell: usize) {
        self.model.runs[cell] = None;
        self.tested.remove(self.cells[cell]);
        self.order.retain(|other| *other != cell);
        // Those that wait for it look again, and ask again as a rule.
        for thread in 0..THREADS {
            if self.model.waits_for[thread] == Some(cell) {
                self.model.waits_for[thread] = None;
                self.tested.set_waits_for(self.threads[thread], None);
            }
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Ask { thread, cell, in_handler } if self.model.is_free(thread) => {
                let expected = self.model.ask(thread, cell, in_handler);
                assert_eq!(self.ask(thread, cell, in_handler), expected);
                if expected == Ok(None) {
                    let initializes = self
                        .model
                        .runs
                        .iter()
                        .flatten()
                        .any(|run| run.thread == thread && run.progress != Progress::Suspended);
                    self.model.waits_for[thread] = Some(cell);
                    assert_eq!(self.tested.set_waits_for(self.threads[thread], Some(self.cells[cell])), initializes);
                    assert!(!self.tested.set_waits_for(self.threads[thread], Some(self.cells[cell])));
                }
            }
            Step::AskAsync { thread, cell } if self.model.is_free(thread) => {
                assert_eq!(self.ask(thread, cell, false), self.model.ask(thread, cell, false));
            }
            Step::Succeed(cell) if self.model.can_succeed(&self.order, cell) => {
                self.model.made[cell] = true;
                self.ends(cell);
            }
            Step::Fail(cell) if self.model.can_go_on(&self.order, cell) => self.ends(cell),
            Step::Suspend(cell) if self.model.can_go_on(&self.order, cell) => {
                self.tested.suspend(self.cells[cell]);
                if let Some(run) = self.model.runs[cell].as_mut().filter(|run| run.progress == Progress::Runs) {
                    run.progress = Progress::Suspended;
                }
            }
            Step::Resume { cell, thread } if self.model.is_free(thread) => self.resume(cell, thread),
            Step::Leave(thread) if self.model.is_free(thread) => {
                self.tested.leave(self.threads[thread]);
                for run in self.model.runs.iter_mut().flatten() {
                    if run.thread == thread && run.progress == Progress::Runs {
                        run.progress = Progress::Exiting;
                    }
                }
            }
            Step::GiveUp(cell) => {
                if let Some(at) = self.tested.position(self.cells[cell]) {
                    if self.tested.can_end(at, ThreadToken::new()) {
                        self.tested.under_way[at].progress = Progress::GivenUp;
                        self.model.runs[cell].as_mut().expect("it is under way").progress = Progress::GivenUp;
                    }
                }
            }
            Step::Close(phase) => {
                self.tested.close(phase);
                self.model.closed.push(phase);
            }
            Step::Fork(thread) if self.model.is_free(thread) => self.fork(thread),
            _ => {}
        }
    }

    fn resume(&mut self, cell: usize, thread: usize) {
        let is_closed = self.model.closed.contains(&phase(cell));
        let run = self.model.runs[cell].as_mut();
        if run.as_ref().is_some_and(|run| ![Progress::Suspended, Progress::GivenUp].contains(&run.progress)) {
            return; // it is being polled
        }
        let goes_on = run.filter(|run| run.progress == Progress::Suspended && !is_closed);
        assert_eq!(self.tested.resume(self.cells[cell], self.threads[thread]), goes_on.is_some());
        if let Some(run) = goes_on {
            *run = Run { thread, progress: Progress::Runs };
            self.order.retain(|other| *other != cell);
            self.order.push(cell);
        }
    }

    fn fork(&mut self, thread: usize) {
        self.threads[thread].adopt();
        self.tested.forget_foreign_in_child();
        self.tested.open_in_child();
        self.model.closed.clear();
        self.model.waits_for = [None; THREADS];
        for cell in 0..CELLS {
            if self.model.runs[cell].is_some_and(|run| run.thread != thread) {
                self.model.runs[cell] = None;
                self.order.retain(|other| *other != cell);
            }
        }
    }

    fn agree(&self) {
        let stranger = ThreadToken::new();
        for cell in 0..CELLS {
            let at = self.tested.position(self.cells[cell]);
            assert_eq!(at.is_some(), self.model.runs[cell].is_some(), "whether {cell} is under way");
            let (Some(at), Some(run)) = (at, self.model.runs[cell]) else { continue };
            assert_eq!(self.tested.under_way[at].progress, run.progress, "of {cell}");
            for (me, token) in self.threads.iter().copied().chain([stranger]).enumerate() {
                assert_eq!(self.tested.can_end(at, token), self.model.can_end(cell, me), "whether {cell} can end");
            }
        }
        assert_eq!(self.tested.are_under_way(), self.model.runs.iter().any(Option::is_some));
        // From each one that waits, a chain leads to one that does not: no threads wait in a circle.
        for cell in 0..CELLS {
            let last = self.model.before(cell).last().copied();
            let waits =
                last.filter(|run| run.progress != Progress::Suspended).and_then(|run| self.model.waits_for[run.thread]);
            assert_eq!(waits, None, "{cell} waits in a circle");
        }
    }
}

proptest! {
    #[test]
    fn who_may_wait_for_whom_is_as_in_the_model(steps in prop::collection::vec(step(), 1..60)) {
        let mut both = Both::new();
        for step in &steps {
            both.take(step);
            both.agree();
        }
    }
}

#[test]
fn memory_is_given_back_and_what_is_closed_stays_closed() {
    let mut values = Initializations::new();
    values.close(Phase::Value);
    assert!(values.wait(CellId(1), &mut None, std::task::Waker::noop().clone()).is_none());
    assert!(values.is_full());
    values.under_way.reserve(1);
    assert!(!values.is_full());
    drop(values.take_memory());
    assert!(values.is_full() && values.wakers.capacity() == 0);
    assert_eq!(values.is_closed.iter().filter(|closed| **closed).count(), 1);
    values.close_all();
    assert!(values.is_closed.iter().all(|closed| *closed));
}
