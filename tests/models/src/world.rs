//! Owns the world that a model runs in: threads that take one step at a time, in an order determined by a seed, a clock, and everything seen
//! from outside; must not know the library.
//!
//! A thread is a coroutine, so that thousands of executions take a second. It runs until its next [`step`]; then any thread may continue. Time
//! passes only when the clock is chosen, as if it were a thread: then it jumps to the end of the next wait. So every thread may be arbitrarily
//! slow, and every wait may end too early.
//!
//! Half of the executions are walks, which choose any thread at each step. In the others each thread has a rank; the first that can run
//! does, and at a few random steps the running thread gets the lowest rank. (This is known as PCT. It finds mistakes soon that need only a
//! few such changes, as most do.)

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use corosensei::{Coroutine, Yielder};

use crate::choice::{Choice, Next};
use crate::model::Seen;
use crate::process::{self, Exits};

/// No execution needs nearly as many. One that takes more does not end.
const STEPS: usize = 20_000;

/// A thread of the execution.
pub type Id = usize;

/// What a thread waits for: something at an address, or the end of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(usize);

impl Place {
    /// Where nothing ever happens.
    pub(crate) const NOWHERE: Self = Self(0);

    pub(crate) fn of<T>(thing: &T) -> Self {
        Self(std::ptr::from_ref(thing).addr())
    }

    // No real address is this low.

    pub(crate) fn of_stream(descriptor: usize) -> Self {
        Self(descriptor)
    }

    pub(crate) fn end_of(thread: Id) -> Self {
        Self(thread + 10)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ready,
    Waiting { at: Place, until: Option<Duration> },
    Over,
}

struct Thread {
    name: String,
    state: State,
    /// How many locks it holds.
    holds: isize,
    locals: Vec<Local>,
    /// Lets the coroutine yield, once it has begun.
    yielder: *const Yielder<(), ()>,
}

struct Local {
    at: Place,
    /// `None` once it is dropped.
    value: Option<Rc<dyn Any>>,
    needs_drop: bool,
}

/// A step that a thread has taken, for the report of a failed execution.
struct Step {
    thread: Id,
    what: &'static str,
    at: &'static Location<'static>,
}

#[derive(Clone, Debug)]
enum End {
    Process(i32),
    Failure(String),
}

#[expect(clippy::struct_excessive_bools, reason = "each says on its own what this world lacks, or has")]
struct Execution {
    threads: Vec<Thread>,
    /// Threads that were spawned since the last step.
    newborn: Vec<Coroutine<(), (), ()>>,
    running: Id,
    now: Duration,
    choice: Choice,
    steps: Vec<Step>,
    end: Option<End>,
    /// It has ended, and the remaining threads are being unwound.
    over: bool,
    exits: Exits,
    /// Which thread has the lock of the stream with this descriptor.
    streams: [Option<Id>; 3],
    lacks_threads: bool,
    has_last_resort: bool,
    lacks_reader: bool,
    lines: Vec<String>,
    stderr: String,
}

thread_local! {
    static EXECUTION: RefCell<Option<Execution>> = const { RefCell::new(None) };
}

/// Between executions there is none, and nothing counts as a step.
fn if_any<R>(f: impl FnOnce(&mut Execution) -> R) -> Option<R> {
    EXECUTION.with_borrow_mut(|execution| execution.as_mut().map(f))
}

fn with<R>(f: impl FnOnce(&mut Execution) -> R) -> R {
    if_any(f).expect("this belongs into a model")
}

/// Whether there is an execution.
pub(crate) fn is_on() -> bool {
    if_any(|_| ()).is_some()
}

impl Execution {
    fn me(&mut self) -> &mut Thread {
        &mut self.threads[self.running]
    }
}

// ---- What threads do ---------------------------------------------------------------------------------------------

/// Lets any other thread continue. Not while this one unwinds, because all threads share one count of panics.
#[track_caller]
pub fn step(what: &'static str) {
    let at = Location::caller();
    let goes_on = if_any(|execution| {
        execution.steps.push(Step { thread: execution.running, what, at });
    });
    if goes_on.is_some() && !std::thread::panicking() {
        suspend();
    }
}

/// Waits until something [`wake`]s this place, or until then.
#[track_caller]
pub(crate) fn wait(at: Place, until: Option<Duration>) {
    let caller = Location::caller();
    assert!(!std::thread::panicking(), "a thread waits while it unwinds, at {caller}");
    with(|execution| {
        execution.steps.push(Step { thread: execution.running, what: "wait", at: caller });
        let until = until.filter(|&until| until < Duration::MAX);
        execution.me().state = State::Waiting { at, until };
    });
    suspend();
}

pub(crate) fn wake(place: Place) {
    if_any(|execution| {
        for thread in &mut execution.threads {
            if matches!(thread.state, State::Waiting { at, .. } if at == place) {
                thread.state = State::Ready;
            }
        }
    });
}

fn suspend() {
    let yielder = with(|execution| execution.me().yielder);
    // SAFETY: it is on the stack of its coroutine, which is the one running here, and set it when it began.
    unsafe { &*yielder }.suspend(());
}

/// Takes a lock, or releases it. A thread that has one continues for a little, even if the process ends: others might need it to unwind.
pub(crate) fn hold(change: isize) {
    if_any(|execution| execution.me().holds += change);
}

pub(crate) fn spawn(name: &str, f: impl FnOnce() + 'static) -> Id {
    let id = with(|execution| {
        execution.choice.thread_begins();
        execution.threads.push(Thread {
            name: name.to_owned(),
            state: State::Ready,
            holds: 0,
            locals: Vec::new(),
            yielder: std::ptr::null(),
        });
        execution.threads.len() - 1
    });
    let coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        with(|execution| execution.threads[id].yielder = yielder);
        let end = catch_unwind(AssertUnwindSafe(|| {
            f();
            drop_locals();
        }));
        match end {
            Ok(()) => with(|execution| execution.threads[id].state = State::Over),
            Err(_) if with(|execution| execution.over) => {}
            Err(_) => fail("a thread has panicked"),
        }
        wake(Place::end_of(id));
    });
    with(|execution| execution.newborn.push(coroutine));
    id
}

/// The number of this thread.
pub fn me() -> Id {
    with(|execution| execution.running)
}

pub(crate) fn is_over(thread: Id) -> bool {
    with(|execution| execution.threads[thread].state == State::Over)
}

pub(crate) fn now() -> Duration {
    if_any(|execution| execution.now).unwrap_or_default()
}

pub(crate) fn has_local(place: Place) -> bool {
    with(|execution| execution.me().locals.iter().any(|local| local.at == place))
}

pub(crate) fn add_local(at: Place, value: Rc<dyn Any>, needs_drop: bool) {
    with(|execution| execution.me().locals.push(Local { at, value: Some(value), needs_drop }));
}

pub(crate) fn local(place: Place) -> Option<Rc<dyn Any>> {
    with(|execution| execution.me().locals.iter().find(|local| local.at == place)?.value.clone())
}

/// Drops the thread-locals of this thread, as the end of a thread and C's `exit` do.
pub(crate) fn drop_locals() {
    while let Some(value) = with(|execution| {
        let last = execution.me().locals.iter_mut().rev().find(|local| local.needs_drop && local.value.is_some())?;
        last.value.take()
    }) {
        drop(value);
    }
}

pub(crate) fn exits<R>(f: impl FnOnce(&mut Exits) -> R) -> R {
    with(|execution| f(&mut execution.exits))
}

/// Ends the process.
pub(crate) fn end(status: i32) -> ! {
    finish(End::Process(status))
}

/// Reports that something forbidden has happened.
pub fn fail(why: &str) -> ! {
    finish(End::Failure(why.to_owned()))
}

fn finish(end: End) -> ! {
    with(|execution| {
        execution.end.get_or_insert(end);
    });
    hang()
}

pub(crate) fn streams<R>(f: impl FnOnce(&mut [Option<Id>; 3]) -> R) -> R {
    with(|execution| f(&mut execution.streams))
}

// ---- What models do ----------------------------------------------------------------------------------------------

/// Prints to a stdout that only the model reads.
pub fn say(line: impl Into<String>) {
    if_any(|execution| execution.lines.push(line.into()));
}

pub(crate) fn complain(text: &str) {
    if_any(|execution| execution.stderr += text);
}

/// Returns one of these, which differs between executions.
///
/// # Panics
///
/// If there are none.
pub fn one_of<T: Copy>(all: &[T]) -> T {
    let at = with(|execution| execution.choice.random.below(all.len() as u64));
    all[usize::try_from(at).expect("it is below a `usize`")]
}

/// Returns the name of this thread.
pub fn thread_name() -> String {
    with(|execution| execution.me().name.clone())
}

/// Never returns.
pub fn hang() -> ! {
    loop {
        wait(Place::NOWHERE, None);
    }
}

/// From now on, time passes only when no thread can run.
pub fn threads_are_fast() {
    with(|execution| execution.choice.stop_the_clock());
}

/// From now on, half of the threads that the library asks for do not start.
pub fn threads_are_scarce() {
    with(|execution| execution.lacks_threads = true);
}

pub(crate) fn lacks_threads() -> bool {
    with(|execution| execution.lacks_threads && execution.choice.random.below(2) == 0)
}

/// From now on, the thread of last resort can start.
pub fn last_resort_counts() {
    with(|execution| execution.has_last_resort = true);
}

pub(crate) fn has_last_resort() -> bool {
    with(|execution| execution.has_last_resort)
}

/// From now on, everything that the library writes to stderr waits for a reader that never comes.
pub fn nobody_reads() {
    with(|execution| execution.lacks_reader = true);
}

pub(crate) fn lacks_reader() -> bool {
    if_any(|execution| execution.lacks_reader).unwrap_or_default()
}

// ---- What the world does -----------------------------------------------------------------------------------------

impl Execution {
    fn new(seed: u64) -> Self {
        let mut choice = Choice::new(seed);
        Self {
            threads: Vec::new(),
            newborn: Vec::new(),
            running: 0,
            now: Duration::ZERO,
            steps: Vec::new(),
            end: None,
            over: false,
            exits: Exits::new(choice.random.below(2) == 0),
            streams: [None; 3],
            lacks_threads: false,
            has_last_resort: false,
            lacks_reader: false,
            lines: Vec::new(),
            stderr: String::new(),
            choice,
        }
    }

    /// Which thread continues; `None` when the execution is over.
    fn next(&mut self) -> Option<Id> {
        loop {
            if self.steps.len() > STEPS && self.end.is_none() {
                self.end = Some(End::Failure(self.left("goes round in circles")));
            }
            let ready = |thread: &Thread| thread.state == State::Ready && (self.end.is_none() || thread.holds > 0);
            let ready: Vec<Id> = (0..self.threads.len()).filter(|&id| ready(&self.threads[id])).collect();
            let due = self.threads.iter().filter_map(|thread| match thread.state {
                State::Waiting { until, .. } => until,
                State::Ready | State::Over => None,
            });
            let due = due.min().filter(|_| self.end.is_none());
            match (self.choice.next(self.running, &ready, due.is_some()), due) {
                (Some(Next::Thread(id)), _) => {
                    self.running = id;
                    return Some(id);
                }
                (Some(Next::Clock), Some(due)) => self.go_on_to(due),
                _ if self.end.is_some() => return None,
                _ => self.end = Some(End::Failure(self.left("hangs"))),
            }
        }
    }

    fn go_on_to(&mut self, due: Duration) {
        self.now = self.now.max(due);
        for thread in &mut self.threads {
            if matches!(thread.state, State::Waiting { until: Some(until), .. } if until <= self.now) {
                thread.state = State::Ready;
            }
        }
    }

    fn past(&mut self) -> Past {
        self.over = true;
        let (lines, stderr) = (std::mem::take(&mut self.lines), std::mem::take(&mut self.stderr));
        let end = match self.end.take() {
            Some(End::Process(status)) => Ok(Seen { lines, stderr, status, lived: self.now }),
            Some(End::Failure(why)) => Err(why),
            None => Err("nobody has ended the process".to_owned()),
        };
        let names = self.threads.iter().map(|thread| thread.name.clone()).collect();
        Past { end, names, steps: std::mem::take(&mut self.steps) }
    }

    fn left(&self, what: &str) -> String {
        let left = self.threads.iter().filter(|thread| thread.state != State::Over);
        let names: Vec<&str> = left.map(|thread| thread.name.as_str()).collect();
        format!("the process {what}: {}", names.join(", "))
    }
}

/// What remains of an execution when it is over.
pub(crate) struct Past {
    /// Everything seen, or why it does not count.
    pub(crate) end: Result<Seen, String>,
    names: Vec<String>,
    steps: Vec<Step>,
}

impl Past {
    pub(crate) fn print_steps(&self) {
        for Step { thread, what, at } in &self.steps {
            let file = at.file().rsplit("../").next().unwrap_or_default();
            eprintln!("{thread} {}: {what} at {file}:{}", self.names[*thread], at.line());
        }
    }
}

/// Runs the execution of this seed.
pub(crate) fn execute(seed: u64, model: fn()) -> Past {
    EXECUTION.set(Some(Execution::new(seed)));
    spawn("main", move || {
        model();
        process::c_exit(0)
    });
    let newborn = || with(|execution| std::mem::take(&mut execution.newborn));
    let mut coroutines = newborn();
    while let Some(next) = with(Execution::next) {
        coroutines[next].resume(());
        coroutines.append(&mut newborn());
    }
    let past = with(Execution::past);
    if with(|execution| execution.threads.iter().any(|thread| thread.holds > 0)) {
        std::mem::forget(coroutines); // they wait for each other, so none can be unwound without the other
    } else {
        // The remaining threads are unwound, even out of the library's `catch_unwind`: the next step unwinds them again.
        for (id, coroutine) in coroutines.into_iter().enumerate() {
            with(|execution| execution.running = id);
            drop(coroutine);
        }
    }
    // Nothing drops the thread-locals of a thread that the end of its process has cut off.
    let threads = EXECUTION.take().into_iter().flat_map(|execution| execution.threads);
    threads.flat_map(|thread| thread.locals).for_each(std::mem::forget);
    past
}
