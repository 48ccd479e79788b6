//! Owns what a program learns about its handlers, and how it configures them, while it runs: reports, failures, guards, executors.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use atexit_core::{
    Config, Event, Failure, FailureKind, Handler, HandlerEnd, HandlerError, HandlerRun, Level, Outcome, Report, clear,
    configure, guard, pending, register, register_async, remaining, run,
};

/// A process has only one set of handlers, so these tests take turns, and each starts with an empty set.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    clear();
    configure(Config::new().log(Level::Off));
    turn
}

fn ends(report: &Report) -> Vec<(&str, HandlerEnd)> {
    report.handlers().iter().map(|run| (run.handler().label(), run.end())).collect()
}

/// A custom outcome, with a source.
struct Lost(usize);

impl Outcome for Lost {
    fn into_result(self) -> Result<(), HandlerError> {
        let why = io::Error::other("no space");
        Err(HandlerError::new(format_args!("{} records lost", self.0)).with_status(7).with_source(why))
    }
}

#[test]
fn a_report_says_how_each_handler_ended_and_how_long_it_took() {
    const PAUSE: Duration = Duration::from_millis(2);
    let _turn = alone();
    let spin = || {
        let start = Instant::now();
        while start.elapsed() < PAUSE {}
    };
    Handler::new(spin).name("slow").register();
    Handler::new(|| Err::<(), _>("full")).name("err").register();
    Handler::new(|| ExitCode::from(3)).name("code").register();
    Handler::new(|| panic!("boom")).name("panic").register();
    Handler::new(spin).name("late").time_limit(Duration::from_nanos(1)).caller_thread().register();
    let report = run();
    let failed = HandlerEnd::Failed;
    let expected = [
        ("late", failed(FailureKind::TimeLimit)),
        ("panic", failed(FailureKind::Panic)),
        ("code", failed(FailureKind::ExitStatus)),
        ("err", failed(FailureKind::Error)),
        ("slow", HandlerEnd::Returned),
    ];
    assert_eq!(ends(&report), expected);
    assert_eq!(report.ran(), 5);
    let elapsed: Vec<Duration> = report.handlers().iter().map(HandlerRun::elapsed).collect();
    assert!(elapsed[0] >= PAUSE && elapsed[4] >= PAUSE && report.elapsed() >= elapsed.iter().sum(), "{report:?}");
    let messages: Vec<_> = report.handlers().iter().filter_map(|run| Some(run.failure()?.message())).collect();
    assert_eq!(messages, ["exceeded its time limit of 1ns", "panicked: boom", "returned exit status 3", "\"full\""]);
    assert_eq!(report.failures().iter().map(Failure::message).collect::<Vec<_>>(), messages);
}

#[test]
fn an_error_that_cannot_be_displayed_is_a_panic() {
    struct Bad;
    impl fmt::Display for Bad {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("half of it")?;
            Err(fmt::Error)
        }
    }
    let _turn = alone();
    Handler::new(|| HandlerError::new(Bad)).name("bad").register();
    assert_eq!(ends(&run()), [("bad", HandlerEnd::Failed(FailureKind::Panic))]);
}

#[test]
fn an_abandoned_handler_is_in_the_report_with_the_time_until_then() {
    const LIMIT: Duration = Duration::from_millis(5);
    let _turn = alone();
    let (let_go, held) = mpsc::channel::<()>();
    Handler::new(move || {
        let _ = held.recv();
    })
    .name("hangs")
    .time_limit(LIMIT)
    .register();
    let report = run();
    assert_eq!(ends(&report), [("hangs", HandlerEnd::Failed(FailureKind::TimeLimit))]);
    assert!(report.handlers()[0].elapsed() >= LIMIT);
    drop(let_go);
}

#[test]
fn a_handler_learns_how_much_time_it_has() {
    const LONG: Duration = Duration::from_secs(3600);
    let _turn = alone();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = |name: &str| {
        let told = Arc::clone(&told);
        Handler::new(move || told.lock().expect("no test panics here").push(remaining())).name(name)
    };
    assert_eq!(remaining(), None);
    tell("none").register();
    tell("over").time_limit(Duration::ZERO).caller_thread().register();
    tell("within another").time_limit(2 * LONG).register();
    Handler::new(|| drop(run())).time_limit(LONG).register();
    tell("longest").time_limit(Duration::MAX).register();
    tell("long").time_limit(LONG).register();
    run();
    let told = std::mem::take(&mut *told.lock().expect("no test panics here"));
    let [Some(long), None, Some(within), Some(Duration::ZERO), Some(none)] = told[..] else { panic!("{told:?}") };
    assert!([long, within, none].iter().all(|&left| left <= LONG && left > LONG / 2), "{told:?}");
}

#[test]
fn handlers_that_a_handler_runs_are_in_the_report_of_that_run() {
    let _turn = alone();
    let inner = Arc::new(Mutex::new(None));
    let theirs = Arc::clone(&inner);
    Handler::new(|| ()).name("inner").register();
    Handler::new(move || *theirs.lock().expect("no test panics here") = Some(run())).name("outer").register();
    assert_eq!(ends(&run()), [("outer", HandlerEnd::Returned)]);
    let inner = inner.lock().expect("no test panics here").take().expect("it ran");
    assert_eq!(ends(&inner), [("inner", HandlerEnd::Returned)]);
}

#[test]
fn a_report_is_shown_as_its_summary_and_is_an_error_if_anything_failed() {
    let _turn = alone();
    register(|| ());
    let report = run();
    assert_eq!(report.to_string(), "1 handler ran");
    assert!(report.into_result().is_ok());
    assert_eq!(run().to_string(), "0 handlers ran");

    register(|| ());
    Handler::new(|| Err::<(), _>("full")).name("flush").register();
    let line = line!() - 1;
    let report = run();
    let shown = format!("2 handlers ran\n1 handler failed:\nflush at tests/reports.rs:{line}: \"full\"");
    assert_eq!(report.to_string(), shown);
    let error = report.into_result().expect_err("one has failed");
    let shown = shown.split_once('\n').expect("two lines").1;
    assert_eq!((error.to_string(), format!("{error:?}")), (shown.to_owned(), shown.to_owned()));
    assert_eq!(error.report().failures()[0].kind(), FailureKind::Error);
}

#[test]
fn a_failure_keeps_its_source() {
    let source = |report: &Report| report.failures()[0].source().map(ToString::to_string);
    let _turn = alone();
    register(|| Err::<(), _>(io::Error::other("refused")));
    assert_eq!(source(&run()).as_deref(), Some("refused"));
    register(|| -> Result<(), HandlerError> { Ok("x".parse::<u8>().map(drop)?) });
    assert_eq!(source(&run()).as_deref(), Some("invalid digit found in string"));
    register(|| Lost(3));
    let report = run();
    let failure = &report.failures()[0];
    assert_eq!((failure.kind(), failure.status(), failure.message()), (FailureKind::Error, 7, "3 records lost"));
    assert_eq!(source(&report).as_deref(), Some("no space"));
    register(|| Err::<(), _>(HandlerError::new("by hand").with_status(9)));
    let report = run();
    assert_eq!((report.failures()[0].status(), report.failures()[0].message()), (9, "by hand"));
    register(|| Err::<(), _>("text"));
    assert_eq!(source(&run()), None);
}

#[test]
fn kinds_and_ends_are_shown_in_words() {
    assert_eq!(FailureKind::TimeLimit.to_string(), "time limit");
    let ends = [HandlerEnd::Returned, HandlerEnd::Exited(3), HandlerEnd::Failed(FailureKind::ExitStatus)];
    assert_eq!(ends.map(|end| end.to_string()), ["returned", "exited with 3", "failed: exit status"]);
    let levels = [Level::Off, Level::Error, Level::Plan, Level::Trace];
    assert_eq!(levels.map(|level| level.to_string()), ["off", "error", "plan", "trace"]);
    assert_eq!(Level::default(), Level::Error);
}

#[test]
fn configure_returns_the_former_settings_and_a_limit_can_be_unset() {
    const CONSTANT: Config = Config::new().failure_status(false).stack_size(1 << 20).log(Level::Off);
    let _turn = alone();
    let late = |config: Config| {
        configure(config);
        Handler::new(std::thread::yield_now).caller_thread().register();
        !run().is_success()
    };
    let limited = Config::current().time_limit(Duration::ZERO);
    assert!(late(limited.clone()));
    assert!(!late(limited.clone().time_limit(None)));
    configure(limited);
    assert!(late(configure(Config::new())), "that is what was there");
    configure(CONSTANT);
    let shown = format!("{:?}", Config::current());
    assert!(shown.starts_with(
        "Config { failure_status: false, time_limit: None, deadline: None, stack_size: 1048576, log: Off"
    ));
}

#[test]
fn async_handlers_use_their_own_executor_or_the_programs() {
    fn busily(mut handler: Pin<Box<dyn Future<Output = ()>>>) {
        while handler.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {}
    }
    let _turn = alone();
    let (ran, calls) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let handler = || {
        let ran = Arc::clone(&ran);
        async move || {
            ran.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>("returned")
        }
    };
    register_async(handler());
    assert_eq!(run().failures()[0].message(), "\"returned\"");

    let counted = Arc::clone(&calls);
    configure(Config::current().block_on(move |handler| {
        counted.fetch_add(1, Ordering::Relaxed);
        busily(handler);
    }));
    register_async(handler());
    Handler::new_async(handler()).name("another's").block_on(busily).register();
    register(|| ());
    assert_eq!(run().failures().len(), 2);
    assert_eq!((ran.load(Ordering::Relaxed), calls.load(Ordering::Relaxed)), (3, 1));

    configure(Config::current().block_on(drop));
    register_async(handler());
    assert_eq!(run().failures()[0].message(), "panicked: the executor returned before the handler had finished");
}

#[test]
fn a_guard_can_be_finished_or_cancelled_and_have_options() {
    let _turn = alone();
    let line = line!() + 1;
    let failure = Handler::new(|| Err::<(), _>("full")).name("flush").guard().finish().expect_err("it fails");
    assert_eq!(failure.to_string(), format!("flush at tests/reports.rs:{line}: \"full\""));
    assert_eq!(guard(|| panic!("boom")).finish().expect_err("it panics").kind(), FailureKind::Panic);
    let late = Handler::new(std::thread::yield_now).time_limit(Duration::ZERO).guard();
    assert_eq!(late.finish().expect_err("it is late").message(), "exceeded its time limit of 0ns");
    assert!(Handler::new_async(async || ()).guard().finish().is_ok());
    assert!(guard(|| ()).finish().is_ok());
    assert_eq!(guard(|| HandlerError::new("full").with_status(3)).finish().expect_err("it fails").status(), 3);
    assert_eq!(pending(), 0);

    let ran = Arc::new(AtomicUsize::new(0));
    let count = || {
        let ran = Arc::clone(&ran);
        move || {
            ran.fetch_add(1, Ordering::Relaxed);
        }
    };
    assert!(guard(count()).cancel());
    let stale = guard(count());
    assert!(run().is_success());
    assert!(!stale.cancel(), "a run has started it");
    let stale = guard(count());
    clear();
    assert!(stale.finish().is_ok());
    assert_eq!(ran.load(Ordering::Relaxed), 1);
}

#[test]
fn a_guard_drives_a_future_where_futures_are_driven_already() {
    thread_local! {
        static DRIVES: Cell<bool> = const { Cell::new(false) };
    }
    // Like a runtime.
    fn alone_on_its_thread(mut task: Pin<Box<dyn Future<Output = ()>>>) {
        assert!(!DRIVES.replace(true), "a runtime within a runtime");
        while task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {}
        DRIVES.set(false);
    }
    let _turn = alone();
    configure(Config::current().block_on(alone_on_its_thread));
    let ran = Arc::new(AtomicUsize::new(0));
    let count = || {
        let ran = Arc::clone(&ran);
        async move || {
            ran.fetch_add(1, Ordering::Relaxed);
        }
    };
    let (dropped, finished) = (Handler::new_async(count()).guard(), Handler::new_async(count()).guard());
    alone_on_its_thread(Box::pin(async move {
        drop(dropped);
        finished.finish().expect("it is driven on another thread");
    }));
    assert_eq!(ran.load(Ordering::Relaxed), 2);
    let dropped = Handler::new_async(count()).guard();
    register_async(async move || drop(dropped));
    assert!(run().is_success());
    assert_eq!(ran.load(Ordering::Relaxed), 3);
    let failure = Handler::new_async(async || panic!("boom")).guard().finish().expect_err("it panics");
    assert_eq!(failure.message(), "panicked: boom");
}

#[test]
fn conflicting_options_panic_where_they_are_set() {
    let refused = |make: fn() -> Handler| {
        let payload = std::panic::catch_unwind(|| drop(make())).expect_err("it is refused");
        payload.downcast_ref::<&str>().copied().map(ToOwned::to_owned)
    };
    let both = "a handler cannot run both `first` and `last`: keep one of them";
    assert_eq!(refused(|| Handler::new(|| ()).first().last()).as_deref(), Some(both));
    assert_eq!(refused(|| Handler::new(|| ()).last().first()).as_deref(), Some(both));
    let only_async = "`block_on` needs an async handler: make one with `Handler::new_async`";
    assert_eq!(refused(|| Handler::new(|| ()).block_on(drop)).as_deref(), Some(only_async));
    drop(Handler::new(|| ()).first().first());
}

#[test]
fn an_observer_sees_each_handler_in_the_report_of_the_run() {
    let _turn = alone();
    let told = Arc::new(Mutex::new(Vec::new()));
    let theirs = Arc::clone(&told);
    configure(Config::current().observer(move |event| {
        if let Event::RunFinished { report, .. } = event {
            theirs.lock().expect("no test panics here").extend(report.handlers().iter().map(HandlerRun::end));
        }
    }));
    register(|| ());
    run();
    configure(Config::new());
    assert_eq!(*told.lock().expect("no test panics here"), [HandlerEnd::Returned]);
}
