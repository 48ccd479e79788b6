//! Owns the promises for an observer that does what a handler may do, and for what comes after the handlers; must not know when a run
//! counts as over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use models::model::{explore, handler};
use models::sys::sync::io;
use models::sys::sync::thread::{sleep, spawn};
use models::world::{hang, one_of, say, threads_are_fast};
use models::{Config, Event, Handler, cause, configure, process, register, run};

const LIMIT: Duration = Duration::from_secs(5);

const TOO_LATE: &str = "registered too late by other threads: 1\n";

/// An observer that calls C's `exit` the first time it is told of the end of a run.
fn exits_once(status: i32) -> impl Fn(&Event) + Send + Sync + 'static {
    let is_first = AtomicBool::new(true);
    move |event| {
        if matches!(event, Event::RunFinished { .. }) && is_first.swap(false, Ordering::Relaxed) {
            process::c_exit(status);
        }
    }
}

#[test]
fn an_observer_is_inside_the_run_wherever_it_is_told_and_may_call_cs_exit() {
    explore(
        || {
            threads_are_fast();
            let exits = exits_once(3);
            // A watchdog that calls it waits if C lets in only one thread.
            let is_watched = one_of(&[true, false]);
            let observer = move |event: &Event| {
                if cause().is_none() {
                    say("told outside of the run");
                }
                if let Event::Finished { failure: Some(_), .. } = event {
                    spawn("late", || register(handler("late"))).join();
                }
                if !is_watched {
                    exits(event);
                }
            };
            configure(Config::new().deadline(LIMIT).observer(observer));
            Handler::new(handler("a")).name("a").register();
            let is_run = !is_watched && one_of(&[true, false]);
            let hangs = move || {
                if is_run {
                    spawn("leaves", || one_of(&[models::exit as fn(i32) -> !, process::exit, process::c_exit])(0));
                }
                hang();
            };
            let hangs = Handler::new(hangs).name("hangs");
            if is_watched {
                hangs.caller_thread().register();
            } else {
                hangs.register();
            }
            if is_run {
                run();
            }
        },
        |seen| {
            assert_eq!(seen.lines.len(), 0, "{seen:?}");
            assert!([1, 3].contains(&seen.status), "{seen:?}");
            assert!(seen.stderr.contains("hangs at") && seen.stderr.contains("a at"), "{seen:?}");
            assert_eq!(seen.stderr.matches(TOO_LATE).count(), 1, "{seen:?}");
        },
    );
}

#[test]
fn a_thread_that_is_about_to_run_handlers_as_an_exit_ends_the_run_does_not_put_that_one_outside() {
    // How long the library waits for the thread that holds stdout.
    const PROBE: Duration = Duration::from_millis(100);
    explore(
        || {
            threads_are_fast();
            let observer = |event: &Event| {
                if matches!(event, Event::RunFinished { .. }) && cause().is_none() {
                    say("told outside of the run");
                }
            };
            configure(Config::new().deadline(PROBE).observer(observer));
            register(|| hang());
            let _out = io::stdout().lock();
            spawn("leaves", || models::exit(0));
            run();
            hang();
        },
        |seen| assert_eq!((seen.status, seen.lines.len()), (1, 0), "{seen:?}"),
    );
}

#[test]
fn code_that_runs_after_the_handlers_may_register_and_exit_like_any_other() {
    explore(
        || {
            process::plant_before_the_hooks(|| {
                register(handler("b"));
                one_of(&[|| {}, || drop(run()), || models::exit(9)])();
                say("goes on");
            });
            register(handler("a"));
            let exits = Handler::new(|| process::c_exit(7));
            let place = [Handler::register as fn(Handler) -> _, |handler| handler.caller_thread().register()];
            if one_of(&[true, false]) {
                one_of(&place)(exits);
                run();
            } else {
                exits.caller_thread().register();
            }
        },
        |seen| {
            seen.ran_in_order(&["a", "b"]);
            assert_eq!(seen.status, if seen.count("goes on") == 1 { 7 } else { 9 }, "{seen:?}");
        },
    );
}

#[test]
fn a_handler_that_calls_cs_exit_is_not_subject_to_the_deadline_of_another_exit() {
    explore(
        || {
            threads_are_fast();
            configure(Config::new().deadline(2 * LIMIT));
            let waits = || {
                sleep(LIMIT + LIMIT / 2);
                say("a ends");
            };
            Handler::new(waits).name("a").register();
            register(|| {
                spawn("leaves", || models::exit(0));
                sleep(LIMIT);
                process::c_exit(7);
            });
            run();
        },
        |seen| assert_eq!((seen.count("a ends"), seen.status, seen.stderr.as_str()), (1, 7, ""), "{seen:?}"),
    );
}
