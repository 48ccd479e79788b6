//! Owns what the system does about signals, and how a signal handler wakes a thread; must not know what is done when one arrives.

use std::io;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, OnceLock};

use super::iso_c::exit_at_once;
use super::semaphore::Semaphore;
use super::signal_number::Signal;

/// Signals that a terminal, an operator or a system that shuts down sends.
pub(crate) const USUAL: &[Signal] = &[Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM];

/// Signals that end a process, and leave it in a state in which handlers can run.
pub(crate) static SUPPORTED: &[Signal] = &[
    Signal::ALRM,
    Signal::HUP,
    Signal::INT,
    Signal::PIPE,
    Signal::PROF,
    Signal::QUIT,
    Signal::TERM,
    Signal::USR1,
    Signal::USR2,
    Signal::VTALRM,
    Signal::XCPU,
    Signal::XFSZ,
];

/// Signals that no process can catch.
pub(crate) static UNCATCHABLE: &[Signal] = &[Signal::KILL, Signal::STOP];

/// Signals that report a fault of the program, which cannot go on after it.
pub(crate) static FAULTS: &[Signal] =
    &[Signal::ABRT, Signal::BUS, Signal::FPE, Signal::ILL, Signal::SEGV, Signal::SYS, Signal::TRAP];

/// Signals that do not end a process by default.
pub(crate) static NO_ENDS: &[Signal] =
    &[Signal::CHLD, Signal::CONT, Signal::TSTP, Signal::TTIN, Signal::TTOU, Signal::URG, Signal::WINCH];

/// What a process does about a signal.
#[derive(Clone, Copy)]
pub(crate) struct Disposition(libc::sigaction);

impl Disposition {
    /// What the process does about this signal now; an error if there is no such signal, or if the system does not tell.
    pub(crate) fn of(signal: Signal) -> io::Result<Self> {
        let mut action = MaybeUninit::zeroed();
        // SAFETY: POSIX: it fills in the structure if it succeeds, and fails for a number that is not a signal.
        if unsafe { libc::sigaction(signal.as_raw(), std::ptr::null(), action.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call has filled it in.
        Ok(Self(unsafe { action.assume_init() }))
    }

    pub(crate) fn is_ignored(&self) -> bool {
        self.0.sa_sigaction == libc::SIG_IGN
    }

    /// Gives the signal this disposition again.
    pub(crate) fn restore(&self, signal: Signal) {
        // SAFETY: the system has filled in the structure. POSIX allows the call in a forked child.
        unsafe { libc::sigaction(signal.as_raw(), &raw const self.0, std::ptr::null_mut()) };
    }
}

/// Calls `arrived` in the signal handler of this signal; the first time, after the program's former handler.
///
/// `arrived` must be safe in a signal handler, and be the same each time: `exit::signals` is the only caller, and says so at its function.
pub(crate) fn catch(signal: Signal, arrived: fn(Signal)) -> io::Result<()> {
    ARRIVED.get_or_init(|| arrived);
    let first_time = move || {
        catch_again(signal);
        arrived(signal);
    };
    // SAFETY: everything that is called only uses atomic operations, `sigaction`, a post to a semaphore, a clock, and what `signal-hook` offers
    // for signal handlers.
    unsafe { signal_hook::low_level::register(signal.as_raw(), first_time) }.map(drop)
}

/// The function that [`catch`] got.
static ARRIVED: OnceLock<fn(Signal)> = OnceLock::new();

/// From now on, only this is called for the signal. The program's former handler has run. As is usual in C, it may have restored the default and
/// raised the signal again: then the signal arrives here as soon as the signal handler returns, instead of killing the process.
fn catch_again(signal: Signal) {
    extern "C" fn handler(signal: libc::c_int) {
        if let Some(arrived) = ARRIVED.get() {
            arrived(Signal::from_raw(signal));
        }
    }
    // SAFETY: the structure may be all zeros, which means no flags and the empty set of signals.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as extern "C" fn(libc::c_int) as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: POSIX allows it in a signal handler. Our handler does what `catch` says.
    unsafe { libc::sigaction(signal.as_raw(), &raw const action, std::ptr::null_mut()) };
}

/// Nanoseconds of a monotonic clock, never 0; safe in a signal handler.
pub(crate) fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: POSIX allows it in a signal handler. It fills in the structure, which is ours.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or_default();
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds).max(1)
}

/// Dies by the signal; safe in a signal handler. If the system does not let the process do that, as with process 1, it ends with the status that
/// a shell would report: 128 plus the signal's number.
pub(crate) fn die_by(signal: Signal) -> ! {
    // SAFETY: POSIX allows it in a signal handler.
    if unsafe { libc::getpid() } != 1 {
        send_to_process(signal);
        let _ = signal_hook::low_level::emulate_default_handler(signal.as_raw());
    }
    exit_at_once(signal.exit_status())
}

/// Restores the default for the signal, and sends it to the process. C's `raise`, which follows, sends it to a thread, by a number that musl has
/// noted: in a child that was made without `fork`, that is a thread of the parent.
fn send_to_process(signal: Signal) {
    // SAFETY: POSIX allows all of it in a signal handler. The structures may be all zeros.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = libc::SIG_DFL;
        libc::sigaction(signal.as_raw(), &raw const action, std::ptr::null_mut());
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal.as_raw());
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
        libc::kill(libc::getpid(), signal.as_raw());
    }
}

/// Where the thread waits that a signal handler wakes; null if there is none. It uses no file descriptor, because a program that becomes a daemon
/// would close it. It is never freed, because a signal handler may be about to post to it.
static WAITS_AT: AtomicPtr<Semaphore> = AtomicPtr::new(std::ptr::null_mut());

/// Where a thread waits, once it is published.
#[derive(Clone)]
pub(crate) struct Waker(Arc<Semaphore>);

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        Semaphore::new().map(Self)
    }

    /// From now on, [`wake`] wakes the thread that waits here.
    pub(crate) fn publish(self) {
        WAITS_AT.store(Arc::into_raw(self.0).cast_mut(), Ordering::SeqCst);
    }

    /// Waits to be woken. It may also return for another reason.
    pub(crate) fn wait(&self) {
        self.0.wait();
    }
}

/// Wakes the thread that waits; safe in a signal handler.
pub(crate) fn wake() {
    // SAFETY: it is null, or was made by `publish` and is never freed.
    if let Some(semaphore) = unsafe { WAITS_AT.load(Ordering::SeqCst).as_ref() } {
        semaphore.post();
    }
}

/// In a forked child, no thread waits.
pub(crate) fn forget_waker_in_child() {
    WAITS_AT.store(std::ptr::null_mut(), Ordering::SeqCst);
}

/// Blocks signals on this thread as long as this value exists.
pub(crate) struct BlockedSignals(libc::sigset_t);

impl BlockedSignals {
    pub(crate) fn all() -> Self {
        let (mut all, mut before) = (MaybeUninit::zeroed(), MaybeUninit::zeroed());
        // SAFETY: POSIX: the first call fills in a set, the second reads it and fills in the other. A zeroed set is valid, too.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
            Self(before.assume_init())
        }
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        // SAFETY: the set is the one that this thread had.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut()) };
    }
}
