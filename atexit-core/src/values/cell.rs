//! Owns initializing a cell once, by a function or a future, and why that may fail; must not know how the cell keeps its value.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use super::unavailable::Unavailable;
use crate::config;
use crate::early::{self, Early};
use crate::handler::PendingHandler;
use crate::handler::callback::{Callback, Code};
use crate::handler::error::HandlerError;
use crate::handler::executor::Executor;
use crate::handler::value::Options;
use crate::registration;
use crate::registry::stacks::Handle;
use crate::registry::values::{self, Begun, CellId, Completion, Refusal, Ticket};
use crate::report::Failure;
use crate::runner;
use crate::sys::sync::park;

/// A reference to a cell.
pub(super) trait Cell: Copy {
    type Value;
    type Ref;

    fn id(self) -> CellId;

    fn options(self) -> Options;

    /// Panics if the declaration lacks something.
    #[track_caller]
    fn assert_is_declared_well(self) {}

    /// Whether the cell has a value, open or closed.
    fn is_made(self) -> bool;

    /// The value, if it is open.
    fn open(self) -> Option<Self::Ref>;

    /// Stores the value, or gives it back if it is too late.
    fn store(self, value: Self::Value, initialization: &mut Initialization) -> Result<(), Self::Value>;

    /// Finishes a value that came too late.
    fn finish_late(self, value: Self::Value);
}

/// Why there is no value.
pub(super) enum NotMade<E> {
    Refused(Refusal),
    /// Its initialization failed.
    Failed(E),
}

impl<E> From<Refusal> for NotMade<E> {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Returns the value, initializing it if there is none.
#[track_caller]
pub(super) fn obtain<C: Cell, E>(cell: C, init: impl FnOnce() -> Result<C::Value, E>) -> Result<C::Ref, NotMade<E>> {
    if let Some(value) = cell.open() {
        return Ok(value);
    }
    cell.assert_is_declared_well();
    if let Some(mut initialization) = Initialization::begin(cell)? {
        let value = init().map_err(NotMade::Failed)?;
        settle(cell, value, &mut initialization);
    }
    opened(cell)
}

/// The same with a future.
pub(super) async fn obtain_async<C: Cell, E>(
    cell: C,
    init: impl AsyncFnOnce() -> Result<C::Value, E>,
) -> Result<C::Ref, NotMade<E>> {
    if let Some(value) = cell.open() {
        return Ok(value);
    }
    cell.assert_is_declared_well();
    if let Some(mut initialization) = Initialization::begin_async(cell).await? {
        let value = initialization.drive(async { init().await }).await?.map_err(NotMade::Failed)?;
        settle(cell, value, &mut initialization);
    }
    opened(cell)
}

/// Returns the value, initializing it with the cell's own function if it has one.
#[track_caller]
pub(super) fn get<C: Cell>(cell: C, init: Option<fn() -> C::Value>) -> Result<C::Ref, Refusal> {
    let Some(init) = init else { return cell.open().ok_or_else(|| unset(cell)) };
    obtain(cell, || Ok::<_, Refusal>(init())).map_err(|not_made| match not_made {
        NotMade::Refused(refusal) | NotMade::Failed(refusal) => refusal,
    })
}

fn unset<C: Cell>(cell: C) -> Refusal {
    match (cell.is_made(), values::is_closed(cell.options().phase)) {
        (true, _) => Refusal::Closed,
        (false, true) => Refusal::TooLate,
        (false, false) => Refusal::Empty,
    }
}

/// Stores the value, unless there is one already or it is too late.
#[track_caller]
pub(super) fn set<C: Cell>(cell: C, value: C::Value) -> Result<(), C::Value> {
    cell.assert_is_declared_well();
    match Initialization::begin(cell) {
        Ok(Some(mut initialization)) => cell.store(value, &mut initialization),
        Ok(None) | Err(_) => Err(value),
    }
}

/// Stores the value. If it is too late, finishes it at once; the exit waits for that, too.
fn settle<C: Cell>(cell: C, value: C::Value, initialization: &mut Initialization) {
    if let Err(value) = cell.store(value, initialization) {
        cell.finish_late(value);
    }
}

fn opened<C: Cell, E>(cell: C) -> Result<C::Ref, NotMade<E>> {
    let refusal = if cell.is_made() { Refusal::Closed } else { Refusal::TooLate };
    cell.open().ok_or(NotMade::Refused(refusal))
}

/// An initialization in progress. Dropping it before the value is pending means that it failed, or that a late value has been finished.
pub(super) struct Initialization {
    cell: CellId,
    /// The value is pending, or already closed: the initialization is over.
    has_joined: bool,
}

impl Initialization {
    /// `None` if the value has been made elsewhere.
    fn begin<C: Cell>(cell: C) -> Result<Option<Self>, Refusal> {
        let begun = values::begin(cell.id(), &cell.options(), &|| cell.is_made())?;
        Ok(Self::of(cell, &begun))
    }

    async fn begin_async<C: Cell>(cell: C) -> Result<Option<Self>, Refusal> {
        let (id, options) = (cell.id(), cell.options());
        let mut waiting = Waiting(None);
        let begun = poll_fn(|context| {
            match values::poll_begin(id, &options, &|| cell.is_made(), &mut waiting.0, context.waker()) {
                Ok(None) => Poll::Pending,
                Ok(Some(begun)) => Poll::Ready(Ok(begun)),
                Err(refusal) => Poll::Ready(Err(refusal)),
            }
        });
        Ok(Self::of(cell, &begun.await?))
    }

    fn of<C: Cell>(cell: C, begun: &Begun) -> Option<Self> {
        matches!(begun, Begun::Mine).then(|| Self { cell: cell.id(), has_joined: false })
    }

    /// Polls the future of the initialization, until it is too late.
    async fn drive<F: Future>(&self, future: F) -> Result<F::Output, Refusal> {
        let mut future = pin!(future);
        let driven = poll_fn(|context| {
            if !values::resume(self.cell) {
                return Poll::Ready(Err(Refusal::TooLate));
            }
            let polled = future.as_mut().poll(context);
            if polled.is_pending() {
                values::suspend(self.cell);
            }
            polled.map(Ok)
        });
        driven.await
    }

    /// Completes it with a value; `None` if it is too late.
    #[inline]
    pub(super) fn complete(&mut self, options: &Options) -> Option<Completed> {
        let completion = values::complete(self.cell, options.phase)?;
        self.has_joined = true;
        Some(Completed { completion, cell: self.cell })
    }
}

impl Drop for Initialization {
    fn drop(&mut self) {
        if !self.has_joined {
            values::abandon(self.cell);
        }
    }
}

/// A future that waits for another initialization. Dropping it removes its waker.
struct Waiting(Option<Ticket>);

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(ticket) = self.0 {
            values::leave_waiting(ticket);
        }
    }
}

/// A value is being closed outside a run, until this is dropped.
pub(super) struct Closing {
    cell: CellId,
}

impl Closing {
    /// `None` if `close` says that it is closed elsewhere.
    pub(super) fn begin<C: Cell>(cell: C, close: &dyn Fn() -> bool) -> Option<Self> {
        values::begin_closing(cell.id(), &cell.options(), close).then(|| Self { cell: cell.id() })
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        values::abandon(self.cell);
    }
}

/// A value that is about to become pending.
pub(super) struct Completed {
    completion: Completion,
    cell: CellId,
}

impl Completed {
    /// `publish` makes it visible; it must neither allocate nor run user code.
    pub(super) fn join(self, handler: PendingHandler, publish: impl FnOnce(Handle)) {
        registration::joined(&self.completion.join(handler, publish));
        values::tell(self.cell);
    }
}

/// Finishes a value now, by `code`.
pub(super) fn finish_now(
    options: Options,
    is_async: bool,
    code: impl FnOnce(&Executor) -> Result<(), HandlerError> + Send + 'static,
) -> Result<(), Failure> {
    call_early(options, is_async, Callback::new(Finishing(code)))
}

/// Finishes a value that came too late, and prints a failure: there is no caller to return it to.
pub(super) fn finish_late(
    options: Options,
    is_async: bool,
    code: impl FnOnce(&Executor) -> Result<(), HandlerError> + Send + 'static,
) {
    call_late(options, is_async, Callback::new(Finishing(code)));
}

/// The code that finishes a value.
struct Finishing<F>(F);

impl<F: FnOnce(&Executor) -> Result<(), HandlerError> + Send + 'static> Code for Finishing<F> {
    type Function = F; // never used: the value has a label

    fn call(self, executor: &Executor) -> Result<(), HandlerError> {
        (self.0)(executor)
    }
}

#[inline]
fn call_early(options: Options, is_async: bool, code: Callback) -> Result<(), Failure> {
    early::result(Early { code, time_limit: options.time_limit, is_async }.call(), &options.label())
}

#[inline]
fn call_late(options: Options, is_async: bool, code: Callback) {
    if let Err(failure) = call_early(options, is_async, code) {
        config::log(None).failed_outside(&failure, true);
    }
}

/// Panics for a method that returns the value itself.
#[cold]
#[track_caller]
#[inline]
pub(super) fn refuse(options: &Options, refusal: Refusal) -> ! {
    // A panic would abort the process before the exit has finished everything.
    if cfg!(panic = "abort") && matches!(refusal, Refusal::Closed | Refusal::TooLate) && runner::is_cut_off() {
        park();
    }
    let why = match refusal {
        Refusal::Closed => "is closed",
        Refusal::TooLate => "was never initialized, and the process is exiting",
        Refusal::Empty => "is empty: nothing has set it",
        Refusal::Itself => "is used by its own initialization",
        Refusal::Suspended => {
            "is being initialized by a future on this thread, which cannot go on while the thread waits: use get_or_init_async"
        }
        Refusal::EachOther => "is being initialized by a thread that waits for one that this thread is initializing",
        Refusal::Exiting => "is being initialized by the exiting thread, which waits for this handler",
        Refusal::TooLong(patience) => {
            panic!("{} is still being initialized after {patience:?}", options.label().info())
        }
    };
    panic!("{} {why}", options.label().info())
}

/// Makes the error for a method that returns one, and panics if the program itself is wrong.
#[track_caller]
#[inline]
pub(super) fn unavailable(options: &Options, refusal: Refusal) -> Unavailable {
    match refusal {
        Refusal::Closed | Refusal::TooLate => Unavailable::Closed,
        Refusal::Empty => Unavailable::Empty,
        Refusal::Exiting | Refusal::TooLong(_) => Unavailable::Initializing,
        Refusal::Itself | Refusal::Suspended | Refusal::EachOther => refuse(options, refusal),
    }
}

/// The same for a method that returns the error of the initialization.
#[track_caller]
pub(super) fn error<E>(options: &Options, not_made: NotMade<E>) -> E {
    match not_made {
        NotMade::Refused(refusal) => refuse(options, refusal),
        NotMade::Failed(error) => error,
    }
}

/// Formats a cell for [`Debug`](fmt::Debug): open, closed, or without a value.
#[inline]
pub(super) fn debug(f: &mut fmt::Formatter<'_>, name: &str, options: &Options, is_open: Option<bool>) -> fmt::Result {
    let state = match is_open {
        None => "empty",
        Some(true) => "open",
        Some(false) => "closed",
    };
    let info = options.label().info();
    f.debug_struct(name).field("declared", &format_args!("{info}")).field("state", &format_args!("{state}")).finish()
}
