//! Runs handlers when a signal would end the process, which then dies by that signal (feature `signals`).
//!
//! Call [`install`] early in `main`, or choose the signals with [`Signals`]. The page [signals](crate::docs::signals) says what each signal does
//! then, and how this fits other code that catches signals, such as Tokio or `ctrlc`.
//!
//! The module exists on every platform, and works on Unix and Windows; elsewhere [`install`] returns [`SignalError::Unsupported`].

// What this module must not know: how handlers are run, and which system calls it takes.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::way_out;
use crate::report::{Cause, RunResults};
use crate::runner::{self, AskedStatus};
use crate::sys::lock::{Guard, Lock, Rank};
use crate::sys::signal::{self, Disposition, Waker};
use crate::sys::{self, Process};

pub use crate::sys::signal_number::Signal;

/// Why signals could not be installed.
#[derive(Debug)]
#[non_exhaustive]
pub enum SignalError {
    /// No signal has this number.
    Invalid(Signal),
    /// This signal cannot run handlers.
    ///
    /// It cannot be caught, it reports a fault after which nothing can run, or it does not end a process. Or it is another one that
    /// [`Signals::install`] does not list, such as a real-time signal.
    Forbidden(Signal),
    /// The system does not let this signal be caught, or does not say how it is handled.
    Refused(Signal, io::Error),
    /// The system could not start the thread that waits for signals.
    System(io::Error),
    /// There are no signals on this platform.
    Unsupported,
}

impl fmt::Display for SignalError {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(signal) => write!(f, "{} is not the number of a signal", signal.as_raw()),
            Self::Forbidden(signal) if signal::UNCATCHABLE.contains(signal) => write!(f, "{signal} cannot be caught"),
            Self::Forbidden(signal) if signal::FAULTS.contains(signal) => write!(f, "nothing can run after {signal}"),
            Self::Forbidden(signal) if signal::NO_ENDS.contains(signal) => write!(f, "{signal} does not end a process"),
            Self::Forbidden(signal) => write!(f, "{signal} is not a supported signal"),
            Self::Refused(signal, error) => write!(f, "the system does not let {signal} be caught: {error}"),
            Self::System(error) => write!(f, "the thread that waits for signals cannot be started: {error}"),
            Self::Unsupported => f.write_str("there are no signals on this platform"),
        }
    }
}

impl std::error::Error for SignalError {
    #[inline]
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(_, error) | Self::System(error) => Some(error),
            Self::Invalid(_) | Self::Forbidden(_) | Self::Unsupported => None,
        }
    }
}

impl SignalError {
    /// The signal that could not be installed; `None` if the error is not about one signal.
    ///
    /// # Examples
    ///
    /// ```
    /// use atexit_core::signals::{Signal, install_for};
    ///
    /// let error = install_for(&[Signal::USR1.as_raw(), -1]).unwrap_err();
    /// assert_eq!(error.signal(), Some(Signal::from_raw(-1)));
    /// ```
    #[must_use]
    pub const fn signal(&self) -> Option<Signal> {
        match self {
            Self::Invalid(signal) | Self::Forbidden(signal) | Self::Refused(signal, _) => Some(*signal),
            Self::System(_) | Self::Unsupported => None,
        }
    }
}

/// Makes SIGHUP, SIGINT, SIGQUIT and SIGTERM run the handlers; on Windows, all events of the console.
///
/// Short for `Signals::new().install()`; see [`Signals::install`] and the [module](self). Only a program should call this, never a library.
///
/// # Errors
///
/// If the system refuses, because it cannot start a thread for example, or if it has no signals.
///
/// # Examples
///
/// ```
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     atexit_core::signals::install()?;
///     Ok(())
/// }
/// ```
#[doc(alias = "ctrl_c")]
#[doc(alias = "ctrlc")]
#[doc(alias = "shutdown")]
#[doc(alias = "sighup")]
#[doc(alias = "sigint")]
#[doc(alias = "sigquit")]
#[doc(alias = "sigterm")]
pub fn install() -> Result<(), SignalError> {
    Signals::new().install()
}

/// Makes the signals with these numbers run the handlers, for a program that has numbers.
///
/// Short for `Signals::new().only(signals).install()`, with [`Signal::from_raw`] applied to each number.
///
/// # Errors
///
/// As [`Signals::install`].
///
/// # Examples
///
/// ```
/// use atexit_core::signals::{Signal, SignalError, install_for};
///
/// install_for(&[Signal::USR1.as_raw()])?;
/// assert!(matches!(install_for(&[-1]), Err(SignalError::Invalid(_))));
/// # Ok::<(), SignalError>(())
/// ```
#[inline]
pub fn install_for(signals: &[i32]) -> Result<(), SignalError> {
    Signals::new().only(signals.iter().copied().map(Signal::from_raw)).install()
}

/// Which signals run the handlers, and how repeated signals are treated.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use atexit_core::signals::{Signal, SignalError, Signals};
///
/// Signals::new()
///     .also([Signal::USR1])
///     .except([Signal::QUIT])
///     .ignore_repeats(Duration::from_secs(3))
///     .install()?;
///
/// assert!(matches!(Signals::new().also([Signal::KILL]).install(), Err(SignalError::Forbidden(Signal::KILL))));
/// # Ok::<(), SignalError>(())
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "ctrl_c")]
#[doc(alias = "ctrlc")]
#[doc(alias = "sigint")]
#[doc(alias = "sigterm")]
#[must_use = "without `install` nothing is installed"]
pub struct Signals {
    chosen: Cow<'static, [Signal]>,
    ignore_repeats: Duration,
    ends_by_exit: bool,
}

impl Default for Signals {
    fn default() -> Self {
        Self::new()
    }
}

impl Signals {
    /// The signals of [`install`](install()): SIGHUP, SIGINT, SIGQUIT and SIGTERM; on Windows, all events of the console.
    ///
    /// # Examples
    ///
    /// ```
    /// use atexit_core::signals::{SignalError, Signals};
    ///
    /// const FOR_COVERAGE: Signals = Signals::new().end_by_exit();
    ///
    /// FOR_COVERAGE.install()?;
    /// # Ok::<(), SignalError>(())
    /// ```
    pub const fn new() -> Self {
        Self { chosen: Cow::Borrowed(signal::USUAL), ignore_repeats: IGNORE_REPEATS, ends_by_exit: false }
    }

    /// These signals, instead of those chosen so far.
    pub fn only(self, signals: impl IntoIterator<Item = Signal>) -> Self {
        Self { chosen: signals.into_iter().collect(), ..self }
    }

    /// These signals, in addition to those chosen so far.
    pub fn also(mut self, signals: impl IntoIterator<Item = Signal>) -> Self {
        self.chosen.to_mut().extend(signals);
        self
    }

    /// None of these signals.
    ///
    /// Signals that are already installed stay installed.
    pub fn except(mut self, signals: impl IntoIterator<Item = Signal>) -> Self {
        let signals: Vec<_> = signals.into_iter().collect();
        self.chosen.to_mut().retain(|signal| !signals.contains(signal));
        self
    }

    /// Treats a signal within this time of the first one as the same request; a later one kills at once.
    ///
    /// The default is one second. With [`Duration::ZERO`] every signal after the first kills at once; with [`Duration::MAX`] none does.
    pub const fn ignore_repeats(mut self, ignore_repeats: Duration) -> Self {
        self.ignore_repeats = ignore_repeats;
        self
    }

    /// Ends the process by C's `exit`, with status 128 plus the signal's number, instead of by the signal.
    ///
    /// This way C's exit functions run, which coverage profiles (`-C instrument-coverage`) and sanitizers need, and stdout is flushed.
    ///
    /// [`exit`](crate::exit) inside a handler overrides that status; a failure does not. If another thread is already exiting, that thread ends
    /// the process, with this status. A signal that kills at once still does, and so does the first one if the process outlives its deadline. On
    /// Windows, the process ends as by [`std::process::exit`], which runs none of C's exit functions there.
    pub const fn end_by_exit(mut self) -> Self {
        self.ends_by_exit = true;
        self
    }

    /// Makes these signals run the handlers, in addition to those already installed; see the [module](self).
    ///
    /// You can install several times. The signals add up, and the options of the latest call apply to all of them.
    ///
    /// On Unix, the supported signals are SIGALRM, SIGHUP, SIGINT, SIGPIPE, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU and
    /// SIGXFSZ. Rust ignores SIGPIPE before `main`, so it stays ignored unless the program restores its default first.
    ///
    /// # Errors
    ///
    /// If a signal does not exist or is not supported, nothing changes: SIGKILL and SIGSTOP cannot be caught; after SIGSEGV, SIGABRT and the
    /// like nothing can run; SIGCHLD and the like do not end a process; real-time signals are not meant for this. If the system cannot start a
    /// thread, nothing changes either. If it refuses one of the signals, those before it may be installed. On a platform without signals, this
    /// always fails.
    pub fn install(self) -> Result<(), SignalError> {
        if signal::SUPPORTED.is_empty() {
            return Err(SignalError::Unsupported);
        }
        let mut wanted = Vec::new();
        for &signal in &*self.chosen {
            let disposition = Disposition::of(signal);
            if !signal::SUPPORTED.contains(&signal) {
                let refusal = if disposition.is_ok() { SignalError::Forbidden } else { SignalError::Invalid };
                return Err(refusal(signal));
            }
            if !disposition.map_err(|error| SignalError::Refused(signal, error))?.is_ignored() {
                wanted.push(signal);
            }
        }
        let mut installed = lock();
        if !wanted.is_empty() {
            start_thread(&mut installed).map_err(SignalError::System)?;
        }
        REPEATS.store(u64::try_from(self.ignore_repeats.as_nanos()).unwrap_or(u64::MAX), Ordering::SeqCst);
        ENDS_BY_EXIT.store(self.ends_by_exit, Ordering::SeqCst);
        for &signal in &wanted {
            installed.catch(signal).map_err(|error| SignalError::Refused(signal, error))?;
        }
        Ok(())
    }
}

pub(crate) struct Installed {
    /// The process in which the thread waits.
    thread_in: Option<Process>,
    caught: Vec<Caught>,
}

/// A signal that this process, or the one it was forked from, has caught.
#[derive(Clone, Copy)]
struct Caught {
    signal: Signal,
    before: Disposition,
    after: Disposition,
}

pub(super) static INSTALLED: Lock<Installed> =
    Lock::new(Rank::Signals, Installed { thread_in: None, caught: Vec::new() });

impl Installed {
    fn catch(&mut self, signal: Signal) -> io::Result<()> {
        for caught in &self.caught {
            if caught.signal == signal {
                caught.after.restore(signal); // a forked child has restored the former one
                return Ok(());
            }
        }
        let before = Disposition::of(signal)?;
        signal::catch(signal, arrived)?;
        let after = Disposition::of(signal)?;
        self.caught.push(Caught { signal, before, after });
        Ok(())
    }
}

/// When the first signal arrived, or 0.
static FIRST: AtomicU64 = AtomicU64::new(0);

/// Which signal that was, or [`NONE`]. Written after [`FIRST`].
static ARRIVED: AtomicI32 = AtomicI32::new(NONE);

/// The number of no signal.
const NONE: i32 = -1;

/// How many nanoseconds after the first signal another one counts as the same request.
static REPEATS: AtomicU64 = AtomicU64::new(0);

/// Whether the process ends by C's `exit`.
static ENDS_BY_EXIT: AtomicBool = AtomicBool::new(false);

/// Senders that repeat a signal: `timeout` sends SIGTERM to its child and to its group, the shell and the kernel both send SIGHUP when a
/// terminal closes, and package runners repeat a Ctrl-C.
const IGNORE_REPEATS: Duration = Duration::from_secs(1);

/// The process whose thread waits for signals, or 0.
static INSTALLED_IN: AtomicU32 = AtomicU32::new(0);

/// Called by the signal handler: nothing here allocates, locks or panics.
fn arrived(signal: Signal) {
    if INSTALLED_IN.load(Ordering::SeqCst) != sys::process_number() {
        signal::die_by(signal); // a child made without our fork hooks: its dispositions are not restored, and it has no thread
    }
    let now = signal::now();
    match FIRST.compare_exchange(0, now, Ordering::SeqCst, Ordering::SeqCst) {
        Ok(_) => {
            ARRIVED.store(signal.as_raw(), Ordering::SeqCst);
            signal::wake();
        }
        Err(first) if now.saturating_sub(first) < REPEATS.load(Ordering::SeqCst) => {}
        Err(_) => signal::die_by(signal), // the sender does not want to wait
    }
}

fn signal_of(number: i32) -> Option<Signal> {
    (number != NONE).then_some(Signal::from_raw(number))
}

fn start_thread(installed: &mut Installed) -> io::Result<()> {
    let here = Process::current();
    if installed.thread_in == Some(here) {
        return Ok(());
    }
    let waker = Waker::new()?;
    let theirs = waker.clone();
    sys::try_spawn("at_exit_signals", move || wait(&theirs))?;
    installed.thread_in = Some(here);
    INSTALLED_IN.store(sys::process_number(), Ordering::SeqCst);
    waker.publish();
    Ok(())
}

/// Waits for a signal to arrive, and ends the process by it.
fn wait(waker: &Waker) {
    let signal = loop {
        match signal_of(ARRIVED.load(Ordering::SeqCst)) {
            Some(signal) => break signal,
            None => waker.wait(),
        }
    };
    let asked = runner::run_or_park(Cause::Signal(signal), &mut RunResults::default());
    end(signal, asked);
}

/// Ends the process once the handlers have run because of the signal.
fn end(signal: Signal, asked: AskedStatus) -> ! {
    take_arrived();
    match asked.exit {
        // Not by C's `exit`: another thread may already be inside it, waiting for this one.
        Some(code) if !ENDS_BY_EXIT.load(Ordering::SeqCst) => {
            sys::exit_at_once(asked.applied_to(Some(code)).unwrap_or(code))
        }
        code => {
            let status = code.unwrap_or_else(|| die_or_status(signal));
            way_out::leave(asked.applied_to(Some(status)).unwrap_or(status), false)
        }
    }
}

fn lock() -> Guard<'static, Installed> {
    INSTALLED.lock()
}

/// In a forked child: restores the former dispositions, because the thread that waits for signals is in the parent.
pub(crate) fn forget_in_child(installed: &Installed) {
    for caught in &installed.caught {
        caught.before.restore(caught.signal);
    }
    signal::forget_waker_in_child();
    FIRST.store(0, Ordering::SeqCst);
    ARRIVED.store(NONE, Ordering::SeqCst);
}

/// Takes the signal that has arrived, if no thread has taken it yet. The caller ends the process.
pub(crate) fn take_arrived() -> Option<Signal> {
    signal_of(ARRIVED.swap(NONE, Ordering::SeqCst))
}

/// Dies by the signal, once the handlers have run, or returns the status for C's `exit`.
pub(crate) fn die_or_status(signal: Signal) -> i32 {
    if !ENDS_BY_EXIT.load(Ordering::SeqCst) {
        signal::die_by(signal);
    }
    signal.exit_status()
}
