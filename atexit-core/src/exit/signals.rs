//! Runs handlers when a signal would end the process, which then dies by that signal (feature `signals`).
//!
//! It is there on every platform, and works on Unix and Windows; elsewhere [`install`] is [`SignalError::Unsupported`].
//!
//! Nobody can do much inside a signal handler: it may interrupt any code, `malloc` among it. So the signal handler only wakes a
//! thread, which [`install`] has started; that thread has the exit handlers run, on an exit thread like at any other exit, while the rest of the
//! program goes on, even if its main thread sits in a system call. Then the process kills itself by the same signal, so that its
//! parent sees what happened, unless a handler has called [`exit`](crate::exit). C's exit functions do not run, unless the program has asked
//! for them by [`Signals::end_by_exit`].
//!
//! What arrives within a second of the first signal, or within what [`Signals::ignore_repeats`] says, is the same request, as some senders
//! repeat it; a signal after that kills at once. Process 1, as in a container, which no signal kills that it does not catch, ends with status
//! 128 and the signal's number instead.
//!
//! # What a signal does
//!
//! | the signal | after `install` |
//! |---|---|
//! | was ignored, as `nohup` does with SIGHUP, and Rust with SIGPIPE | stays ignored |
//! | has a handler of the program's own | that handler is called, and then the exit handlers run, also if it puts the default back and raises the signal again |
//! | arrives while the process exits already | the handlers go on, [`cause`](crate::cause) stays `Exit`, and then the process dies by it; a signal later than a second after that kills at once. Once the handlers have run, and C's exit functions do, the first one has no effect |
//! | arrives in a forked child | kills it: there the signals have their former dispositions again |
//!
//! # Beside others that catch signals
//!
//! | who | set before `install` | set after it |
//! |---|---|---|
//! | `sigaction`, `signal` | is called, then the exit handlers run | replaces this, until `install` is called again, which puts this in its place |
//! | `ctrlc` | is called, and the exit handlers run | the same: it replaces this; `try_set_handler` is an error |
//! | `signal-hook`, Tokio | both: it is called, or its stream told, and the exit handlers run | both |
//!
//! "Both" is not what a service wants that shuts down in order at a signal: the exit handlers begin at once, and the process ends when they
//! are through, whatever requests are left. A signal is either for an orderly shutdown, after which `main` returns and the handlers run, or
//! for this: leave it out by [`Signals::except`].
//!
//! # Held locks
//!
//! If some thread holds the lock of stdout or stderr, a handler that prints would wait for it forever: then each handler without a limit is
//! given one of two seconds, and the flush of stdout waits a second more.
//!
//! # Windows
//!
//! There, signals are the events of the console: Ctrl-C, Ctrl-Break, and that it closes, that a user logs off or that the system shuts down,
//! of which the last two reach services only. The latest handler of the console is called first, and this one lets no earlier one have a say.
//! The process ends with the status of one that does nothing about the event, `0xC000013A`. When the console closes, Windows ends the
//! process after some five seconds, whatever the handlers do.

// What this module must not know: how handlers are run, and which system calls it takes.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::way_out;
use crate::report::Cause;
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
    /// A signal that handlers cannot run at.
    ///
    /// One that cannot be caught, that reports a fault of the program after which nothing can run, or that ends no process; and any other that
    /// [`Signals::install`] does not list, as are all real-time signals.
    Forbidden(Signal),
    /// The system does not let this signal be caught, or asked about.
    Refused(Signal, io::Error),
    /// The system refuses the thread that waits for signals.
    System(io::Error),
    /// There are no signals on this platform.
    Unsupported,
}

impl fmt::Display for SignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(signal) => write!(f, "{} is not the number of a signal", signal.as_raw()),
            Self::Forbidden(signal) if signal::UNCATCHABLE.contains(signal) => write!(f, "{signal} cannot be caught"),
            Self::Forbidden(signal) if signal::FAULTS.contains(signal) => write!(f, "after {signal} nothing can run"),
            Self::Forbidden(signal) if signal::NO_ENDS.contains(signal) => write!(f, "{signal} ends no process"),
            Self::Forbidden(signal) => write!(f, "{signal} is none of those that can be had"),
            Self::Refused(signal, error) => write!(f, "the system does not let {signal} be caught: {error}"),
            Self::System(error) => write!(f, "the thread that waits for signals cannot be started: {error}"),
            Self::Unsupported => f.write_str("there are no signals on this platform"),
        }
    }
}

impl std::error::Error for SignalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(_, error) | Self::System(error) => Some(error),
            Self::Invalid(_) | Self::Forbidden(_) | Self::Unsupported => None,
        }
    }
}

impl SignalError {
    /// The signal that could not be installed; `None` if the error is about no single one.
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

/// Has SIGHUP, SIGINT, SIGQUIT and SIGTERM run the handlers, on Windows all events of the console.
///
/// It is `Signals::new().install()`; see [`Signals::install`] and the [module](self). It is the program's to call, not a library's.
///
/// # Errors
///
/// If the system refuses, for want of a thread, or has no signals.
///
/// # Examples
///
/// ```
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     atexit_core::signals::install()?;
///     Ok(())
/// }
/// ```
pub fn install() -> Result<(), SignalError> {
    Signals::new().install()
}

/// Has the signals of these numbers run the handlers, for a program that has numbers.
///
/// It is `Signals::new().only(signals).install()`, with [`Signal::from_raw`] of each.
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
pub fn install_for(signals: &[i32]) -> Result<(), SignalError> {
    Signals::new().only(signals.iter().copied().map(Signal::from_raw)).install()
}

/// Which signals run the handlers, and what is made of one that repeats the first.
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
    /// Those of [`install`](install()): SIGHUP, SIGINT, SIGQUIT and SIGTERM; on Windows all events of the console.
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

    /// These signals, and none that were chosen so far.
    pub fn only(self, signals: impl IntoIterator<Item = Signal>) -> Self {
        Self { chosen: signals.into_iter().collect(), ..self }
    }

    /// These signals, too.
    pub fn also(mut self, signals: impl IntoIterator<Item = Signal>) -> Self {
        self.chosen.to_mut().extend(signals);
        self
    }

    /// None of these signals.
    ///
    /// It does not take back what was installed before.
    pub fn except(mut self, signals: impl IntoIterator<Item = Signal>) -> Self {
        let signals: Vec<_> = signals.into_iter().collect();
        self.chosen.to_mut().retain(|signal| !signals.contains(signal));
        self
    }

    /// What arrives within this time of the first signal is the same request; what arrives later kills at once.
    ///
    /// The default is one second. With [`Duration::ZERO`] every signal after the first kills at once, with [`Duration::MAX`] none does.
    pub const fn ignore_repeats(mut self, ignore_repeats: Duration) -> Self {
        self.ignore_repeats = ignore_repeats;
        self
    }

    /// Ends the process by C's `exit` with status 128 and the signal's number, instead of by the signal.
    ///
    /// So functions that C runs at exit do run, as for coverage profiles (`-C instrument-coverage`) and sanitizers, and stdout is flushed.
    ///
    /// [`exit`](crate::exit) inside a handler beats that status; a failure does not. Where another thread exits already, that one ends the
    /// process, with this status. A signal that kills at once still does, and so does the first one where the process outlives its deadline. On
    /// Windows it ends as by [`std::process::exit`], which runs none of C's functions there.
    pub const fn end_by_exit(mut self) -> Self {
        self.ends_by_exit = true;
        self
    }

    /// Has these signals run the handlers, besides those that were installed before; see the [module](self).
    ///
    /// To install several times is fine. The signals add up, and the options of the latest call hold for all of them.
    ///
    /// On Unix the signals that can be had are SIGALRM, SIGHUP, SIGINT, SIGPIPE, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU
    /// and SIGXFSZ; of these Rust ignores SIGPIPE before `main`, and so it stays ignored unless the program has set its default again.
    ///
    /// # Errors
    ///
    /// If there is no such signal, or if one cannot be had (SIGKILL and SIGSTOP cannot be caught; after SIGSEGV, SIGABRT and the like
    /// nothing can run; SIGCHLD and the like end no process; real-time signals are not for this): then nothing changes. If the system refuses a
    /// thread, nothing changes either; if it refuses one of the signals, those before it may be installed. On a platform without signals it is
    /// always an error.
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
        for signal in wanted {
            installed.catch(signal).map_err(|error| SignalError::Refused(signal, error))?;
        }
        Ok(())
    }
}

pub(crate) struct Installed {
    /// In which process the thread waits.
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
        if let Some(caught) = self.caught.iter().find(|caught| caught.signal == signal) {
            caught.after.restore(signal); // a forked child has put the former one back
            return Ok(());
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

/// Which it was, or [`NONE`]. Written after the time.
static ARRIVED: AtomicI32 = AtomicI32::new(NONE);

/// The number of no signal.
const NONE: i32 = -1;

/// What comes within so many nanoseconds of the first signal is the same request.
static REPEATS: AtomicU64 = AtomicU64::new(0);

/// The process ends by C's `exit`.
static ENDS_BY_EXIT: AtomicBool = AtomicBool::new(false);

/// `timeout` sends SIGTERM to its child and to its group, a terminal that closes has SIGHUP sent by the shell and by the kernel, and package
/// runners repeat a Ctrl-C.
const IGNORE_REPEATS: Duration = Duration::from_secs(1);

/// The number of the process whose thread waits for signals.
static INSTALLED_IN: AtomicU32 = AtomicU32::new(0);

/// Called by the signal handler: nothing here allocates, locks or panics.
fn arrived(signal: Signal) {
    if INSTALLED_IN.load(Ordering::SeqCst) != sys::process_id() {
        signal::die_by(signal); // a child that was made past `fork`: nobody has put its dispositions back, and it has no thread
    }
    let now = signal::now();
    match FIRST.compare_exchange(0, now, Ordering::SeqCst, Ordering::SeqCst) {
        Ok(_) => {
            ARRIVED.store(signal.as_raw(), Ordering::SeqCst);
            signal::wake();
        }
        Err(first) if now.saturating_sub(first) < REPEATS.load(Ordering::SeqCst) => {}
        Err(_) => signal::die_by(signal), // whoever sends it does not want to wait
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
    sys::spawn("at_exit_signals", move || wait(&theirs))?;
    installed.thread_in = Some(here);
    INSTALLED_IN.store(sys::process_id(), Ordering::SeqCst);
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
    let (_, asked) = runner::run_or_park(Cause::Signal(signal));
    end(signal, asked);
}

/// Ends the process once the handlers have run because of the signal.
fn end(signal: Signal, asked: AskedStatus) -> ! {
    take_arrived();
    match asked.exit {
        // Not by way of C's `exit`: another thread may be in there already, waiting for this one.
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

/// In a forked child: signals do again what they did before, as the thread is the parent's.
pub(crate) fn forget_in_child(installed: &Installed) {
    installed.caught.iter().for_each(|caught| caught.before.restore(caught.signal));
    signal::forget_waker_in_child();
    FIRST.store(0, Ordering::SeqCst);
    ARRIVED.store(NONE, Ordering::SeqCst);
}

/// The signal that has arrived and that nobody has ended the process by, for whoever ends it now.
pub(crate) fn take_arrived() -> Option<Signal> {
    signal_of(ARRIVED.swap(NONE, Ordering::SeqCst))
}

/// Dies by the signal, once the handlers have run, or says the status to end with by C's `exit`.
pub(crate) fn die_or_status(signal: Signal) -> i32 {
    if !ENDS_BY_EXIT.load(Ordering::SeqCst) {
        signal::die_by(signal);
    }
    signal.exit_status()
}
