//! Owns which signals there are, and their names; must not know what the system does about them.

use std::fmt;

/// A signal, identified by its number; on Windows, an event of the console.
///
/// The constants are the signals that POSIX names, or on Windows the events; [`from_raw`](Self::from_raw) makes any other signal of the system.
/// A signal is displayed by its name, `SIGTERM` or `CTRL_C`, or as `signal 35` if it has none here. Signals compare by their numbers.
#[cfg_attr(
    feature = "signals",
    doc = r#"
# Examples

```
use atexit_core::signals::Signal;

assert_eq!(Signal::from_raw(15), Signal::TERM);
assert_eq!(Signal::TERM.as_raw(), 15);
assert_eq!(Signal::TERM.to_string(), "SIGTERM");
```
"#
)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

impl Signal {
    /// The signal with this number, whether or not the system has such a signal.
    #[must_use]
    pub const fn from_raw(number: i32) -> Self {
        Self(number)
    }

    /// The number of the signal.
    #[must_use]
    pub const fn as_raw(self) -> i32 {
        self.0
    }

    /// The status by which a shell reports it.
    #[cfg(feature = "signals")]
    pub(crate) const fn exit_status(self) -> i32 {
        128 + self.0
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(signal, _)| signal == self) {
            Some((_, name)) => f.pad(name),
            None => f.pad(&format!("signal {}", self.0)),
        }
    }
}

/// The same as `Display`.
impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! signals {
    ($prefix:literal $($name:ident = $number:expr, $what:literal;)*) => {
        impl Signal {
            $(#[doc = $what] pub const $name: Self = Self($number);)*
        }

        const NAMES: &[(Signal, &str)] = &[$((Signal::$name, concat!($prefix, stringify!($name)))),*];
    };
}

#[cfg(all(feature = "signals", unix, not(target_family = "wasm")))]
signals! { "SIG"
    ABRT = libc::SIGABRT, "The process aborts.";
    ALRM = libc::SIGALRM, "A timer set by `alarm` has expired.";
    BUS = libc::SIGBUS, "A bus error.";
    CHLD = libc::SIGCHLD, "A child has ended or stopped.";
    CONT = libc::SIGCONT, "The process is to continue.";
    FPE = libc::SIGFPE, "An arithmetic error.";
    HUP = libc::SIGHUP, "The terminal is gone.";
    ILL = libc::SIGILL, "An illegal instruction.";
    INT = libc::SIGINT, "Ctrl-C.";
    KILL = libc::SIGKILL, "The process is killed; nothing can catch it.";
    PIPE = libc::SIGPIPE, "A write to a pipe that nobody reads.";
    PROF = libc::SIGPROF, "A profiling timer has expired.";
    QUIT = libc::SIGQUIT, "`Ctrl-\\`.";
    SEGV = libc::SIGSEGV, "An invalid access to memory.";
    STOP = libc::SIGSTOP, "The process is stopped; nothing can catch it.";
    SYS = libc::SIGSYS, "A system call that does not exist.";
    TERM = libc::SIGTERM, "The process is to end.";
    TRAP = libc::SIGTRAP, "A trap, for debuggers.";
    TSTP = libc::SIGTSTP, "Ctrl-Z.";
    TTIN = libc::SIGTTIN, "A read from the terminal by a background process.";
    TTOU = libc::SIGTTOU, "A write to the terminal by a background process.";
    URG = libc::SIGURG, "Urgent data on a socket.";
    USR1 = libc::SIGUSR1, "For the program to define.";
    USR2 = libc::SIGUSR2, "For the program to define.";
    VTALRM = libc::SIGVTALRM, "A timer of processor time has expired.";
    WINCH = libc::SIGWINCH, "The size of the terminal has changed.";
    XCPU = libc::SIGXCPU, "The limit of processor time is exceeded.";
    XFSZ = libc::SIGXFSZ, "The limit of a file's size is exceeded.";
}

#[cfg(all(feature = "signals", windows))]
signals! { ""
    CTRL_C = 0, "Ctrl-C.";
    CTRL_BREAK = 1, "Ctrl-Break.";
    CTRL_CLOSE = 2, "The console is closed, or the task ended.";
    CTRL_LOGOFF = 5, "A user logs off; only services receive this.";
    CTRL_SHUTDOWN = 6, "The system shuts down; only services receive this.";
}

// Without the feature, nothing catches signals, so none is called by its name.
#[cfg(not(all(feature = "signals", any(windows, all(unix, not(target_family = "wasm"))))))]
signals! { "" }

#[cfg(all(test, feature = "signals", unix))]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_called_by_its_name_or_its_number() {
        assert_eq!(format!("{} {:?} {:>8}", Signal::USR1, Signal::HUP, Signal::INT), "SIGUSR1 SIGHUP   SIGINT");
        assert_eq!(Signal::from_raw(0).to_string(), "signal 0");
        assert_eq!(Signal::from_raw(-1).to_string(), "signal -1");
        assert_eq!(format!("{:12}|", Signal::from_raw(0)), "signal 0    |");
    }
}
