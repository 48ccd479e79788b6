//! Owns the set of pending handlers and the handles into it; must not know how handlers run, or what a run reports.
//!
//! Where they are kept is the business of `stacks`: for each phase a stack of what was registered, one of what was declared, which counts
//! as older, and one of what comes too late for the run that is under way.
//!
//! One mutex guards it all. It is never held while code of a user runs: entries are moved out first and dropped later.

use std::any::TypeId;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::PoisonError;
use std::time::Duration;

use crate::declaration::{Declared, Link, LinkSite};
use crate::handler::{Entry, Label, Phase};
use crate::naming::HandlerInfo;
use crate::order::Notes;
use crate::plan::Problem;
use crate::stacks::{Handle, Stacks, Top};
use crate::sync::{Mutex, MutexGuard, thread};
use crate::{order, platform, turn};

/// A registration, by which the handler can be taken back while it is pending.
///
/// It is a plain value: copy it, keep it, drop it, nothing happens to the handler. A stale one, whose handler has started,
/// was unregistered or cleared, matches nothing, also after its memory went to another handler.
///
/// ```
/// let flush = atexit_core::register(|| println!("flushed"));
/// assert!(flush.is_pending());
/// assert!(flush.unregister());
/// assert!(!flush.unregister());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Registration(Handle);

impl Registration {
    /// Takes the handler back: `true` if it was pending and will not run.
    ///
    /// It takes constant time on average: what is left of the unregistered is cleared away now and then. What the handler captured is
    /// dropped before this returns.
    ///
    /// # Panics
    ///
    /// If dropping the captures does. The handler is gone then, too.
    pub fn unregister(&self) -> bool {
        let entry = remove(*self);
        entry.is_some()
    }

    /// Whether the handler is pending: not started, not unregistered, not cleared.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        lock().entries.get(self.0).is_some()
    }
}

/// Forgets all pending registrations of one function, and says how many there were.
///
/// The function is named as a value: `unregister(my_cleanup)`. All its declared registrations go, and those made by
/// [`register(my_cleanup)`](crate::register). Another function is another type, and so is a function pointer:
/// `my_cleanup as fn()` names nothing. It looks at every pending handler.
///
/// # Panics
///
/// If dropping what a handler captured does, after all of them are gone.
///
/// ```
/// fn my_cleanup() {}
/// atexit_core::register(my_cleanup);
/// atexit_core::register(my_cleanup);
/// assert_eq!(atexit_core::unregister(my_cleanup), 2);
/// assert_eq!(atexit_core::unregister(my_cleanup), 0);
/// ```
pub fn unregister<F: Copy + 'static>(function: F) -> usize {
    let _ = function;
    remove_all(&|entry| entry.identity() == Some(TypeId::of::<F>()))
}

/// Forgets all that is pending, declared and registered, and says how many handlers that were.
///
/// # Panics
///
/// If dropping what a handler captured does, after all of them are gone.
///
/// ```
/// atexit_core::register(|| println!("never"));
/// assert_eq!(atexit_core::clear(), 1);
/// assert_eq!(atexit_core::pending(), 0);
/// ```
pub fn clear() -> usize {
    remove_all(&|_| true)
}

/// How many handlers are pending: declared or registered, and not yet started.
///
/// ```
/// let before = atexit_core::pending();
/// let registration = atexit_core::register(|| {});
/// assert_eq!(atexit_core::pending(), before + 1);
/// registration.unregister();
/// ```
#[must_use]
pub fn pending() -> usize {
    collected().entries.len()
}

pub(crate) fn insert(entry: Entry) -> Registration {
    let phase = entry.phase();
    let mut pending = lock();
    let late = pending.closed && !turn::is_seated() && !turn::is_exiting();
    let stack = if late { too_late(phase) } else { registered(phase) };
    let registration = Registration(pending.entries.push(stack, entry));
    let plant = !pending.planted && !late && !pending.stopped;
    pending.planted |= plant;
    drop(pending);
    if plant {
        platform::plant_all();
    }
    if late {
        thread::sleep(LATE); // whoever registers on and on is not to keep the run from the lock
    }
    registration
}

/// How long a registration takes that comes too late for the run that is under way.
const LATE: Duration = Duration::from_millis(1);

/// Takes one handler out of the set, without running it.
pub(crate) fn remove(registration: Registration) -> Option<Entry> {
    lock().entries.remove(registration.0)
}

fn remove_all(matches: &dyn Fn(&Entry) -> bool) -> usize {
    let mut pending = collected();
    let entries = pending.entries.take_where(matches);
    drop(pending);
    let count = entries.len();
    let panics: Vec<_> =
        entries.into_iter().filter_map(|entry| catch_unwind(AssertUnwindSafe(|| drop(entry))).err()).collect();
    match panics.into_iter().next() {
        Some(panic) => resume_unwind(panic),
        None => count,
    }
}

/// Where a handler runs, and which handlers a thread takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    ExitThread,
    Caller,
    /// For a thread that takes them all.
    Anywhere,
}

/// Opens the set to a run, and says how many handlers are pending. What other threads register from now on is late; a run at exit takes
/// that in one further round.
pub(crate) fn open_run(at_exit: bool) -> usize {
    let mut pending = collected();
    let runnable = pending.runnable();
    if runnable > 0 {
        pending.closed = true;
        pending.further_round = at_exit && !pending.exited;
        pending.ran = 0;
    }
    runnable
}

/// Ends what `open_run` began, and says how many handlers were started, and how many came too late. After an exit nothing can become pending
/// any more but by the exiting thread.
pub(crate) fn close_run(at_exit: bool) -> (usize, usize) {
    let mut pending = lock();
    let running = pending.running.take();
    if !at_exit {
        pending.admit_late();
        pending.closed = false;
    }
    let tells = at_exit && !std::mem::replace(&mut pending.exited, at_exit);
    let result = (pending.ran, if tells { pending.entries.len() } else { 0 });
    drop(pending);
    drop(running);
    result
}

/// What a run inside a handler sets aside.
pub(crate) struct Outer {
    ran: usize,
    running: Option<Label>,
}

pub(crate) fn enter_run() -> Outer {
    let mut pending = lock();
    if !turn::is_seated() {
        return Outer { ran: 0, running: None };
    }
    Outer { ran: std::mem::take(&mut pending.ran), running: pending.running.take() }
}

/// Ends what `enter_run` began, and says how many handlers were started.
pub(crate) fn leave_run(outer: Outer) -> usize {
    let mut pending = lock();
    if !turn::is_seated() {
        return 0; // abandoned meanwhile: what is running is another one
    }
    pending.running = outer.running;
    std::mem::replace(&mut pending.ran, outer.ran)
}

/// Takes the next handler out of the set if it runs in this place, and this thread is still the one to run it.
#[inline]
pub(crate) fn next_to_run(place: Place) -> Option<Entry> {
    let mut pending = lock();
    if !turn::is_seated() {
        return None;
    }
    let belongs_here = |entry: &Entry| place == Place::Anywhere || entry.place() == place;
    let next = pending.next().filter(|&next| pending.entries.item(next).is_some_and(belongs_here));
    pending.running = next.and_then(|next| pending.entries.item(next)).map(Entry::label);
    let next = next?;
    pending.ran += 1;
    pending.serial += 1;
    pending.entries.pop(next)
}

/// Where the next handler runs.
pub(crate) fn next_place() -> Option<Place> {
    let mut pending = lock();
    let next = pending.next()?;
    pending.entries.item(next).map(Entry::place)
}

/// Whether the next handler has a time limit of its own.
pub(crate) fn next_is_limited() -> bool {
    let mut pending = lock();
    let next = pending.next().and_then(|next| pending.entries.item(next));
    next.is_some_and(Entry::has_time_limit)
}

/// Which handler is running, and a number that changes whenever another one starts.
pub(crate) fn running() -> (u64, Option<Label>) {
    let pending = lock();
    (pending.serial, pending.running.clone())
}

/// Takes the seat away from the thread that runs handlers; it takes none any more.
pub(crate) fn unseat() {
    let _pending = lock(); // between two handlers, not while one is being taken
    turn::unseat();
}

/// Lets nothing run any more, and says what was pending. The captures are not dropped: they may hang, as a handler did.
pub(crate) fn stop() -> Vec<HandlerInfo> {
    let mut pending = lock();
    pending.stopped = true;
    let taken = pending.entries.take_where(|_| true);
    drop(pending);
    let infos = taken.iter().map(Entry::info).collect();
    taken.into_iter().for_each(std::mem::forget);
    infos
}

/// Gives the memory of the set back, if nothing is pending: the library goes away, and with it all handles and whoever else would.
pub(crate) fn free() {
    let mut pending = lock();
    let empty = pending.entries.len() == 0;
    let entries = empty.then(|| std::mem::replace(&mut pending.entries, Stacks::new()));
    drop(pending);
    drop(entries);
}

/// Notes that the exiting process has used up a hook, and says whether another is needed.
pub(crate) fn used_up_hook() -> bool {
    let mut pending = collected();
    pending.planted = pending.runnable() > 0;
    pending.planted
}

static PENDING: Mutex<Pending> = Mutex::new(Pending::new());

pub(crate) fn lock() -> MutexGuard<'static, Pending> {
    PENDING.lock().unwrap_or_else(PoisonError::into_inner) // no code of a user runs under it, so nothing is half done
}

/// The pending set with the declared handlers in it.
pub(crate) fn collected() -> MutexGuard<'static, Pending> {
    let mut pending = lock();
    pending.collect();
    pending
}

const PHASES: usize = Phase::ALL.len();

// The stacks, in the order of running. Declared handlers count as registered before `main`, even if a call came first here; what came too
// late for a run waits until it is admitted.
const fn registered(phase: Phase) -> usize {
    2 * phase as usize
}

const fn declared_first(phase: Phase) -> usize {
    2 * phase as usize + 1
}

const fn too_late(phase: Phase) -> usize {
    2 * PHASES + phase as usize
}

/// What a run takes.
const OPEN: Range<usize> = 0..2 * PHASES;

#[expect(clippy::struct_excessive_bools, reason = "they change one by one")]
pub(crate) struct Pending {
    entries: Stacks<Entry, { 3 * PHASES }>,
    /// What `inventory` yielded first when the declared handlers were last collected.
    seen: Option<&'static Declared>,
    /// The hook stands in front of the process's end.
    planted: bool,
    /// A run has begun that threads outside of it cannot add to.
    closed: bool,
    /// The run takes what came too late for it, once.
    further_round: bool,
    /// A run at exit is over: what comes too late stays too late.
    exited: bool,
    /// The deadline is over: nothing runs any more.
    stopped: bool,
    /// How many handlers this run has started.
    ran: usize,
    /// How many handlers have ever been started.
    serial: u64,
    running: Option<Label>,
    notes: Notes,
}

impl Pending {
    pub(crate) const fn new() -> Self {
        Self {
            entries: Stacks::new(),
            seen: None,
            planted: true, // by the constructor in `platform`
            closed: false,
            further_round: false,
            exited: false,
            stopped: false,
            ran: 0,
            serial: 0,
            running: None,
            notes: Notes::new(),
        }
    }

    /// How many entries a run that begins now would find.
    fn runnable(&mut self) -> usize {
        if self.stopped {
            return 0;
        }
        let some = self.entries.top(OPEN).is_some();
        if some || !self.exited { self.entries.len() } else { 0 }
    }

    /// The entry that runs next; those that run in another process only are forgotten.
    #[inline]
    fn next(&mut self) -> Option<Top> {
        if self.stopped {
            return None;
        }
        loop {
            match self.entries.top(OPEN) {
                Some(top) if self.entries.item(top).is_some_and(Entry::is_of_another_process) => {
                    std::mem::forget(self.entries.pop(top));
                }
                Some(top) => return Some(top),
                None if self.further_round && self.admit_late() => self.further_round = false,
                None => return None,
            }
        }
    }

    /// All entries in the order in which they would run.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Opens the run to what came too late for it so far, and says whether there was anything.
    pub(crate) fn admit_late(&mut self) -> bool {
        let mut any = false;
        for phase in Phase::ALL {
            any |= self.entries.move_onto(too_late(phase), registered(phase));
        }
        any
    }

    /// In a forked child: the run of another thread is over, and what it had not started is pending.
    pub(crate) fn forget_run_in_child(&mut self) {
        self.admit_late();
        (self.closed, self.stopped, self.further_round, self.exited) = (false, false, false, false);
        self.running = None;
    }

    /// In a forked child: what runs in the parent only is forgotten here, captures and all.
    pub(crate) fn forget_foreign(&mut self) {
        self.entries.take_where(Entry::is_of_another_process).into_iter().for_each(std::mem::forget);
    }

    /// Adds what `inventory` has that it had not before: everything, the first time; a plug-in's handlers, later.
    pub(crate) fn collect(&mut self) {
        let newest = inventory::iter::<Declared>.into_iter().next();
        if newest.map(std::ptr::from_ref) == self.seen.map(std::ptr::from_ref) {
            return;
        }
        let seen = std::mem::replace(&mut self.seen, newest);
        let fresh = inventory::iter::<Declared>
            .into_iter()
            .take_while(|declared| seen.is_none_or(|seen| !std::ptr::eq(*declared, seen)));
        let fresh: Vec<Declared> = fresh.copied().collect();
        let arranged = order::arrange(&fresh, links(), &mut self.notes);
        // What runs in the parent only is forgotten in a child.
        let entries = arranged.into_iter().map(Entry::declared).filter(|entry| !entry.is_of_another_process());
        for entry in entries {
            // A plug-in that comes later registers what it declares by coming.
            let stack = if seen.is_none() { declared_first(entry.phase()) } else { registered(entry.phase()) };
            self.entries.push(stack, entry);
        }
    }

    /// As a reader would say it, why constraints have moved a handler.
    pub(crate) fn reason(&self, number: u32) -> &str {
        self.notes.reasons.get(number as usize).map_or("", String::as_str)
    }
}

/// Everything declared that is linked in, as `inventory` yields it.
pub(crate) fn declared() -> Vec<Declared> {
    inventory::iter::<Declared>.into_iter().copied().collect()
}

pub(crate) fn links() -> Vec<LinkSite> {
    inventory::iter::<Link>.into_iter().map(|link| (link.describe)()).collect()
}

/// What is wrong with the handlers that were collected; told once.
pub(crate) fn take_problems() -> Vec<Problem> {
    std::mem::take(&mut lock().notes.problems)
}
