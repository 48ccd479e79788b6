//! Owns what the system does about signals, and how a signal handler wakes a thread; must not know what is done when one arrives.

use std::io;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, OnceLock};

use super::iso_c::exit_at_once;
use super::posix::process_id;
use super::semaphore::Semaphore;
use super::signal_number::Signal;

/// What a terminal, an operator or a system that shuts down sends.
pub(crate) const USUAL: &[Signal] = &[Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM];

/// What ends a process, and leaves it in a state in which handlers can run.
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

/// What no process can catch.
pub(crate) static UNCATCHABLE: &[Signal] = &[Signal::KILL, Signal::STOP];

/// What says that the program is at fault, and leaves it in no state to go on.
pub(crate) static FAULTS: &[Signal] =
    &[Signal::ABRT, Signal::BUS, Signal::FPE, Signal::ILL, Signal::SEGV, Signal::SYS, Signal::TRAP];

/// What ends no process, unless somebody makes it.
pub(crate) static NO_ENDS: &[Signal] =
    &[Signal::CHLD, Signal::CONT, Signal::TSTP, Signal::TTIN, Signal::TTOU, Signal::URG, Signal::WINCH];

/// What a process does about a signal.
#[derive(Clone, Copy)]
pub(crate) struct Disposition(libc::sigaction);

impl Disposition {
    /// What the process does about this signal now; an error if there is no such signal, or the system does not tell.
    pub(crate) fn of(signal: Signal) -> io::Result<Self> {
        let mut action = MaybeUninit::zeroed();
        // SAFETY: POSIX: it fills in the structure if it succeeds, and fails for what is no signal.
        if unsafe { libc::sigaction(signal.as_raw(), std::ptr::null(), action.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: filled in.
        Ok(Self(unsafe { action.assume_init() }))
    }

    pub(crate) fn is_ignored(&self) -> bool {
        self.0.sa_sigaction == libc::SIG_IGN
    }

    /// Gives the signal this disposition again.
    pub(crate) fn restore(&self, signal: Signal) {
        // SAFETY: the structure is one that the system has filled in. POSIX allows the call in a forked child.
        unsafe { libc::sigaction(signal.as_raw(), &raw const self.0, std::ptr::null_mut()) };
    }
}

/// Calls `arrived` in the signal handler of this signal, the first time after what the program had there before.
///
/// `arrived` must be fit for a signal handler, and be the same each time: `exit::signals` is the only caller, and says so at its function.
pub(crate) fn catch(signal: Signal, arrived: fn(Signal)) -> io::Result<()> {
    ARRIVED.get_or_init(|| arrived);
    let first_time = move || {
        catch_again(signal);
        arrived(signal);
    };
    // SAFETY: all that is called does nothing but atomic operations, `sigaction`, posting a semaphore, reading a clock, and what `signal-hook` offers
    // for signal handlers.
    unsafe { signal_hook::low_level::register(signal.as_raw(), first_time) }.map(drop)
}

/// What [`catch`] was told to call.
static ARRIVED: OnceLock<fn(Signal)> = OnceLock::new();

/// From now on only this is called for the signal. What the program had there before has had its say, and may, as is usual in C, have put the
/// default back and raised the signal again: it arrives here, as soon as the signal handler is over, instead of killing the process.
fn catch_again(signal: Signal) {
    extern "C" fn handler(signal: libc::c_int) {
        if let Some(arrived) = ARRIVED.get() {
            arrived(Signal::from_raw(signal));
        }
    }
    // SAFETY: the structure may be all zeros, which is no flags and the empty set of signals.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as extern "C" fn(libc::c_int) as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: POSIX: it may be called in a signal handler. That of ours does what `catch` says.
    unsafe { libc::sigaction(signal.as_raw(), &raw const action, std::ptr::null_mut()) };
}

/// Nanoseconds of a clock that nobody sets, and never 0; fit for a signal handler.
pub(crate) fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: POSIX: it may be called in a signal handler, and fills in the structure, which is ours.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or_default();
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds).max(1)
}

/// Dies by the signal; fit for a signal handler. Where the system does not let a process do that, as it does not let process 1, it ends as a
/// shell would tell it: with 128 and the signal's number.
pub(crate) fn die_by(signal: Signal) -> ! {
    if process_id() != 1 {
        send_to_process(signal);
        let _ = signal_hook::low_level::emulate_default_handler(signal.as_raw());
    }
    exit_at_once(signal.exit_status())
}

/// Has the default for the signal, and sends it. C's `raise`, which follows, sends to a thread, by a number that musl has noted: in a child that was made past
/// `fork`, to a thread of the parent's.
fn send_to_process(signal: Signal) {
    // SAFETY: POSIX: all of it may be called in a signal handler; the structures may be all zeros.
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

/// Where the thread waits that a signal handler wakes; null: there is none. It takes no file descriptor, which a program that becomes a
/// daemon would close. It is never freed, for a signal handler may be about to post it.
static WAITS_AT: AtomicPtr<Semaphore> = AtomicPtr::new(std::ptr::null_mut());

/// Where a thread waits, once it is published.
#[derive(Clone)]
pub(crate) struct Waker(Arc<Semaphore>);

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        Semaphore::new().map(Self)
    }

    /// From now on [`wake`] wakes whoever waits here.
    pub(crate) fn publish(self) {
        WAITS_AT.store(Arc::into_raw(self.0).cast_mut(), Ordering::SeqCst);
    }

    /// Waits to be woken, and mostly returns because of that.
    pub(crate) fn wait(&self) {
        self.0.wait();
    }
}

/// Wakes the thread that waits; fit for a signal handler.
pub(crate) fn wake() {
    // SAFETY: it is null, or was made by `publish` and is never freed.
    if let Some(semaphore) = unsafe { WAITS_AT.load(Ordering::SeqCst).as_ref() } {
        semaphore.post();
    }
}

/// In a forked child nobody waits.
pub(crate) fn forget_waker_in_child() {
    WAITS_AT.store(std::ptr::null_mut(), Ordering::SeqCst);
}

/// Keeps signals from this thread for as long as it lives.
pub(crate) struct BlockedSignals(libc::sigset_t);

impl BlockedSignals {
    pub(crate) fn all() -> Self {
        let (mut all, mut before) = (MaybeUninit::zeroed(), MaybeUninit::zeroed());
        // SAFETY: POSIX: the first call fills in a set, the second reads it and fills in the other, which zeroed is a set, too.
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
