//! Owns what signals there are, and what they are called; must not know what the system does about them.

use std::fmt;

/// A signal, by its number; on Windows an event of the console.
///
/// The constants are those that POSIX names, or on Windows the events; [`from_raw`](Self::from_raw) makes any other that the system has. It is
/// displayed by its name, `SIGTERM` or `CTRL_C`, and as `signal 35` if it has none here; signals compare by their numbers.
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
    /// The signal of this number, whether or not the system has one of that number.
    #[must_use]
    pub const fn from_raw(number: i32) -> Self {
        Self(number)
    }

    /// The number of the signal.
    #[must_use]
    pub const fn as_raw(self) -> i32 {
        self.0
    }

    /// With which a shell tells of it.
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

/// As it is displayed.
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
    ALRM = libc::SIGALRM, "A timer of `alarm` has run out.";
    BUS = libc::SIGBUS, "A fault of memory.";
    CHLD = libc::SIGCHLD, "A child has ended or stopped.";
    CONT = libc::SIGCONT, "The process is to go on.";
    FPE = libc::SIGFPE, "A fault of arithmetic.";
    HUP = libc::SIGHUP, "The terminal has gone.";
    ILL = libc::SIGILL, "A fault of an instruction.";
    INT = libc::SIGINT, "Ctrl-C.";
    KILL = libc::SIGKILL, "The process is killed; nothing can catch it.";
    PIPE = libc::SIGPIPE, "A write to a pipe that nobody reads.";
    PROF = libc::SIGPROF, "A timer for profiling has run out.";
    QUIT = libc::SIGQUIT, "`Ctrl-\\`.";
    SEGV = libc::SIGSEGV, "A fault of memory.";
    STOP = libc::SIGSTOP, "The process is stopped; nothing can catch it.";
    SYS = libc::SIGSYS, "A system call that there is not.";
    TERM = libc::SIGTERM, "The process is to end.";
    TRAP = libc::SIGTRAP, "A debugger's.";
    TSTP = libc::SIGTSTP, "Ctrl-Z.";
    TTIN = libc::SIGTTIN, "A read from the terminal in the background.";
    TTOU = libc::SIGTTOU, "A write to the terminal in the background.";
    URG = libc::SIGURG, "Urgent data at a socket.";
    USR1 = libc::SIGUSR1, "What the program makes of it.";
    USR2 = libc::SIGUSR2, "What the program makes of it.";
    VTALRM = libc::SIGVTALRM, "A timer of processor time has run out.";
    WINCH = libc::SIGWINCH, "The terminal has another size.";
    XCPU = libc::SIGXCPU, "The limit of processor time is exceeded.";
    XFSZ = libc::SIGXFSZ, "The limit of a file's size is exceeded.";
}

#[cfg(all(feature = "signals", windows))]
signals! { ""
    CTRL_C = 0, "Ctrl-C.";
    CTRL_BREAK = 1, "Ctrl-Break.";
    CTRL_CLOSE = 2, "The console is closed, or the task ended.";
    CTRL_LOGOFF = 5, "A user logs off; only services are told.";
    CTRL_SHUTDOWN = 6, "The system shuts down; only services are told.";
}

// Without the feature nothing catches any, and so nothing is called by its name.
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
