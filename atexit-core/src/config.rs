//! Owns what a program can configure, its observer included; must not know how the settings are applied.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::handler::error::{Quiet, drop_quietly};
use crate::handler::executor::Executor;
use crate::log::{Level, Log};
use crate::report::{Event, News};
use crate::sys::STACK_SIZE;
use crate::sys::lock::{Guard, Lock, Rank};
use crate::sys::sync::Instant;

/// Makes an event of the news, and calls the program's observer.
type Observer = Arc<dyn Fn(News<'_>) + Send + Sync>;

/// How the process runs its handlers at exit.
///
/// The last call of [`configure`] decides. Only a program should call it, never a library. To change one setting and keep the others, start
/// from [`Config::current`].
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
    /// Set by `Config::deadline`, which is in `runner::deadline`, because it brings the code for it.
    pub(crate) deadline: Option<Duration>,
    pub(crate) stack_size: usize,
    pub(crate) level: Level,
    pub(crate) executor: Executor,
    pub(crate) observer: Option<Observer>,
}

impl Config {
    /// The default configuration.
    ///
    /// Failures change the exit status, there is no time limit and no deadline, the exit thread has a stack of 8 MiB, errors are printed, async
    /// handlers run on the library's executor, and there is no observer.
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

    /// The current configuration.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use atexit_core::{Config, configure};
    ///
    /// configure(Config::current().deadline(Duration::from_secs(10))); // keeps everything else
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

    /// The time limit for handlers that have none of their own; `None` by default.
    ///
    /// [`Handler::time_limit`](crate::Handler::time_limit) says what happens to a handler that exceeds it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use atexit_core::{Config, configure};
    ///
    /// configure(Config::current().time_limit(Duration::from_secs(5)));
    /// configure(Config::current().time_limit(None)); // no limit again
    /// ```
    #[must_use]
    #[doc(alias = "timeout")]
    pub fn time_limit(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.time_limit = limit.into();
        self
    }

    /// The stack size of the exit thread, in bytes; 8 MiB by default, which is what `main` has on most systems.
    ///
    /// The stack is reserved, but takes no memory until a handler uses it: on Linux, the peak resident size (`VmHWM` in `/proc/self/status`) of
    /// a process with one handler is 2.9 MiB, with a stack of 8 MiB and with one of 1 GiB. The system rounds the size up, and sizes below
    /// 64 KiB count as 64 KiB. If no thread with such a stack can be started, handlers run on the exiting thread, as they do whenever no thread
    /// can be started, and a line on standard error says so. A handler that overflows its stack aborts the process, and the handlers after it
    /// are lost.
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
    /// The environment variable `AT_EXIT_LOG` overrides it.
    #[must_use]
    pub const fn log(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Sets the executor for async handlers that name none of their own.
    ///
    /// These come from the attribute without `block_on`, from [`register_async`](crate::register_async), and from
    /// [`Handler::new_async`](crate::Handler::new_async) without [`Handler::block_on`](crate::Handler::block_on). By default they run on the
    /// library's own executor: with the feature `tokio`, on a Tokio runtime created for each handler; without it, on a small executor that has
    /// no timers and no I/O.
    ///
    /// The function is called on the handler's thread, and must run the future to completion before it returns. If it returns earlier, the
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

    /// Calls `observer` with every [`Event`]. A run that finds no handlers has none, unless a handler
    /// calls it.
    ///
    /// If the observer panics, the panic hook reports it, the run goes on, and the exit status does not change. The observer must return: no
    /// time limit covers it. If it hangs, the run stops there, and only a deadline ends the process. It must not call [`run`](crate::run), or
    /// register handlers without end.
    ///
    /// To end the process from the observer, call [`exit`](crate::exit). [`std::process::exit`] aborts or blocks, as it does in a handler. If
    /// the observer calls C's `exit` at [`Event::Started`], the handler that was about to start does not run, and that counts as its failure.
    /// The observer gets [`Event::RunFinished`] only once for a run, whatever it does.
    ///
    /// # Examples
    ///
    /// This logs each run with `tracing`. At an exit, some events come on the exiting thread, whose thread-locals are gone. A subscriber that
    /// needs them panics there, as that of `tracing_subscriber::fmt` does, so the observer logs on a new thread.
    ///
    /// ```standalone_crate
    /// use std::thread;
    ///
    /// use atexit_core::{Config, Event, configure};
    /// use tracing::{error, info};
    ///
    /// fn log(event: &Event) {
    ///     match event {
    ///         Event::RunStarted { cause, pending, .. } => info!(%cause, pending, "run"),
    ///         Event::Finished { handler, elapsed, failure: None, .. } => info!(%handler, ?elapsed, "finished"),
    ///         Event::Finished { handler, elapsed, failure: Some(failure), .. } => {
    ///             error!(%handler, ?elapsed, kind = %failure.kind(), error = failure.message(), "failed");
    ///         }
    ///         Event::RunFinished { report, .. } => info!(ran = report.ran(), failed = report.failures().len(), "end"),
    ///         _ => {}
    ///     }
    /// }
    ///
    /// fn main() {
    /// #   if std::env::args().len() == 1 {
    /// #       return assert_logged();
    /// #   }
    /// #   tracing_subscriber::fmt().without_time().with_target(false).init();
    ///     configure(Config::current().observer(|event| thread::scope(|scope| _ = scope.spawn(|| log(event)))));
    /// #   info!("main");
    /// #   atexit_core::Handler::new(|| ()).name("close").register();
    /// #   atexit_core::Handler::new(|| Err::<(), _>("no space")).name("flush").register();
    /// #   std::process::exit(0);
    /// }
    /// #
    /// # fn assert_logged() {
    /// #     let program = std::env::current_exe().expect("a program");
    /// #     let output = std::process::Command::new(program).arg("exit").env("NO_COLOR", "1").output().expect("it starts");
    /// #     let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    /// #     let expected: [&[&str]; 5] = [
    /// #         &[" INFO main"],
    /// #         &[" INFO run cause=exit with status 0 pending=2"],
    /// #         &["ERROR failed handler=flush at ", " elapsed=", r#" kind=error error="\"no space\"""#],
    /// #         &[" INFO finished handler=close at ", " elapsed="],
    /// #         &[" INFO end ran=2 failed=1"],
    /// #     ];
    /// #     let is_line = |line: &str, parts: &[&str]| line.starts_with(parts[0]) && parts.iter().all(|part| line.contains(part));
    /// #     let lines: Vec<&str> = stdout.lines().collect();
    /// #     let is_logged = lines.len() == expected.len() && lines.iter().zip(expected).all(|(line, parts)| is_line(line, parts));
    /// #     let is_quiet = stderr.lines().count() == 3 && stderr.starts_with("Error: \"no space\"\nat_exit: 1 handler failed:\n");
    /// #     assert!(is_logged && is_quiet && output.status.code() == Some(1), "{stdout}{stderr}{}", output.status);
    /// # }
    /// ```
    #[must_use]
    #[doc(alias = "callback")]
    #[doc(alias = "tracing")]
    pub fn observer(mut self, observer: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        let observer = Quiet::new(observer);
        self.observer = Some(Arc::new(move |news| {
            if let Some(observer) = observer.get() {
                observer(&news.event());
            }
        }));
        self
    }

    pub(crate) fn is_observed(&self) -> bool {
        self.observer.is_some()
    }

    /// Calls the observer, if there is one. A panic of the observer ends here.
    #[inline(never)] // one copy, to keep programs small
    pub(crate) fn observe(&self, news: News<'_>) {
        let Some(observer) = &self.observer else { return };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| observer(news))) {
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
    #[inline]
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

/// Sets the configuration of the process, and returns the one that it replaces.
///
/// Only a program should call this, never a library. A run that has begun keeps the configuration that it began with.
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
// Not `must_use`: most programs configure once, and replace the default. It is the caller who drops the old configuration, after the lock is
// released: dropping an observer's captures may run a user's code.
pub fn configure(config: Config) -> Config {
    std::mem::replace(&mut *lock(), config)
}

fn lock() -> Guard<'static, Config> {
    CONFIG.lock()
}

/// How long an exit may take.
pub(crate) fn deadline() -> Option<Duration> {
    lock().deadline
}

/// The log for a run with this deadline, if it has one.
pub(crate) fn log(deadline: Option<Instant>) -> Log {
    let level = lock().level;
    Log::new(level, deadline)
}
