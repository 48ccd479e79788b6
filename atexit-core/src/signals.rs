//! Runs handlers when a signal would end the process, which then dies by that signal (feature `signals`, Unix).
//!
//! Nobody can do much inside a signal handler: it may interrupt any code, `malloc` among it. So the signal handler only wakes a
//! thread, which [`install`] has started; that thread has the exit handlers run, on an exit thread like at any other exit, while the rest of the
//! program goes on, even if its main thread sits in a system call. Then the process kills itself by the same signal, so that its
//! parent sees what happened, unless a handler has called [`exit`](crate::exit). C's exit functions do not run. A second signal meanwhile
//! kills at once.
//!
//! # What a signal does
//!
//! | the signal | after `install` |
//! |---|---|
//! | was ignored, as `nohup` does with SIGHUP, and Rust with SIGPIPE | stays ignored |
//! | has a handler of the program's own | that handler is called, and then the exit handlers run |
//! | arrives while the process exits already | the handlers go on, and then the process dies by it; the next signal kills at once |
//! | arrives in a forked child | kills it: there the signals have their former dispositions again |
//!
//! A signal handler that the program sets by `sigaction` afterwards replaces this one, until `install` is called again, which puts this
//! one in its place. One set through `signal-hook`, as Tokio's and `ctrlc`'s are, is called too, but the process ends all the same: a
//! program with an orderly shutdown of its own for a signal should not install for that signal.
//!
//! If some thread holds the lock of stdout or stderr, a handler that prints would wait for it for ever: then handlers without a limit get
//! one of two seconds.

// What this module must not know: how handlers are run, and which system calls it takes (that is in `platform`).

use std::fmt;
use std::io::{self, Read as _};
use std::os::fd::IntoRawFd as _;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::Builder;

use signal_hook::consts::{
    SIGALRM, SIGHUP, SIGINT, SIGPIPE, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU, SIGXFSZ,
};
use signal_hook::low_level::emulate_default_handler;

use crate::platform::{self, Disposition};
use crate::runner::{self, Cause};

/// What ends a process, and leaves it in a state in which handlers can run.
const SUPPORTED: [i32; 12] =
    [SIGALRM, SIGHUP, SIGINT, SIGPIPE, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU, SIGXFSZ];

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
/// If the system refuses, for want of a file descriptor or a thread.
///
/// ```
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     atexit_core::signals::install()?;
///     Ok(())
/// }
/// ```
pub fn install() -> Result<(), SignalError> {
    install_for(&[SIGHUP, SIGINT, SIGQUIT, SIGTERM])
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
        let disposition = platform::disposition(signal).ok_or(SignalError::Invalid(signal))?;
        if !SUPPORTED.contains(&signal) {
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
    thread_in: Option<u32>,
    caught: Vec<Caught>,
}

/// A signal that this process, or the one it was forked from, has caught.
#[derive(Clone, Copy)]
struct Caught {
    signal: i32,
    before: Disposition,
    after: Disposition,
}

static INSTALLED: Mutex<Installed> = Mutex::new(Installed { thread_in: None, caught: Vec::new() });

impl Installed {
    fn catch(&mut self, signal: i32) -> io::Result<()> {
        if let Some(caught) = self.caught.iter().find(|caught| caught.signal == signal) {
            caught.after.restore(signal); // a forked child has put the former one back
            return Ok(());
        }
        let asked = || platform::disposition(signal).ok_or_else(io::Error::last_os_error);
        let before = asked()?;
        platform::on_signal(signal, arrived)?;
        let after = asked()?;
        self.caught.push(Caught { signal, before, after });
        Ok(())
    }
}

/// The first signal that arrived, or 0.
static ARRIVED: AtomicI32 = AtomicI32::new(0);

/// The descriptor by which the signal handler wakes the thread. It is never closed.
static WAKE: AtomicI32 = AtomicI32::new(-1);

/// Called by the signal handler: nothing here allocates, locks or panics.
fn arrived(signal: i32) {
    if ARRIVED.swap(signal, Ordering::SeqCst) != 0 {
        let _ = emulate_default_handler(signal); // the second one: enough
    } else {
        platform::write_to(WAKE.load(Ordering::SeqCst), &[0]);
    }
}

fn start_thread(installed: &mut Installed) -> io::Result<()> {
    let here = std::process::id();
    if installed.thread_in == Some(here) {
        return Ok(());
    }
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    Builder::new().name("at_exit_signals".to_owned()).spawn(move || wait(theirs))?;
    installed.thread_in = Some(here);
    WAKE.store(ours.into_raw_fd(), Ordering::SeqCst);
    Ok(())
}

/// Waits for a signal to arrive, and ends the process by it.
fn wait(mut wake: UnixStream) {
    while ARRIVED.load(Ordering::SeqCst) == 0 {
        if matches!(wake.read(&mut [0]), Ok(0)) {
            return; // nobody is left to wake anybody
        }
    }
    let signal = ARRIVED.load(Ordering::SeqCst);
    let (_, wishes) = runner::run(Cause::Signal(signal));
    if let Some(code) = wishes.exit {
        // Not by way of C's `exit`: another thread may be in there already, waiting for this one.
        platform::exit_at_once(wishes.over(Some(code)).unwrap_or(code));
    }
    let _ = emulate_default_handler(signal);
}

pub(crate) fn lock() -> MutexGuard<'static, Installed> {
    INSTALLED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// In a forked child: signals do again what they did before, as the thread is the parent's.
pub(crate) fn forget_in_child(installed: &Installed) {
    installed.caught.iter().for_each(|caught| caught.before.restore(caught.signal));
    WAKE.store(-1, Ordering::SeqCst);
    ARRIVED.store(0, Ordering::SeqCst);
}

/// Dies by the signal that has arrived, once the handlers have run because of an exit.
pub(crate) fn die_if_arrived() {
    let signal = ARRIVED.load(Ordering::SeqCst);
    if signal != 0 {
        let _ = emulate_default_handler(signal);
    }
}
