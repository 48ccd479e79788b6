//! Owns which values are being initialized, who waits for whom, and which values can no longer be initialized; must not know what a value is,
//! or how a thread waits.

use std::task::Waker;
use std::time::Duration;

use crate::handler::declaration::Phase;
use crate::handler::value::Options;
use crate::sys::token::ThreadToken;

/// Identifies a cell, by its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CellId(usize);

impl CellId {
    pub(crate) fn of<T>(cell: &T) -> Self {
        Self(std::ptr::from_ref(cell).addr())
    }
}

pub(super) struct Initializations {
    pub(super) under_way: Vec<Initialization>,
    /// The wakers of futures that wait for the end of an initialization.
    pub(super) wakers: Vec<Waiting>,
    /// How many futures have ever waited.
    tickets: u64,
    /// How many threads wait for something to happen to an initialization. Those of the parent process still count in a forked child.
    pub(super) waiting: usize,
    /// By phase: its values can no longer be initialized.
    pub(super) is_closed: [bool; Phase::ALL.len()],
    /// How long the current exit has waited so far.
    pub(super) waited: Duration,
}

/// A future that waits.
pub(super) struct Waiting {
    pub(super) cell: CellId,
    ticket: Ticket,
    pub(super) waker: Waker,
}

/// Identifies a future that waits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

/// An initialization that is under way.
pub(super) struct Initialization {
    cell: CellId,
    pub(super) options: Options,
    /// The thread that it runs on, or, if it is suspended, last ran on.
    pub(super) thread: ThreadToken,
    pub(super) progress: Progress,
    /// Another cell, whose initialization this one waits for.
    waits_for: Option<CellId>,
    /// The value is made, and is being closed: outside of a run, or because it came too late.
    pub(super) is_closing: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Runs,
    /// It is a future between two polls. Perhaps nobody will ever poll it again.
    Suspended,
    /// Its thread is exiting, and waits for the handlers.
    Exiting,
    /// It still runs, but the exit no longer waits for it.
    GivenUp,
}

/// Whose turn it is to initialize a value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// It is this thread's.
    Mine,
    Made,
}

/// Why a value is not available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Closed,
    /// It was not made, and values of its phase can no longer be made.
    TooLate,
    /// It is not initialized, and has no function that could do it.
    Empty,
    /// Its own initialization asks for it.
    Itself,
    /// A future on this thread initializes it, and cannot go on while the thread waits.
    Suspended,
    /// Its initialization waits for another one, which this thread is in.
    EachOther,
    /// The thread that initializes it is exiting, and waits for this one.
    Exiting,
    /// A handler has waited this long.
    TooLong(Duration),
}

impl Initializations {
    pub(super) const fn new() -> Self {
        Self {
            under_way: Vec::new(),
            wakers: Vec::new(),
            tickets: 0,
            waiting: 0,
            is_closed: [false; Phase::ALL.len()],
            waited: Duration::ZERO,
        }
    }

    #[inline]
    pub(super) fn are_under_way(&self) -> bool {
        !self.under_way.is_empty()
    }

    pub(super) fn close(&mut self, phase: Phase) {
        self.is_closed[phase as usize] = true;
    }

    pub(super) fn close_all(&mut self) {
        self.is_closed = [true; Phase::ALL.len()];
    }

    /// In a forked child: what other threads were initializing is lost, and can be initialized here. Nothing is dropped.
    pub(super) fn forget_foreign_in_child(&mut self) {
        let me = ThreadToken::mine();
        let mut at = 0;
        while at < self.under_way.len() {
            if self.under_way[at].thread == me {
                at += 1;
            } else {
                self.under_way.remove(at);
            }
        }
        while let Some(waiting) = self.wakers.pop() {
            std::mem::forget(waiting);
        }
    }

    /// In a forked child where the run of the parent is over: values can be initialized again.
    pub(super) fn open_in_child(&mut self) {
        self.is_closed = [false; Phase::ALL.len()];
    }

    /// The memory to free when the library is unloaded.
    pub(super) fn take_memory(&mut self) -> Self {
        std::mem::replace(self, Self { is_closed: self.is_closed, waiting: self.waiting, ..Self::new() })
    }

    /// Keeps the waker of a future, and returns the one that it replaces. If there is none, there must be room for it.
    pub(super) fn wait(&mut self, cell: CellId, ticket: &mut Option<Ticket>, mut waker: Waker) -> Option<Waker> {
        for waiting in &mut self.wakers {
            if *ticket == Some(waiting.ticket) {
                std::mem::swap(&mut waiting.waker, &mut waker);
                return Some(waker);
            }
        }
        self.tickets += 1;
        let ticket = *ticket.insert(Ticket(self.tickets));
        self.wakers.push(Waiting { cell, ticket, waker });
        None
    }

    /// Takes the waker of a future that has stopped waiting.
    pub(super) fn leave_waiting(&mut self, ticket: Ticket) -> Option<Waker> {
        for at in 0..self.wakers.len() {
            if self.wakers[at].ticket == ticket {
                return Some(self.wakers.remove(at).waker);
            }
        }
        None
    }

    /// Takes the waker of a future that waits for this cell, if there is one.
    pub(super) fn take_waker(&mut self, cell: CellId) -> Option<Waker> {
        for at in 0..self.wakers.len() {
            if self.wakers[at].cell == cell {
                return Some(self.wakers.remove(at).waker);
            }
        }
        None
    }

    /// How many futures wait for this cell.
    pub(super) fn waiting_for(&self, cell: CellId) -> usize {
        let mut count = 0;
        for waiting in &self.wakers {
            count += usize::from(waiting.cell == cell);
        }
        count
    }

    pub(super) fn is_full(&self) -> bool {
        self.under_way.len() == self.under_way.capacity()
    }

    fn position(&self, cell: CellId) -> Option<usize> {
        for (at, initialization) in self.under_way.iter().enumerate() {
            if initialization.cell == cell {
                return Some(at);
            }
        }
        None
    }

    pub(super) fn remove(&mut self, cell: CellId) {
        if let Some(at) = self.position(cell) {
            self.under_way.remove(at);
        }
    }

    /// Begins an initialization; there must be room for it. `None`: another one of the cell is under way.
    pub(super) fn try_begin(
        &mut self,
        cell: CellId,
        options: &Options,
        thread: ThreadToken,
        is_made: &dyn Fn() -> bool,
    ) -> Result<Option<Begun>, Refusal> {
        if is_made() {
            return Ok(Some(Begun::Made));
        }
        if self.is_closed[options.phase as usize] {
            return Err(Refusal::TooLate); // nobody waits for one that is still under way, either: the phase never opens again
        }
        if self.position(cell).is_some() {
            return Ok(None);
        }
        self.begin(cell, options, thread, false);
        Ok(Some(Begun::Mine))
    }

    /// The same for closing a value that is made.
    pub(super) fn begin_closing(&mut self, cell: CellId, options: &Options, thread: ThreadToken) {
        self.begin(cell, options, thread, true);
    }

    fn begin(&mut self, cell: CellId, options: &Options, thread: ThreadToken, is_closing: bool) {
        let (progress, options) = (Progress::Runs, *options);
        self.under_way.push(Initialization { cell, options, thread, progress, waits_for: None, is_closing });
    }

    /// The initialization has made its value. `false`: it is too late, and the value is being closed from now on.
    pub(super) fn is_in_time(&mut self, cell: CellId, phase: Phase) -> bool {
        let is_in_time = !self.is_closed[phase as usize];
        if is_in_time {
            self.remove(cell);
        } else if let Some(at) = self.position(cell) {
            self.under_way[at].is_closing = true;
        }
        is_in_time
    }

    /// A future that initializes a value is about to be polled. `false`: it must not be, because values of its phase can no longer be
    /// initialized, or because an exit has given it up.
    pub(super) fn resume(&mut self, cell: CellId, thread: ThreadToken) -> bool {
        let Some(at) = self.position(cell) else { return false };
        let initialization = &mut self.under_way[at];
        let goes_on =
            !self.is_closed[initialization.options.phase as usize] && initialization.progress != Progress::GivenUp;
        if goes_on {
            initialization.thread = thread;
            initialization.progress = Progress::Runs;
        }
        goes_on
    }

    /// The future has been polled, and is not ready.
    pub(super) fn suspend(&mut self, cell: CellId) {
        if let Some(at) = self.position(cell) {
            self.under_way[at].goes_from_running(Progress::Suspended);
        }
    }

    /// This thread is exiting, and does not go on with its initializations.
    pub(super) fn leave(&mut self, thread: ThreadToken) {
        for initialization in &mut self.under_way {
            if initialization.thread == thread {
                initialization.goes_from_running(Progress::Exiting);
            }
        }
    }

    /// Why this thread, inside a handler or not, must not wait for the initialization that is under way.
    pub(super) fn refusal(&self, cell: CellId, me: ThreadToken, in_handler: bool) -> Option<Refusal> {
        let at = self.position(cell)?;
        let other = &self.under_way[at];
        let is_mine = other.thread == me;
        let refusal = match other.progress {
            Progress::Suspended if !is_mine => return None,
            Progress::Suspended => Refusal::Suspended,
            _ if is_mine => Refusal::Itself,
            _ if self.any_in_chain(at, &|other| other.thread == me) => Refusal::EachOther,
            _ if !in_handler => return None,
            _ if self.any_in_chain(at, &|other| other.progress == Progress::Exiting) => Refusal::Exiting,
            _ => return None,
        };
        Some(refusal)
    }

    /// Whether any is such in a chain of initializations, each waiting for the next: this one, the one that its thread waits for, and so on.
    fn any_in_chain(&self, mut at: usize, is_such: &dyn Fn(&Initialization) -> bool) -> bool {
        // None occurs twice, unless they wait for each other.
        for _ in 0..self.under_way.len() {
            if is_such(&self.under_way[at]) {
                return true;
            }
            let Some(next) = self.awaited_by(&self.under_way[at]) else { return false };
            at = next;
        }
        false
    }

    /// The initialization that the thread of another one waits for.
    fn awaited_by(&self, of: &Initialization) -> Option<usize> {
        if of.progress == Progress::Suspended {
            return None; // what its last thread does says nothing about it
        }
        for other in &self.under_way {
            if let Some(cell) = other.waits_for {
                if other.thread == of.thread {
                    return self.position(cell);
                }
            }
        }
        None
    }

    /// Notes what a thread waits for, if it initializes anything itself. `true`: it did not wait for that before.
    pub(super) fn set_waits_for(&mut self, thread: ThreadToken, cell: Option<CellId>) -> bool {
        let mut is_new = false;
        for initialization in &mut self.under_way {
            if initialization.thread == thread && initialization.progress != Progress::Suspended {
                is_new |= initialization.waits_for != cell;
                initialization.waits_for = cell;
            }
        }
        is_new
    }

    /// Whether an exit may wait for it: as far as is known, it can end.
    pub(super) fn can_end(&self, at: usize, me: ThreadToken) -> bool {
        !self.any_in_chain(at, &|other| other.progress != Progress::Runs || other.thread == me)
    }
}

impl Initialization {
    fn goes_from_running(&mut self, to: Progress) {
        if self.progress == Progress::Runs {
            self.progress = to;
        }
    }
}

#[cfg(test)]
mod tests;
