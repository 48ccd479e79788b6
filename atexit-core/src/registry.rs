//! Owns the set of pending handlers and the handles into it; must not know how handlers run, or what a run reports.
//!
//! # The problem
//!
//! Handlers run newest first, one may be removed at any moment by a handle that may be stale, and registering has
//! to cost next to nothing. A vector used as a stack cannot remove; an ordered map pays for every registration.
//!
//! # What we do
//!
//! Entries live in slots that never move within a vector. A slot is a member of one doubly linked list, from the newest
//! entry to the oldest; there is a list for each phase. Registering links a free slot in, removing unlinks it, both in
//! constant time. A slot counts how often it was freed: a handle remembers that generation, so a stale one matches
//! nothing. A slot whose generations are used up is never used again.
//!
//! One mutex guards it all. It is never held while code of a user runs: entries are moved out first and dropped later.

use std::any::TypeId;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::declaration::{Declared, Description, Link, LinkSite};
use crate::handler::{Entry, HandlerInfo, Label, Phase};
use crate::plan::Problem;
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
pub struct Registration {
    slot: u32,
    generation: u32,
}

impl Registration {
    /// Takes the handler back: `true` if it was pending and will not run.
    ///
    /// It takes constant time. What the handler captured is dropped before this returns.
    ///
    /// # Panics
    ///
    /// If dropping the captures does. The handler is gone then, too.
    pub fn unregister(&self) -> bool {
        let entry = lock().remove(*self);
        entry.is_some()
    }

    /// Whether the handler is pending: not started, not unregistered, not cleared.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        lock().entry(*self).is_some()
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
    collected().count
}

pub(crate) fn insert(entry: Entry) -> Registration {
    let mut pending = lock();
    let late = pending.closed && !turn::is_seated() && !turn::is_exiting();
    let registration = pending.insert(entry, late);
    let plant = !pending.planted && !late && !pending.stopped;
    pending.planted |= plant;
    drop(pending);
    if plant {
        platform::plant();
    }
    if late {
        std::thread::sleep(LATE); // whoever registers on and on is not to keep the run from the lock
    }
    registration
}

/// How long a registration takes that comes too late for the run that is under way.
const LATE: Duration = Duration::from_millis(1);

/// Takes one handler out of the set, without running it.
pub(crate) fn remove(registration: Registration) -> Option<Entry> {
    lock().remove(registration)
}

fn remove_all(matches: &dyn Fn(&Entry) -> bool) -> usize {
    let mut pending = collected();
    let found: Vec<Registration> = pending.iter().filter(|(_, entry)| matches(entry)).map(|(at, _)| at).collect();
    let entries: Vec<Entry> = found.into_iter().filter_map(|at| pending.remove(at)).collect();
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
    let result = (pending.ran, if tells { pending.count } else { 0 });
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
    Outer { ran: std::mem::take(&mut pending.ran), running: pending.running.take() }
}

/// Ends what `enter_run` began, and says how many handlers were started.
pub(crate) fn leave_run(outer: Outer) -> usize {
    let mut pending = lock();
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
    let at = pending.next()?;
    let entry = pending.slots[at as usize].entry.as_ref()?;
    if place != Place::Anywhere && entry.place() != place {
        pending.running = None;
        return None;
    }
    let entry = pending.take(at)?;
    pending.ran += 1;
    pending.serial += 1;
    pending.running = Some(entry.label());
    Some(entry)
}

/// Where the next handler runs.
pub(crate) fn next_place() -> Option<Place> {
    let mut pending = lock();
    let at = pending.next()?;
    pending.slots[at as usize].entry.as_ref().map(Entry::place)
}

/// Whether the next handler has a time limit of its own.
pub(crate) fn next_is_limited() -> bool {
    let mut pending = lock();
    let next = pending.next().and_then(|at| pending.slots[at as usize].entry.as_ref());
    next.is_some_and(|entry| entry.time_limit().is_some())
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
    let taken: Vec<Entry> = std::iter::from_fn(|| pending.admit_and_take()).collect();
    drop(pending);
    let infos = taken.iter().map(Entry::info).collect();
    taken.into_iter().for_each(std::mem::forget);
    infos
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

const PHASES: usize = 3;
const LISTS: usize = 2 * PHASES;

/// The ends of the lists are links too, with the highest numbers: no entry is a special case.
const FIRST_END: u32 = u32::MAX - 7;

#[derive(Clone, Copy)]
struct Links {
    newer: u32,
    older: u32,
}

struct Slot {
    entry: Option<Entry>,
    generation: u32,
    /// While the slot is free, `older` is the next free one.
    links: Links,
}

#[expect(clippy::struct_excessive_bools, reason = "they change one by one")]
pub(crate) struct Pending {
    slots: Vec<Slot>,
    free: u32,
    /// The newest and the oldest entry of each list: for each phase what is open to the run, then what came too late for it.
    ends: [Links; LISTS],
    count: usize,
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
    problems: Vec<Problem>,
}

#[expect(clippy::cast_possible_truncation, reason = "there are six lists")]
const fn end(list: usize) -> u32 {
    FIRST_END + list as u32
}

impl Pending {
    pub(crate) const fn new() -> Self {
        let mut ends = [Links { newer: 0, older: 0 }; LISTS];
        let mut list = 0;
        while list < LISTS {
            ends[list] = Links { newer: end(list), older: end(list) };
            list += 1;
        }
        Self {
            slots: Vec::new(),
            free: FIRST_END,
            ends,
            count: 0,
            seen: None,
            planted: true, // by the constructor in `platform`
            closed: false,
            further_round: false,
            exited: false,
            stopped: false,
            ran: 0,
            serial: 0,
            running: None,
            problems: Vec::new(),
        }
    }

    /// The links of an entry or of an end; an end's `older` is the newest entry of its list.
    #[inline]
    fn links(&mut self, at: u32) -> &mut Links {
        match at.checked_sub(FIRST_END) {
            Some(list) => &mut self.ends[list as usize],
            None => &mut self.slots[at as usize].links,
        }
    }

    #[inline]
    fn link(&mut self, newer: u32, older: u32) {
        self.links(newer).older = older;
        self.links(older).newer = newer;
    }

    fn slot(&mut self, entry: Entry) -> u32 {
        let at = self.free;
        if at < FIRST_END {
            let slot = &mut self.slots[at as usize];
            self.free = slot.links.older;
            slot.entry = Some(entry);
            return at;
        }
        let at = u32::try_from(self.slots.len()).ok().filter(|&at| at < FIRST_END);
        let at = at.expect("four thousand million handlers are pending");
        self.slots.push(Slot { entry: Some(entry), generation: 0, links: Links { newer: at, older: at } });
        at
    }

    /// Adds the newest entry of its phase; `late` ones wait until they are admitted.
    pub(crate) fn insert(&mut self, entry: Entry, late: bool) -> Registration {
        let list = entry.phase() as usize + if late { PHASES } else { 0 };
        let at = self.slot(entry);
        let newest = self.ends[list].older;
        self.link(at, newest);
        self.link(end(list), at);
        self.count += 1;
        Registration { slot: at, generation: self.slots[at as usize].generation }
    }

    /// Adds the oldest entry of its phase.
    fn insert_oldest(&mut self, entry: Entry) {
        let list = entry.phase() as usize;
        let at = self.slot(entry);
        let oldest = self.ends[list].newer;
        self.link(oldest, at);
        self.link(at, end(list));
        self.count += 1;
    }

    fn entry(&self, at: Registration) -> Option<&Entry> {
        let slot = self.slots.get(at.slot as usize)?;
        slot.entry.as_ref().filter(|_| slot.generation == at.generation)
    }

    pub(crate) fn remove(&mut self, at: Registration) -> Option<Entry> {
        self.entry(at)?;
        self.take(at.slot)
    }

    #[inline]
    fn take(&mut self, at: u32) -> Option<Entry> {
        let Links { newer, older } = *self.links(at);
        self.link(newer, older);
        let slot = self.slots.get_mut(at as usize)?;
        let entry = slot.entry.take()?;
        self.count -= 1;
        if let Some(generation) = slot.generation.checked_add(1) {
            slot.generation = generation;
            slot.links.older = self.free;
            self.free = at;
        }
        Some(entry)
    }

    /// How many entries a run that begins now would find.
    fn runnable(&self) -> usize {
        if self.stopped {
            return 0;
        }
        let some = (0..PHASES).any(|list| self.ends[list].older < FIRST_END);
        if some || !self.exited { self.count } else { 0 }
    }

    /// The entry that runs next; those that run in another process only are forgotten.
    #[inline]
    fn next(&mut self) -> Option<u32> {
        if self.stopped {
            return None;
        }
        loop {
            let newest = (0..PHASES).map(|list| self.ends[list].older).find(|&at| at < FIRST_END);
            match newest {
                Some(at) if self.slots[at as usize].entry.as_ref().is_some_and(Entry::is_of_another_process) => {
                    std::mem::forget(self.take(at));
                }
                Some(at) => return Some(at),
                None if self.further_round && self.admit_late() => self.further_round = false,
                None => return None,
            }
        }
    }

    /// Takes any entry, late ones too, in the order in which they would run.
    fn admit_and_take(&mut self) -> Option<Entry> {
        let (at, _) = self.iter().next()?;
        self.remove(at)
    }

    /// All entries in the order in which they would run.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Registration, &Entry)> {
        let mut list = 0;
        let mut at = self.ends[0].older;
        std::iter::from_fn(move || {
            while at >= FIRST_END {
                list += 1;
                at = self.ends.get(list)?.older;
            }
            let slot = &self.slots[at as usize];
            let registration = Registration { slot: at, generation: slot.generation };
            at = slot.links.older;
            Some((registration, slot.entry.as_ref()?))
        })
    }

    /// Opens the run to what came too late for it so far, and says whether there was anything.
    pub(crate) fn admit_late(&mut self) -> bool {
        let mut any = false;
        for list in 0..PHASES {
            let Links { newer: oldest_late, older: newest_late } = self.ends[list + PHASES];
            if newest_late < FIRST_END {
                any = true;
                let newest = self.ends[list].older;
                self.link(oldest_late, newest);
                self.link(end(list), newest_late);
                self.link(end(list + PHASES), end(list + PHASES));
            }
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
        let foreign: Vec<Registration> =
            self.iter().filter(|(_, entry)| entry.is_of_another_process()).map(|(at, _)| at).collect();
        for at in foreign {
            std::mem::forget(self.remove(at));
        }
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
        let arranged = order::arrange(fresh.map(|declared| (declared.describe)()).collect(), links());
        self.problems.extend(arranged.problems);
        let entries = arranged.handlers.into_iter().map(|(description, why)| Entry::declared(description, why));
        // Declared handlers count as registered before `main`, even if a call came first here.
        if seen.is_none() {
            entries.rev().for_each(|entry| self.insert_oldest(entry));
        } else {
            for entry in entries {
                self.insert(entry, false);
            }
        }
        self.forget_foreign();
    }
}

/// Everything declared that is linked in, as `inventory` yields it.
pub(crate) fn declared() -> Vec<Description> {
    inventory::iter::<Declared>.into_iter().map(|declared| (declared.describe)()).collect()
}

pub(crate) fn links() -> Vec<LinkSite> {
    inventory::iter::<Link>.into_iter().map(|link| (link.describe)()).collect()
}

/// What is wrong with the handlers that were collected; told once.
pub(crate) fn take_problems() -> Vec<Problem> {
    std::mem::take(&mut lock().problems)
}

const _: () = assert!(Phase::Last as usize + 1 == PHASES);
