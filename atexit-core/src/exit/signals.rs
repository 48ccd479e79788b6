//! Runs handlers when a signal would end the process, which then dies by that signal (feature `signals`, on Unix).
//!
//! Nobody can do much inside a signal handler: it may interrupt any code, `malloc` among it. So the signal handler only wakes a
//! thread, which [`install`] has started; that thread has the exit handlers run, on an exit thread like at any other exit, while the rest of the
//! program goes on, even if its main thread sits in a system call. Then the process kills itself by the same signal, so that its
//! parent sees what happened, unless a handler has called [`exit`](crate::exit). C's exit functions do not run. What
//! arrives within a second of the first signal is the same request, as some senders repeat it; a signal after that kills at once. Process 1,
//! as in a container, which no signal kills that it does not catch, ends with status 128 and the signal's number instead.
//!
//! # What a signal does
//!
//! | the signal | after `install` |
//! |---|---|
//! | was ignored, as `nohup` does with SIGHUP, and Rust with SIGPIPE | stays ignored |
//! | has a handler of the program's own | that handler is called, and then the exit handlers run, also if it puts the default back and raises the signal again |
//! | arrives while the process exits already | the handlers go on, and then the process dies by it; a signal later than a second after that kills at once |
//! | arrives in a forked child | kills it: there the signals have their former dispositions again |
//!
//! A signal handler that the program sets by `sigaction` afterwards replaces this one, until `install` is called again, which puts this
//! one in its place. One set through `signal-hook`, as Tokio's and `ctrlc`'s are, is called too, but the process ends all the same: a
//! program with an orderly shutdown of its own for a signal should not install for that signal.
//!
//! If some thread holds the lock of stdout or stderr, a handler that prints would wait for it forever: then handlers without a limit are
//! given a limit of two seconds.

// What this module must not know: how handlers are run, and which system calls it takes.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use crate::report::Cause;
use crate::runner;
use crate::sys::lock::{Guard, Lock, Rank};
use crate::sys::signal::{self, Disposition, Waiter};
use crate::sys::{self, Process};

/// Why signals could not be installed.
#[derive(Debug)]
#[non_exhaustive]
pub enum SignalError {
    /// The number of no signal.
    Invalid(i32),
    /// A signal that cannot be caught, that reports a fault of the program after which nothing can run, or that does not end a process.
    Forbidden(i32),
    /// The system refuses.
    System(io::Error),
}

impl fmt::Display for SignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(signal) => write!(f, "{signal} is not the number of a signal"),
            Self::Forbidden(signal) => write!(f, "handlers cannot run because of signal {signal}"),
            Self::System(error) => write!(f, "the signals cannot be installed: {error}"),
        }
    }
}

impl std::error::Error for SignalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System(error) => Some(error),
            Self::Invalid(_) | Self::Forbidden(_) => None,
        }
    }
}

/// Has SIGHUP, SIGINT, SIGQUIT and SIGTERM run the handlers; see the [module](self).
///
/// To install twice is fine.
///
/// # Errors
///
/// If the system refuses, for want of a file descriptor or a thread, or because it has no signals.
///
/// ```
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     atexit_core::signals::install()?;
///     Ok(())
/// }
/// ```
pub fn install() -> Result<(), SignalError> {
    if signal::USUAL.is_empty() {
        return Err(SignalError::System(io::ErrorKind::Unsupported.into()));
    }
    install_for(signal::USUAL)
}

/// Has these signals run the handlers, besides those that were installed before; see the [module](self).
///
/// The signals that can be had are SIGALRM, SIGHUP, SIGINT, SIGPIPE, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU
/// and SIGXFSZ; of these Rust ignores SIGPIPE before `main`, and so it stays ignored unless the program has set its default again.
///
/// # Errors
///
/// If a number is no signal's, if a signal cannot be had (SIGKILL and SIGSTOP cannot be caught; after SIGSEGV, SIGABRT and the like
/// nothing can run; SIGCHLD and the like end no process): then none of the signals is installed. Or if the system refuses: then those
/// before the one that it refuses are.
///
/// ```
/// use atexit_core::signals::{SignalError, install_for};
///
/// const SIGUSR1: i32 = 10; // on Linux
/// const SIGKILL: i32 = 9;
/// install_for(&[SIGUSR1])?;
/// assert!(matches!(install_for(&[SIGUSR1, SIGKILL]), Err(SignalError::Forbidden(SIGKILL))));
/// assert!(matches!(install_for(&[-1]), Err(SignalError::Invalid(-1))));
/// # Ok::<(), SignalError>(())
/// ```
pub fn install_for(signals: &[i32]) -> Result<(), SignalError> {
    let mut installed = lock();
    let mut wanted = Vec::new();
    for &signal in signals {
        let disposition = Disposition::of(signal).ok_or(SignalError::Invalid(signal))?;
        if !signal::SUPPORTED.contains(&signal) {
            return Err(SignalError::Forbidden(signal));
        }
        if !disposition.is_ignored() && !wanted.contains(&signal) {
            wanted.push(signal);
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    start_thread(&mut installed).map_err(SignalError::System)?;
    for signal in wanted {
        installed.catch(signal).map_err(SignalError::System)?;
    }
    Ok(())
}

pub(crate) struct Installed {
    /// In which process the thread waits.
    thread_in: Option<Process>,
    caught: Vec<Caught>,
}

/// A signal that this process, or the one it was forked from, has caught.
#[derive(Clone, Copy)]
struct Caught {
    signal: i32,
    before: Disposition,
    after: Disposition,
}

static INSTALLED: Lock<Installed> = Lock::new(Rank::Signals, Installed { thread_in: None, caught: Vec::new() });

impl Installed {
    fn catch(&mut self, signal: i32) -> io::Result<()> {
        if let Some(caught) = self.caught.iter().find(|caught| caught.signal == signal) {
            caught.after.restore(signal); // a forked child has put the former one back
            return Ok(());
        }
        let asked = || Disposition::of(signal).ok_or_else(io::Error::last_os_error);
        let before = asked()?;
        signal::catch(signal, arrived)?;
        let after = asked()?;
        self.caught.push(Caught { signal, before, after });
        Ok(())
    }
}

/// When the first signal arrived, or 0.
static FIRST: AtomicU64 = AtomicU64::new(0);

/// Which it was, or 0. Written after the time.
static ARRIVED: AtomicI32 = AtomicI32::new(0);

/// What comes within so many milliseconds of the first signal is the same request: `timeout` sends SIGTERM to its child and to its group,
/// a terminal that closes has SIGHUP sent by the shell and by the kernel, and package runners repeat a Ctrl-C.
const REPEATS: u64 = 1000;

/// Called by the signal handler: nothing here allocates, locks or panics.
fn arrived(signal: i32) {
    let now = signal::now();
    match FIRST.compare_exchange(0, now, Ordering::SeqCst, Ordering::SeqCst) {
        Ok(_) => {
            ARRIVED.store(signal, Ordering::SeqCst);
            signal::wake();
        }
        Err(first) if now.saturating_sub(first) < REPEATS => {}
        Err(_) => signal::die_by(signal), // whoever sends it does not want to wait
    }
}

fn start_thread(installed: &mut Installed) -> io::Result<()> {
    let here = Process::current();
    if installed.thread_in == Some(here) {
        return Ok(());
    }
    let (waker, waiter) = signal::waiter()?;
    sys::spawn("at_exit_signals", move || wait(waiter))?;
    installed.thread_in = Some(here);
    waker.publish();
    Ok(())
}

/// Waits for a signal to arrive, and ends the process by it.
fn wait(mut waiter: Waiter) {
    while ARRIVED.load(Ordering::SeqCst) == 0 {
        if !waiter.wait() {
            return; // nobody is left to wake anybody
        }
    }
    let signal = ARRIVED.load(Ordering::SeqCst);
    let (_, asked) = runner::run_or_park(Cause::Signal(signal));
    if let Some(code) = asked.exit {
        // Not by way of C's `exit`: another thread may be in there already, waiting for this one.
        sys::exit_at_once(asked.applied_to(Some(code)).unwrap_or(code));
    }
    signal::die_by(signal);
}

pub(crate) fn lock() -> Guard<'static, Installed> {
    INSTALLED.lock()
}

/// In a forked child: signals do again what they did before, as the thread is the parent's.
pub(crate) fn forget_in_child(installed: &Installed) {
    installed.caught.iter().for_each(|caught| caught.before.restore(caught.signal));
    signal::forget_waker_in_child();
    FIRST.store(0, Ordering::SeqCst);
    ARRIVED.store(0, Ordering::SeqCst);
}

/// Dies by the signal that has arrived, once the handlers have run because of an exit.
pub(crate) fn die_if_arrived() {
    let signal = ARRIVED.load(Ordering::SeqCst);
    if signal != 0 {
        signal::die_by(signal);
    }
}
