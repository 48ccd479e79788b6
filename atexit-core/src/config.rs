//! Owns what a program may set, its observer among it; must not know what is done about it.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::handler::error::drop_quietly;
use crate::handler::executor::Executor;
use crate::log::{Level, Log};
use crate::report::Event;
use crate::sys::STACK_SIZE;
use crate::sys::lock::{Guard, Lock, Rank};
use crate::sys::sync::Instant;

type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

/// How handlers are run at exit, for the whole process.
///
/// The configuration that holds is the one last passed to [`configure`], which is the program's to call, not a library's. To change a part of
/// it, begin with [`Config::current`].
///
/// # Examples
///
/// ```
/// use atexit_core::{Config, Event, configure};
///
/// configure(Config::new().failure_status(false).observer(|event| {
///     if let Event::Finished { handler, elapsed, .. } = event {
///         println!("{handler} took {elapsed:?}");
///     }
/// }));
/// ```
#[derive(Clone)]
pub struct Config {
    pub(crate) failure_status: bool,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) stack_size: usize,
    pub(crate) level: Level,
    pub(crate) executor: Executor,
    pub(crate) observer: Option<Observer>,
}

impl Config {
    /// What holds when nothing is configured.
    ///
    /// Failures change the exit status, nothing has a limit, the exit thread has a stack of 8 MiB, errors are printed, async handlers have the
    /// library's executor, and nobody observes.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            failure_status: true,
            time_limit: None,
            deadline: None,
            stack_size: STACK_SIZE,
            level: Level::Error,
            executor: Executor::OURS,
            observer: None,
        }
    }

    /// What is configured now.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use atexit_core::{Config, configure};
    ///
    /// configure(Config::current().deadline(Duration::from_secs(10))); // and all else as it was
    /// ```
    #[must_use]
    pub fn current() -> Self {
        lock().clone()
    }

    /// Whether a failed handler changes an exit status of 0; `true` by default.
    #[must_use]
    pub const fn failure_status(mut self, changes: bool) -> Self {
        self.failure_status = changes;
        self
    }

    /// The time limit of handlers that have none of their own; `None` by default.
    ///
    /// See [`Handler::time_limit`](crate::Handler::time_limit) for what becomes of a handler that exceeds it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use atexit_core::{Config, configure};
    ///
    /// configure(Config::current().time_limit(Duration::from_secs(5)));
    /// configure(Config::current().time_limit(None)); // unset again
    /// ```
    #[must_use]
    pub fn time_limit(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.time_limit = limit.into();
        self
    }

    /// A limit for the whole run at exit, also after a caught signal; `None` by default.
    ///
    /// A [`run`](crate::run) that the program calls has none, nor has the unloading of a library. It is counted from where the exit reaches the
    /// handlers, waiting for a run of another thread included. It takes a thread to watch it.
    ///
    /// When it is over, no handler is started any more, standard error names what was not run, and the process ends, with a status that is not
    /// 0. If the handler that is running then has the exiting thread, the process ends without what C code planted
    /// by `atexit`: that thread cannot be taken away from it.
    ///
    /// Half a second later the process ends at once, whatever it still waits for, with one line on standard error: an observer that hangs,
    /// for example, or another thread. What was to be said of the handlers is lost then.
    #[must_use]
    pub fn deadline(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.deadline = limit.into();
        self
    }

    /// How many bytes of stack the exit thread has; 8 MiB unless it is set, as `main` has on most systems.
    ///
    /// They are reserved, and take no memory before a handler needs them: on Linux the peak of what is resident (`VmHWM` in
    /// `/proc/self/status`) is 2.9 MiB for a process with one handler, with a stack of 8 MiB and with one of 1 GiB. The system rounds up,
    /// and less than 64 KiB are 64 KiB. Where so much cannot be had, handlers run on the exiting thread, as always where no thread
    /// can be started, and a line on standard error says so. A handler that overflows its stack aborts the process, and the handlers after it are lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # use atexit_core::{Config, configure};
    /// configure(Config::new().stack_size(64 << 20)); // a handler walks a deep tree
    /// ```
    #[must_use]
    pub const fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = bytes;
        self
    }

    /// How much is printed to standard error; [`Level::Error`] by default.
    ///
    /// The environment variable `AT_EXIT_LOG` has the last word.
    #[must_use]
    pub const fn log(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Sets what runs async handlers to completion that name no executor of their own.
    ///
    /// These are those of the attribute without `block_on`, of [`register_async`](crate::register_async), and of
    /// [`Handler::new_async`](crate::Handler::new_async) without [`Handler::block_on`](crate::Handler::block_on). Unless it is set, the library's
    /// own executor does: with the feature `tokio` a Tokio runtime made for each handler, without it a small one without timers and I/O.
    ///
    /// The function is called on the thread that the handler runs on, and is to return when the future is ready. If it returns before, the
    /// handler has failed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::LazyLock;
    ///
    /// use atexit_core::{Config, configure, register_async};
    /// use tokio::runtime::{Builder, Runtime};
    ///
    /// static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_multi_thread().enable_all().build().expect("a runtime"));
    ///
    /// configure(Config::new().block_on(|handler| RUNTIME.block_on(handler)));
    /// register_async(|| async { println!("flushed on the runtime of the program") });
    /// ```
    #[must_use]
    pub fn block_on(mut self, block_on: impl Fn(Pin<Box<dyn Future<Output = ()>>>) + Send + Sync + 'static) -> Self {
        self.executor = Executor::of(block_on);
        self
    }

    /// Calls `observer` for every [`Event`].
    ///
    /// If it panics, the panic hook reports it, the run goes on, and the exit status stays as it is. It has to return. No time limit covers it:
    /// at whichever event it hangs, the run stops there, and only a deadline ends the process. It must not call [`run`](crate::run), nor register handlers without an end.
    ///
    /// To end the process from there, call [`exit`](crate::exit). [`std::process::exit`] aborts or blocks as in a handler. If it calls C's
    /// `exit` at [`Event::Started`], the handler that is about to start does not run, and that counts as its failure. It is told of
    /// the end of a run once, whatever it does.
    #[must_use]
    pub fn observer(mut self, observer: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    pub(crate) fn is_observed(&self) -> bool {
        self.observer.is_some()
    }

    /// Tells the observer, if there is one. Its panics are its own.
    pub(crate) fn observe(&self, event: impl FnOnce() -> Event) {
        let Some(observer) = &self.observer else { return };
        let event = event();
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| observer(&event))) {
            drop_quietly(payload);
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("failure_status", &self.failure_status)
            .field("time_limit", &self.time_limit)
            .field("deadline", &self.deadline)
            .field("stack_size", &self.stack_size)
            .field("log", &self.level)
            .finish_non_exhaustive()
    }
}

pub(crate) static CONFIG: Lock<Config> = Lock::new(Rank::Config, Config::new());

/// Sets the configuration of the process, and gives back the one that it replaces.
///
/// It is the program's to call, not a library's. A run that has begun keeps the configuration that it began with.
///
/// # Examples
///
/// ```
/// use atexit_core::{Config, configure};
///
/// let before = configure(Config::new().failure_status(false));
/// // …
/// configure(before);
/// ```
// Not `must_use`: most programs configure once, and what was there before is the default. If it is dropped here, an observer's captures are
// a user's code, and the lock is released by now.
pub fn configure(config: Config) -> Config {
    std::mem::replace(&mut *lock(), config)
}

fn lock() -> Guard<'static, Config> {
    CONFIG.lock()
}

/// What lines of a run with this deadline, or of none, go by.
pub(crate) fn log(deadline: Option<Instant>) -> Log {
    let level = lock().level;
    Log::new(level, deadline)
}
