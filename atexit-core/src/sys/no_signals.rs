//! Owns the answers about signals on a platform where a process cannot catch any; must not know who asks.

use std::io;

use super::signal_number::Signal;

pub(crate) const USUAL: &[Signal] = &[];

pub(crate) static SUPPORTED: &[Signal] = &[];
pub(crate) static UNCATCHABLE: &[Signal] = &[];
pub(crate) static FAULTS: &[Signal] = &[];
pub(crate) static NO_ENDS: &[Signal] = &[];

#[derive(Clone, Copy)]
pub(crate) enum Disposition {}

impl Disposition {
    pub(crate) fn of(_: Signal) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn is_ignored(self) -> bool {
        match self {}
    }

    pub(crate) fn restore(self, _: Signal) {
        match self {}
    }
}

pub(crate) fn catch(_: Signal, _: fn(Signal)) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn now() -> u64 {
    0
}

pub(crate) fn die_by(signal: Signal) -> ! {
    super::exit_at_once(signal.exit_status())
}

#[derive(Clone)]
pub(crate) struct Waker;

#[expect(clippy::unused_self, reason = "there is none")]
impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn publish(self) {}

    pub(crate) fn wait(&self) {}
}

pub(crate) fn wake() {}

pub(crate) fn forget_waker_in_child() {}

pub(crate) struct BlockedSignals;

impl BlockedSignals {
    pub(crate) fn all() -> Self {
        Self
    }
}
