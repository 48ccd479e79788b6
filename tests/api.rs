//! Owns what the calls promise while a process lives: registering, unregistering and running, also inside handlers and on other threads.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use atexit_core::signals::{Signal, SignalError, Signals};
use atexit_core::{
    Cause, CloseAtExit, Config, DropAtExit, Event, ExitGuard, ExitRef, Failure, FailureKind, Handler, HandlerEnd,
    HandlerError, HandlerInfo, HandlerRun, Level, Phase, Plan, PlanError, PlanIntoIter, PlanIter, PlannedHandler,
    Problem, Registration, Report, RunError, Unavailable, Why, clear, configure, guard, pending, plan, register, run,
    unregister,
};

/// A process has only one set of handlers, so these tests take turns, and each starts with an empty set.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    clear();
    configure(Config::new());
    turn
}

/// Records what the handlers of a test did, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn push(&self, line: impl Into<String>) {
        self.0.lock().expect("no test panics here").push(line.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no test panics here"))
    }

    fn register(&self, line: &str) -> Registration {
        let (log, line) = (self.clone(), line.to_owned());
        register(move || log.push(line))
    }
}

/// Logs when dropped.
struct Captured(Log, &'static str);

impl Drop for Captured {
    fn drop(&mut self) {
        self.0.push(self.1);
    }
}

#[test]
fn handlers_run_in_reverse_with_their_captures() {
    let (_turn, log) = (alone(), Log::default());
    for arguments in ["func1 () {}", "func1 () {}", "func2 () {}", "func2 (1) {}", "func2 (4) {kw: abc}"] {
        log.register(arguments);
    }
    assert_eq!(run().ran(), 5);
    assert_eq!(log.take(), ["func2 (4) {kw: abc}", "func2 (1) {}", "func2 () {}", "func1 () {}", "func1 () {}"]);
    assert_eq!(run().ran(), 0);
}

#[test]
fn each_of_many_handlers_runs_once() {
    let _turn = alone();
    let count = Arc::new(AtomicUsize::new(0));
    for _ in 0..128 {
        let count = Arc::clone(&count);
        register(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
    }
    assert_eq!(pending(), 128);
    assert_eq!(run().ran(), 128);
    assert_eq!((count.load(Ordering::Relaxed), pending()), (128, 0));
}

#[test]
fn failures_are_reported_in_order_and_stop_nothing() {
    let (_turn, log) = (alone(), Log::default());
    log.register("first");
    register(|| panic_any(3));
    Handler::new(|| Err::<(), _>("full")).name("flush").register();
    log.register("last");
    let report = run();
    assert_eq!(report.ran(), 4);
    assert!(!report.is_success());
    let failures: Vec<_> = report
        .failures()
        .iter()
        .map(|failure| (failure.handler().label(), failure.message(), failure.status()))
        .collect();
    let closure = "closure in api::failures_are_reported_in_order_and_stop_nothing";
    assert_eq!(failures, [("flush", "\"full\"", 1), (closure, "panicked: Box<dyn Any>", 101)]);
    assert_eq!(report.failures()[0].handler().file(), file!());
    assert_eq!(log.take(), ["last", "first"]);
}

#[test]
fn a_plan_shows_a_registered_handlers_name_or_else_its_type() {
    fn function() {}
    let _turn = alone();
    register(function);
    register(function as fn());
    Handler::new(function).name("").register();
    Handler::new(function).name("named").register();
    let planned: Vec<(String, String)> =
        plan().iter().map(|planned| (planned.label().to_owned(), planned.crate_name().to_owned())).collect();
    let expected = [("named", "api"), ("function", "api"), ("fn()", ""), ("function", "api")];
    assert_eq!(planned, expected.map(|(label, crate_name)| (label.to_owned(), crate_name.to_owned())));
    assert_eq!(clear(), 4);
}

#[test]
fn a_plan_says_the_phase_of_each_handler_and_why_it_runs_there() {
    let _turn = alone();
    Handler::new(|| ()).last().register();
    register(|| ());
    register(|| ());
    Handler::new(|| ()).first().register();
    let phases: Vec<_> = plan().iter().map(PlannedHandler::phase).collect();
    assert_eq!(phases, [Phase::First, Phase::Ordinary, Phase::Ordinary, Phase::Last]);
    assert_eq!(phases.iter().map(Phase::to_string).collect::<Vec<_>>(), ["first", "", "", "last"]);
    assert_eq!(format!("{:6}|", Phase::Last), "last  |");
    let reasons: Vec<_> = plan().iter().map(|planned| planned.why().clone()).collect();
    assert_eq!(reasons, [Why::Topmost, Why::Phase, Why::RegisteredEarlier, Why::Phase]);
    assert_eq!(clear(), 4);
}

#[test]
fn a_reason_in_a_plan_may_be_longer_than_a_formatter_can_pad() {
    type Pair<T> = (T, T);
    type Four<T> = Pair<Pair<T>>;
    type Long = Four<Four<Four<Four<Four<Four<Four<u8>>>>>>>;
    fn generic<T>() {}
    let _turn = alone();
    register(generic::<Long>);
    Handler::new(|| ()).after(generic::<Long>).register();
    let table = plan().to_string();
    assert!(
        table.lines().any(|line| line.len() > usize::from(u16::MAX) && line.contains(" after api::")),
        "{table:.300}"
    );
    assert_eq!(clear(), 2);
}

#[test]
fn a_plan_iterates_from_both_ends() {
    let _turn = alone();
    for name in ["c", "b", "a"] {
        Handler::new(|| ()).name(name).register();
    }
    let plan = plan();
    let mut iter: PlanIter<'_> = plan.iter();
    assert_eq!((iter.len(), iter.next().map(PlannedHandler::label)), (3, Some("a")));
    let mut rest = iter.clone();
    assert_eq!((rest.len(), rest.next_back().map(PlannedHandler::label)), (2, Some("c")));
    assert_eq!(iter.nth(1).map(PlannedHandler::label), Some("c"));
    assert!(iter.next().is_none() && iter.next_back().is_none());
    assert_eq!((&plan).into_iter().count(), 3);
    let owned: PlanIntoIter = plan.into_iter();
    assert_eq!(owned.len(), 3);
    let labels: Vec<_> = owned.rev().map(|planned| planned.label().to_owned()).collect();
    assert_eq!(labels, ["c", "b", "a"]);
    assert_eq!(clear(), 3);
}

#[test]
fn clear_forgets_everything() {
    let (_turn, log) = (alone(), Log::default());
    log.register("never");
    log.register("never");
    assert_eq!(clear(), 2);
    assert_eq!((pending(), run().ran()), (0, 0));
    assert_eq!(log.take().len(), 0);
}

#[test]
fn unregister_removes_all_handlers_of_a_function_and_no_other() {
    fn function() {}
    let (_turn, log) = (alone(), Log::default());
    register(function);
    log.register("stays");
    register(function);
    register(function as fn());
    assert_eq!(unregister(function), 2);
    assert_eq!(unregister(function), 0);
    assert_eq!(pending(), 2);
    assert_eq!(run().ran(), 2);
    assert_eq!(log.take(), ["stays"]);
}

#[test]
fn a_registration_unregisters_its_own_handler_once() {
    let (_turn, log) = (alone(), Log::default());
    let a = log.register("a");
    let b = log.register("b");
    let c = log.register("c");
    assert!(b.is_pending());
    assert!(b.unregister());
    assert!(!b.is_pending());
    assert!(!b.unregister());
    run();
    assert_eq!(log.take(), ["c", "a"]);
    assert!(!a.unregister() && !c.unregister());
}

#[test]
fn a_stale_registration_leaves_the_next_owner_of_its_memory_alone() {
    let (_turn, log) = (alone(), Log::default());
    let stale: Vec<_> = (0..4).map(|_| log.register("old")).collect();
    assert!(stale.iter().all(Registration::unregister));
    let fresh: Vec<_> = (0..4).map(|_| log.register("new")).collect();
    assert!(stale.iter().all(|handle| !handle.is_pending() && !handle.unregister()));
    assert!(fresh.iter().all(Registration::is_pending));
    assert_eq!(run().ran(), 4);
}

#[test]
fn captures_are_dropped_exactly_once() {
    let (_turn, log) = (alone(), Log::default());
    let small = |name| {
        let captured = Captured(log.clone(), name);
        register(move || drop(captured))
    };
    let large = |name| {
        let captured = (Captured(log.clone(), name), [0_u8; 4096]);
        register(move || drop(captured))
    };
    small("small, run");
    large("large, run");
    run();
    assert_eq!(log.take(), ["large, run", "small, run"]);
    small("small, unregistered").unregister();
    large("large, unregistered").unregister();
    assert_eq!(log.take(), ["small, unregistered", "large, unregistered"]);
    small("small, cleared");
    large("large, cleared");
    clear();
    assert_eq!(log.take().len(), 2);
    let captured = Captured(log.clone(), "never registered");
    drop(Handler::new(move || drop(captured)));
    assert_eq!(log.take(), ["never registered"]);
}

#[test]
fn captures_of_a_handler_that_panics_are_dropped() {
    let (_turn, log) = (alone(), Log::default());
    let captured = Captured(log.clone(), "dropped");
    register(move || {
        let _captured = &captured;
        panic!("boom")
    });
    assert_eq!(run().failures().len(), 1);
    assert_eq!(log.take(), ["dropped"]);
}

#[test]
fn a_panic_in_dropping_captures_reaches_the_caller_and_loses_nothing() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in Drop")
        }
    }
    let (_turn, log) = (alone(), Log::default());
    let bomb = || {
        let bomb = Bomb;
        register(move || {
            let _bomb = &bomb;
        })
    };
    let first = bomb();
    assert!(catch_unwind(|| first.unregister()).is_err());
    assert!(!first.is_pending());
    for _ in 0..2 {
        bomb();
        let captured = Captured(log.clone(), "dropped");
        register(move || drop(captured));
    }
    assert!(catch_unwind(clear).is_err());
    assert_eq!((pending(), log.take().len()), (0, 2));
    bomb();
    log.register("runs");
    let report = run();
    assert_eq!((report.ran(), report.failures().len()), (2, 1));
    assert_eq!(log.take(), ["runs"]);
}

#[test]
fn handlers_may_change_the_set_they_are_in() {
    let (_turn, log) = (alone(), Log::default());
    let doomed = log.register("unregistered by a younger one");
    log.register("older");
    let inner = log.clone();
    register(move || {
        assert!(doomed.unregister());
        inner.register("registered inside");
        inner.push("younger");
    });
    assert_eq!(run().ran(), 3);
    assert_eq!(log.take(), ["younger", "registered inside", "older"]);

    log.register("cleared");
    let inner = log.clone();
    register(move || {
        assert_eq!(clear(), 1);
        inner.push("cleared one");
    });
    assert_eq!(run().ran(), 1);
    assert_eq!(log.take(), ["cleared one"]);
}

#[test]
fn a_handler_that_unregisters_itself_and_fails_has_failed() {
    fn fails() {
        assert_eq!(unregister(fails), 1, "the other registration; this one is not pending any more");
        panic!("all the same");
    }
    let _turn = alone();
    register(fails);
    register(fails);
    let report = run();
    assert_eq!((report.ran(), report.failures().len(), pending()), (1, 1, 0));
    assert_eq!(report.failures()[0].message(), "panicked: all the same");
}

#[test]
fn dropping_captures_may_change_the_set() {
    struct Registers(Log);
    impl Drop for Registers {
        fn drop(&mut self) {
            self.0.register("registered by a drop");
        }
    }
    let (_turn, log) = (alone(), Log::default());
    let captured = Registers(log.clone());
    register(move || drop(captured)).unregister();
    assert_eq!(pending(), 1);
    let captured = Registers(log.clone());
    register(move || drop(captured));
    assert_eq!(clear(), 2);
    assert_eq!(run().ran(), 1);
    assert_eq!(log.take(), ["registered by a drop"]);
    let captured = Registers(log.clone());
    register(move || drop(captured));
    assert_eq!(run().ran(), 2);
}

#[test]
fn a_run_inside_a_run_takes_the_rest() {
    let (_turn, log) = (alone(), Log::default());
    log.register("a");
    log.register("b");
    let inner = log.clone();
    register(move || inner.push(format!("nested {}", run().ran())));
    assert_eq!(run().ran(), 1);
    assert_eq!(log.take(), ["b", "a", "nested 2"]);
}

#[test]
fn handlers_that_other_threads_register_during_a_run_stay_pending() {
    let (_turn, log) = (alone(), Log::default());
    let other = log.clone();
    register(move || {
        thread::spawn(move || other.register("late")).join().expect("registers");
    });
    assert_eq!(run().ran(), 1);
    assert_eq!((log.take().len(), pending()), (0, 1));
    assert_eq!(run().ran(), 1);
    assert_eq!(log.take(), ["late"]);
}

#[test]
fn a_late_registration_can_be_undone_during_the_run() {
    let (_turn, log) = (alone(), Log::default());
    let other = log.clone();
    register(move || {
        let late = thread::spawn(move || (other.register("a"), other.register("b"))).join().expect("registers");
        assert_eq!(pending(), 2);
        assert!(late.0.unregister());
    });
    run();
    run();
    assert_eq!(log.take(), ["b"]);
}

#[test]
fn ten_threads_lose_and_repeat_no_handler() {
    let _turn = alone();
    let (ran, taken_back) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
    thread::scope(|scope| {
        for number in 0..10_usize {
            let (ran, taken_back) = (&ran, &taken_back);
            scope.spawn(move || {
                for turn in 0..200_usize {
                    let ran = Arc::clone(ran);
                    let registration = register(move || {
                        ran.fetch_add(1, Ordering::Relaxed);
                    });
                    match (number + turn) % 7 {
                        0 => taken_back.fetch_add(usize::from(registration.unregister()), Ordering::Relaxed),
                        1 => taken_back.fetch_add(clear(), Ordering::Relaxed),
                        2 => run().failures().len(),
                        _ => 0,
                    };
                }
            });
        }
    });
    run();
    assert_eq!(ran.load(Ordering::Relaxed) + taken_back.load(Ordering::Relaxed), 2000);
    assert_eq!(pending(), 0);
}

#[test]
fn an_observer_sees_every_handler_start_and_finish() {
    let (_turn, log) = (alone(), Log::default());
    let seen = log.clone();
    configure(Config::new().observer(move |event| {
        seen.push(match event {
            Event::RunStarted { pending, .. } => format!("{pending} pending"),
            Event::Started { handler, .. } => format!("{} begins", handler.label()),
            Event::Finished { handler, failure, .. } => {
                format!("{} ends, failed: {}", handler.label(), failure.is_some())
            }
            Event::RunFinished { report, .. } => format!("{} ran", report.ran()),
            other => format!("{other:?}"),
        });
        panic!("an observer's panic is its own");
    }));
    Handler::new(|| ()).name("good").register();
    Handler::new(|| Err::<(), _>(1)).name("bad").register();
    assert_eq!(run().failures().len(), 1);
    let expected =
        ["2 pending", "bad begins", "bad ends, failed: true", "good begins", "good ends, failed: false", "2 ran"];
    assert_eq!(log.take(), expected);
    assert_eq!(run().ran(), 0);
    assert_eq!(log.take(), [""; 0], "a run without handlers sends no events");
    configure(Config::new());
}

#[test]
fn the_time_that_each_took_is_recorded() {
    const LONG: Duration = Duration::from_millis(2);
    let _turn = alone();
    let taken = Arc::new(Mutex::new(Vec::new()));
    let theirs = Arc::clone(&taken);
    configure(Config::new().observer(move |event| {
        if let Event::Finished { handler, elapsed, .. } = event {
            theirs.lock().expect("no test panics here").push((handler.label().to_string(), *elapsed));
        }
    }));
    let spin = || {
        let start = Instant::now();
        while start.elapsed() < LONG {}
    };
    Handler::new(spin).name("older").register();
    Handler::new(spin).name("younger").register();
    let all = run().elapsed();
    configure(Config::new());
    let taken = std::mem::take(&mut *taken.lock().expect("no test panics here"));
    assert_eq!(taken.iter().map(|(label, _)| label.as_str()).collect::<Vec<_>>(), ["younger", "older"]);
    assert!(taken.iter().all(|&(_, elapsed)| elapsed >= LONG), "{taken:?}");
    assert!(all >= taken.iter().map(|&(_, elapsed)| elapsed).sum(), "{all:?} {taken:?}");
}

#[test]
fn a_guard_runs_its_function_once() {
    let (_turn, log) = (alone(), Log::default());
    let make = |line: &'static str| {
        let log = log.clone();
        guard(move || log.push(line))
    };
    drop(make("dropped"));
    assert_eq!((log.take(), pending()), (vec!["dropped".to_owned()], 0));
    make("cancelled").cancel();
    assert_eq!((log.take().len(), pending()), (0, 0));
    let kept = make("run");
    assert_eq!(run().ran(), 1);
    drop(kept);
    assert_eq!(log.take(), ["run"]);
}

#[test]
fn a_guard_whose_function_panics_does_not_abort_an_unwinding_thread() {
    let (_turn, log) = (alone(), Log::default());
    assert!(catch_unwind(|| drop(guard(|| panic!("in the guard")))).is_err());
    let outer = catch_unwind(AssertUnwindSafe(|| {
        let _guard = guard(|| panic!("in the guard, unwinding"));
        let inner = log.clone();
        let _second = guard(move || inner.push("ran"));
        panic!("outer");
    }));
    let message = outer.expect_err("it panicked").downcast_ref::<&str>().copied().unwrap_or_default().to_owned();
    assert_eq!((message.as_str(), log.take()), ("outer", vec!["ran".to_owned()]));
}

#[test]
fn closures_that_diverge_or_return_what_main_may_can_be_handlers() {
    let _turn = alone();
    register(|| panic!("never returns"));
    register(|| -> Result<std::process::ExitCode, String> { Ok(3.into()) });
    register(|| Ok::<(), std::convert::Infallible>(()));
    let report = run();
    assert_eq!(report.failures().iter().map(atexit_core::Failure::status).collect::<Vec<_>>(), [3, 101]);
}

/// Asks which traits the compiler gives a type: an inherent constant takes precedence over that of [`HasNot`].
struct Of<T>(PhantomData<T>);

#[allow(dead_code, reason = "what no type lacks")]
trait HasNot {
    const SEND: &str = "-";
    const SYNC: &str = "-";
    const UNPIN: &str = "-";
    const UNWIND_SAFE: &str = "-";
    const REF_UNWIND_SAFE: &str = "-";
}

impl<T> HasNot for Of<T> {}

impl<T: Send> Of<T> {
    const SEND: &str = "Send";
}

impl<T: Sync> Of<T> {
    const SYNC: &str = "Sync";
}

impl<T: Unpin> Of<T> {
    const UNPIN: &str = "Unpin";
}

impl<T: UnwindSafe> Of<T> {
    const UNWIND_SAFE: &str = "UnwindSafe";
}

impl<T: RefUnwindSafe> Of<T> {
    const REF_UNWIND_SAFE: &str = "RefUnwindSafe";
}

#[test]
fn auto_traits_are_as_intended() {
    macro_rules! table {
        ($($type:ty: $traits:literal)*) => { $({
            type This = Of<$type>;
            let traits = [This::SEND, This::SYNC, This::UNPIN, This::UNWIND_SAFE, This::REF_UNWIND_SAFE];
            assert_eq!(traits.join(" "), $traits, "{}", stringify!($type));
        })* };
    }
    // The code of a handler is known to be `Send`; an observer and the source of an error are also known to be `Sync`.
    // A cell can be used after a panic whatever it holds: its value is either complete or missing.
    type Any = Box<dyn Fn() + Send + Sync>;
    table! {
        Cause: "Send Sync Unpin UnwindSafe RefUnwindSafe"
        CloseAtExit<Any>: "Send Sync Unpin UnwindSafe RefUnwindSafe"
        Config: "Send Sync Unpin - -"
        DropAtExit<Any>: "Send Sync Unpin UnwindSafe RefUnwindSafe"
        Event: "Send Sync Unpin - -"
        ExitGuard: "Send Sync Unpin UnwindSafe RefUnwindSafe"
        ExitRef<Any>: "Send Sync Unpin - -"
        ExitRef<u8>: "Send Sync Unpin UnwindSafe RefUnwindSafe"
        Failure: "Send Sync Unpin - -"
        FailureKind: "Send Sync Unpin UnwindSafe RefUnwindSafe"
        Handler: "Send - Unpin - -"
        HandlerEnd: "Send Sync Unpin UnwindSafe RefUnwindSafe"
        HandlerError: "Send Sync Unpin - -"
        HandlerInfo: "Send Sync Unpin UnwindSafe RefUnwindSafe"
        HandlerRun: "Send Sync Unpin - -"
        Level: "Send Sync Unpin UnwindSafe RefUnwindSafe"
        Phase: "Send Sync Unpin UnwindSafe RefUnwindSafe"
        Plan: "Send Sync Unpin UnwindSafe RefUnwindSafe"
        PlanError: "Send Sync Unpin UnwindSafe RefUnwindSafe"
        PlanIntoIter: "Send Sync Unpin UnwindSafe RefUnwindSafe"
        PlanIter<'static>: "Send Sync Unpin UnwindSafe RefUnwindSafe"
        PlannedHandler: "Send Sync Unpin UnwindSafe RefUnwindSafe"
        Problem: "Send Sync Unpin UnwindSafe RefUnwindSafe"
        Registration: "Send Sync Unpin UnwindSafe RefUnwindSafe"
        Report: "Send Sync Unpin - -"
        RunError: "Send Sync Unpin - -"
        Signal: "Send Sync Unpin UnwindSafe RefUnwindSafe"
        SignalError: "Send Sync Unpin - -"
        Signals: "Send Sync Unpin UnwindSafe RefUnwindSafe"
        Unavailable: "Send Sync Unpin UnwindSafe RefUnwindSafe"
        Why: "Send Sync Unpin UnwindSafe RefUnwindSafe"
    }
}
