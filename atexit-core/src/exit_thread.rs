//! Owns the threads that a run starts: the one on which handlers run, and the watchdog of those that run on the exiting thread; must
//! not know which handlers there are.
//!
//! # The problem
//!
//! When a thread reaches C's `exit`, its thread-locals have been destroyed. A handler that logs, draws a random number or
//! opens an async runtime there panics.
//!
//! # What we do
//!
//! Handlers run on a fresh thread while the exiting thread waits, and watches the time. The two meet at a [`Desk`]: the exit thread
//! takes handlers one by one without a word, and says when it stops. If nothing is left, it ends; if the next handler insists on the
//! exiting thread, it waits for the order to go on, or to end. An exit thread whose handler ran out of time is dismissed and
//! left alone; the next handlers get a new one.
//!
//! # What it costs
//!
//! One thread, once a run, and none when no handler needs it.

use std::cell::Cell;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::handler::Label;
use crate::registry;
use crate::sync::thread::{self, Builder, JoinHandle};
use crate::sync::{Condvar, Instant, Mutex, MutexGuard, io, thread_local};
use crate::turn::Seat;
use crate::watch::Watch;

/// Far more than a thread takes to start. A new thread makes no progress while its starter holds the loader's lock.
const START: Duration = Duration::from_secs(5);

/// How long the locks of stdout and stderr may be busy before they count as held.
const PROBE: Duration = Duration::from_millis(100);

/// How long a slow reader may keep stdout from being flushed.
const FLUSH: Duration = Duration::from_secs(10);

/// How long destructors of thread-locals may take.
const END: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Starting,
    /// Trying whether stdout and stderr can be locked.
    Probing,
    Waiting,
    Driving,
    /// Locking stdout.
    Finishing,
    /// Flushing it, the last thing it does.
    Flushing,
    Finished,
    /// Its thread-locals are gone.
    Ended,
    /// The handler ended by `exit` where nothing can unwind: its thread is parked for good.
    Parked,
    /// The handler has called C's `exit`: its thread takes the process down.
    TakenOver,
    /// Told to leave, and not to touch anything.
    Dismissed,
}

struct State {
    stage: Stage,
    limit: Option<Limit>,
}

/// When the handler that is running has to be over.
struct Limit {
    at: Instant,
    after: Duration,
    handler: Label,
}

/// Where the two threads meet.
pub(crate) struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

impl Desk {
    fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { stage: Stage::Starting, limit: None }), changed: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves on to `stage`, unless the thread was dismissed.
    fn enter(&self, stage: Stage) -> bool {
        let mut now = self.lock();
        let dismissed = now.stage == Stage::Dismissed;
        if !dismissed {
            now.stage = stage;
        }
        drop(now);
        self.changed.notify_all();
        !dismissed
    }

    /// Waits while the stage is one of these, for this long at most, and says which it is then.
    fn wait_while(&self, stages: &[Stage], at_most: Duration) -> Stage {
        let waited = self.changed.wait_timeout_while(self.lock(), at_most, |state| stages.contains(&state.stage));
        waited.unwrap_or_else(PoisonError::into_inner).0.stage
    }

    /// Waits until this stage is over. `false`: it takes longer than that, and the thread is dismissed.
    fn outlasts(&self, stage: Stage, at_most: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), at_most, |state| state.stage == stage);
        let mut now = waited.unwrap_or_else(PoisonError::into_inner).0;
        let is_over = now.stage != stage;
        if !is_over {
            now.stage = Stage::Dismissed;
        }
        is_over
    }

    /// The exit thread waits here for what it is to do.
    fn order(&self) -> Stage {
        let waiting = self.changed.wait_while(self.lock(), |state| state.stage == Stage::Waiting);
        waiting.unwrap_or_else(PoisonError::into_inner).stage
    }

    /// From now on the handler that begins has so much time. `false`: that is for ever.
    pub(crate) fn arm(&self, limit: Duration, handler: Label) -> bool {
        let at = Instant::now().checked_add(limit);
        let Some(at) = at.filter(|_| !is_alone()) else { return false };
        self.lock().limit = Some(Limit { at, after: limit, handler });
        self.changed.notify_all();
        true
    }

    /// The handler is over. `false`: too late, it has been abandoned.
    pub(crate) fn disarm(&self) -> bool {
        if is_alone() {
            return true;
        }
        let mut state = self.lock();
        state.limit = None;
        state.stage != Stage::Dismissed
    }

    /// The handler is never going to return.
    pub(crate) fn park(&self) -> ! {
        self.enter(Stage::Parked);
        park()
    }
}

/// Waits for the end of the process.
pub(crate) fn park() -> ! {
    loop {
        thread::park();
    }
}

/// Why a drive is over.
pub(crate) enum Stop {
    /// Nothing is left for this thread; it waits for the next order.
    Idle,
    /// Nothing is left at all; it is about to end.
    Finishing,
    /// This thread is not to be used again; a new one can be.
    Parked,
    /// The handler exceeded its limit. This thread is not to be used again.
    Abandoned(Duration, Label),
    /// The deadline of the run is over. This thread is not to be used again.
    Deadline,
}

pub(crate) struct ExitThread {
    desk: Arc<Desk>,
    thread: JoinHandle<()>,
    /// Where it runs: a handler on the exiting thread may have forked since.
    process: u32,
    /// It has just been started, and knows what to do.
    has_order: bool,
}

/// Says that the thread-locals are gone, when it is dropped: the first one that is used is dropped last.
struct EndOfLocals(Arc<Desk>);

impl Drop for EndOfLocals {
    fn drop(&mut self) {
        // Where a handler calls C's `exit`, it is in the middle of that.
        let mut now = self.0.lock();
        if now.stage == Stage::Finished {
            now.stage = Stage::Ended;
            drop(now);
            self.0.changed.notify_all();
        }
    }
}

thread_local! {
    static END_OF_LOCALS: Cell<Option<EndOfLocals>> = const { Cell::new(None) };
    /// The desk of an exit thread; only its address counts.
    static DESK: Cell<*const Desk> = const { Cell::new(std::ptr::null()) };
}

/// Which exit thread drives, for what runs on it.
#[derive(Default)]
pub(crate) struct Driving {
    desk: Option<Arc<Desk>>,
    /// This process was forked by a handler on an exit thread: nobody is at the other side of the desk.
    alone: bool,
}

static DRIVING: Mutex<Driving> = Mutex::new(Driving { desk: None, alone: false });

pub(crate) fn lock() -> MutexGuard<'static, Driving> {
    DRIVING.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Driving {
    pub(crate) fn forget_in_child(&mut self) {
        self.alone = is_exit_thread();
        // Forgotten, not dropped: the lock of a desk may be taken for ever here.
        std::mem::forget(self.desk.take());
        let _ = END_OF_LOCALS.try_with(|end| std::mem::forget(end.take()));
    }
}

fn is_exit_thread() -> bool {
    !DESK.get().is_null()
}

/// The desk of this thread, if it is the exit thread that drives, and somebody is at the other side.
pub(crate) fn desk() -> Option<Arc<Desk>> {
    lock().desk.clone().filter(|desk| Arc::as_ptr(desk) == DESK.get())
}

/// From inside a handler: this thread ends the process, and the other one has nothing more to do. `false`: too late, the handler has been
/// abandoned.
pub(crate) fn take_over() -> bool {
    !is_exit_thread() || is_alone() || desk().is_some_and(|desk| desk.enter(Stage::TakenOver))
}

/// This thread takes the process down from now on: it is no exit thread any more.
pub(crate) fn resign() {
    DESK.set(std::ptr::null());
    *lock() = Driving::default();
}

fn is_alone() -> bool {
    is_exit_thread() && lock().alone
}

impl ExitThread {
    /// Starts a thread that runs handlers, once it has tried whether stdout and stderr can be locked, if it `probes`. It begins by itself,
    /// for each word between two threads takes them longer than most handlers; [`drive`](Self::drive) is to follow.
    ///
    /// # Errors
    ///
    /// Where handlers had better run on the exiting thread.
    pub(crate) fn start(work: Work, probes: bool) -> Result<Self, Stay> {
        Self::start_with(Stage::Driving, work, probes)
    }

    /// Starts a thread that does nothing but flush stdout, and waits for its end.
    pub(crate) fn flush(work: Work, watch: &Watch) {
        if let Ok(thread) = Self::start_with(Stage::Finishing, work, false) {
            thread.finish(watch);
        }
    }

    fn start_with(order: Stage, work: Work, probes: bool) -> Result<Self, Stay> {
        let desk = Desk::new();
        lock().desk = Some(Arc::clone(&desk));
        let theirs = Arc::clone(&desk);
        let thread = spawn("at_exit", move || run(&theirs, order, work, probes)).ok_or(Stay::NoThread)?;
        if !desk.outlasts(Stage::Starting, START) {
            return Err(Stay::NoThread);
        }
        if !desk.outlasts(Stage::Probing, PROBE) {
            return Err(Stay::Held);
        }
        Ok(Self { desk, thread, process: std::process::id(), has_order: true })
    }

    fn order(&mut self, stage: Stage) {
        if !std::mem::take(&mut self.has_order) {
            self.desk.enter(stage);
        }
    }

    /// Lets the thread run handlers, and watches it until it stops.
    pub(crate) fn drive(&mut self, watch: &mut Watch) -> Stop {
        self.order(Stage::Driving);
        let mut state = self.desk.lock();
        loop {
            let now = Instant::now();
            let stop = match state.stage {
                Stage::Waiting => return Stop::Idle,
                Stage::Finishing | Stage::Flushing | Stage::Finished | Stage::Ended => {
                    self.has_order = true;
                    return Stop::Finishing;
                }
                Stage::Parked => return Stop::Parked,
                Stage::TakenOver => {
                    drop(state);
                    park()
                }
                _ if watch.is_over() => Some(Stop::Deadline),
                _ => {
                    let over = state.limit.take_if(|limit| now >= limit.at);
                    over.map(|Limit { after, handler, .. }| Stop::Abandoned(after, handler))
                }
            };
            if let Some(stop) = stop {
                state.stage = Stage::Dismissed;
                registry::unseat();
                return stop;
            }
            let pause = watch.look(now, state.limit.as_ref().map(|limit| limit.at));
            state = self.desk.changed.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The thread, unless this is a child of the process that it runs in.
    pub(crate) fn here(self) -> Option<Self> {
        if self.process == std::process::id() {
            return Some(self);
        }
        std::mem::forget(self);
        None
    }

    /// Lets the thread flush stdout, unless somebody holds it, and waits for its end, its thread-locals included.
    pub(crate) fn finish(mut self, watch: &Watch) {
        self.order(Stage::Finishing);
        self.desk.wait_while(&[Stage::Finishing], PROBE);
        self.desk.wait_while(&[Stage::Flushing], watch.at_most(FLUSH));
        if self.desk.wait_while(&[Stage::Finished], watch.at_most(END)) == Stage::Ended {
            let _ = self.thread.join(); // nothing of ours panics there, and it has no result
        } else {
            self.desk.dismiss();
        }
    }
}

/// Why an exit thread is not to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stay {
    NoThread,
    /// Somebody holds the lock of stdout or stderr, for which a `println!` on the new thread would wait for ever.
    Held,
}

/// What the run does on the exit thread.
#[derive(Clone, Copy)]
pub(crate) struct Work {
    /// Runs handlers; `false` if this thread has been dismissed meanwhile.
    pub(crate) drive: fn(&Desk) -> bool,
    /// Ends the process, in a child that a handler has forked.
    pub(crate) end_alone: fn() -> !,
}

/// What the exit thread does, from its start to its end.
fn run(desk: &Arc<Desk>, first: Stage, work: Work, probes: bool) {
    DESK.set(Arc::as_ptr(desk));
    END_OF_LOCALS.set(Some(EndOfLocals(Arc::clone(desk))));
    if probes {
        desk.enter(Stage::Probing);
        drop(io::stdout().lock());
        drop(io::stderr().lock());
    }
    let mut goes_on = desk.enter(first);
    while goes_on {
        match desk.order() {
            Stage::Driving => {
                let seat = Seat::take();
                goes_on = (work.drive)(desk);
                if is_alone() {
                    (work.end_alone)();
                }
                drop(seat);
                // A dismissed thread does not ask what is next: that may open the further round.
                goes_on = goes_on
                    && desk.enter(if registry::next_place().is_none() {
                        Stage::Finishing // nothing is left for any thread, as a rule: so it goes on by itself here, too
                    } else {
                        Stage::Waiting
                    });
            }
            Stage::Finishing => {
                let mut stdout = io::stdout().lock();
                if desk.enter(Stage::Flushing) {
                    let _ = stdout.flush(); // a stdout that is closed or full is none of the exit's business
                }
                drop(stdout);
                desk.enter(Stage::Finished);
                return;
            }
            _ => return,
        }
    }
}

/// Watches handlers that run on the exiting thread, which cannot be abandoned.
pub(crate) struct Watchdog {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
    process: u32,
}

impl Watchdog {
    /// `None` where no thread can be had: then nobody watches. `strike` is called when the deadline is over.
    pub(crate) fn start(watch: Watch, strike: fn() -> !) -> Option<Self> {
        let desk = Desk::new();
        let theirs = Arc::clone(&desk);
        let may_strike = watch.may_be_over();
        let thread = spawn("at_exit_watchdog", move || theirs.guard(watch, strike))?;
        // One that strikes never ends, and then the process does.
        let thread = if may_strike { None } else { Some(thread) };
        Some(Self { desk, thread, process: std::process::id() })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // A child that the handler has forked has no watchdog, which may have held the lock.
        let thread = self.thread.take();
        if self.process == std::process::id() {
            self.desk.dismiss();
            // A library that has called `run` may be unloaded next, and this code with it.
            if !std::thread::panicking() {
                let _ = thread.map(JoinHandle::join);
            }
        } else {
            std::mem::forget(thread);
        }
    }
}

impl Desk {
    fn dismiss(&self) {
        self.enter(Stage::Dismissed);
    }

    fn guard(&self, mut watch: Watch, strike: fn() -> !) {
        let mut state = self.lock();
        while state.stage != Stage::Dismissed {
            let now = Instant::now();
            if watch.is_over() {
                drop(state);
                strike();
            }
            let pause = watch.look(now, None);
            state = self.changed.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Starts a thread, if one can be had. Rust 1.85 to 1.87 panic here on a thread whose thread-locals are gone.
fn spawn(name: &str, f: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
    catch_unwind(AssertUnwindSafe(|| Builder::new().name(name.to_owned()).spawn(f))).ok()?.ok()
}
