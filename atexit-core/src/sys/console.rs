//! Owns what the console of Windows tells a process, and how the thread that waits for it is woken; must not know what is done when an event
//! arrives. Written from its documentation; Ctrl-C has been tried with Wine.
//!
//! The system calls a console handler on a new thread, where everything is allowed, because nothing was interrupted. It calls the latest handler
//! first, and the next one only if that handler does not take the event.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::STATUS_CONTROL_C_EXIT;
use windows_sys::Win32::System::Console::SetConsoleCtrlHandler;

use super::signal_number::Signal;

pub(crate) const USUAL: &[Signal] =
    &[Signal::CTRL_C, Signal::CTRL_BREAK, Signal::CTRL_CLOSE, Signal::CTRL_LOGOFF, Signal::CTRL_SHUTDOWN];

pub(crate) static SUPPORTED: &[Signal] = USUAL;

// Nothing else is a signal here.
pub(crate) static UNCATCHABLE: &[Signal] = &[];
pub(crate) static FAULTS: &[Signal] = &[];
pub(crate) static NO_ENDS: &[Signal] = &[];

/// There are no dispositions for single events: there is one list of handlers.
#[derive(Clone, Copy)]
pub(crate) struct Disposition;

impl Disposition {
    pub(crate) fn of(signal: Signal) -> io::Result<Self> {
        if SUPPORTED.contains(&signal) { Ok(Self) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    /// Never: if the process ignores Ctrl-C, the system calls no handler for it.
    #[expect(clippy::unused_self, reason = "other systems look at it")]
    pub(crate) fn is_ignored(self) -> bool {
        false
    }

    /// Nothing forks, so this can only be what `catch` has set: it comes first again.
    #[expect(clippy::unused_self, reason = "likewise")]
    pub(crate) fn restore(self, _: Signal) {
        let _ = come_first();
    }
}

/// A bit for each event that is caught.
static CAUGHT: AtomicU32 = AtomicU32::new(0);

/// What is called when one arrives.
static ARRIVED: OnceLock<fn(Signal)> = OnceLock::new();

fn bit(event: i32) -> u32 {
    u32::try_from(event).ok().and_then(|event| 1_u32.checked_shl(event)).unwrap_or_default()
}

pub(crate) fn catch(signal: Signal, arrived: fn(Signal)) -> io::Result<()> {
    super::system::keep_loaded();
    ARRIVED.get_or_init(|| arrived);
    CAUGHT.fetch_or(bit(signal.as_raw()), Ordering::SeqCst);
    come_first()
}

/// Puts the handler in front of those that are set.
fn come_first() -> io::Result<()> {
    // SAFETY: the handler has the required signature. To remove it when it is not there does no harm.
    let is_set = unsafe {
        SetConsoleCtrlHandler(Some(handler), 0);
        SetConsoleCtrlHandler(Some(handler), 1)
    };
    if is_set == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

unsafe extern "system" fn handler(event: u32) -> i32 {
    let Ok(event) = i32::try_from(event) else { return 0 };
    let (signal, is_caught) = (Signal::from_raw(event), CAUGHT.load(Ordering::SeqCst) & bit(event) != 0);
    let Some(arrived) = ARRIVED.get().filter(|_| is_caught) else { return 0 };
    arrived(signal);
    if signal == Signal::CTRL_C || signal == Signal::CTRL_BREAK {
        return 1;
    }
    // At the other events, the process dies as soon as this returns, and in some seconds anyway.
    loop {
        std::thread::sleep(Duration::MAX);
    }
}

/// Nanoseconds of a monotonic clock, never 0.
pub(crate) fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed().as_nanos();
    u64::try_from(elapsed).unwrap_or(u64::MAX).saturating_add(1)
}

/// Ends the process with the status of one that does not handle the event.
pub(crate) fn die_by(_: Signal) -> ! {
    super::exit_at_once(STATUS_CONTROL_C_EXIT)
}

/// Where a thread waits, once it is published.
#[derive(Clone)]
pub(crate) struct Waker(Arc<(Mutex<bool>, Condvar)>);

static WAITS_AT: OnceLock<Waker> = OnceLock::new();

impl Waker {
    #[expect(clippy::unnecessary_wraps, reason = "other systems may refuse")]
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(Arc::default()))
    }

    /// From now on, [`wake`] wakes the thread that waits here.
    pub(crate) fn publish(self) {
        WAITS_AT.get_or_init(|| self);
    }

    /// Waits to be woken.
    pub(crate) fn wait(&self) {
        let mut is_woken = self.lock();
        while !*is_woken {
            is_woken = self.0.1.wait(is_woken).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the thread that waits.
pub(crate) fn wake() {
    if let Some(waker) = WAITS_AT.get() {
        *waker.lock() = true;
        waker.0.1.notify_all();
    }
}

/// Nothing forks.
pub(crate) fn forget_waker_in_child() {}

/// No signal interrupts a thread.
pub(crate) struct BlockedSignals;

impl BlockedSignals {
    pub(crate) fn all() -> Self {
        Self
    }
}
