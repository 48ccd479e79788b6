//! Owns the promises for several threads that end one run; must not know how they agree on which of them does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use models::model::{explore, handler};
use models::sys::sync::thread::{sleep, spawn};
use models::world::{hang, say, thread_name, threads_are_fast};
use models::{Config, Event, Handler, cause, configure, process, register, run};

const LIMIT: Duration = Duration::from_secs(5);

#[test]
fn an_observer_that_calls_cs_exit_ends_the_process_whichever_thread_ends_the_run() {
    explore(
        || {
            let is_first = AtomicBool::new(true);
            let observer = move |event: &Event| {
                if matches!(event, Event::RunFinished { .. }) && is_first.swap(false, Ordering::Relaxed) {
                    process::c_exit(3);
                }
            };
            configure(Config::new().deadline(Duration::from_secs(1)).observer(observer));
            register(handler("a"));
            spawn("leaves", || models::exit(0));
            run();
            hang();
        },
        |seen| assert_eq!(seen.status, 3, "{seen:?}"),
    );
}

#[test]
fn a_handler_that_is_abandoned_as_another_exit_ends_the_run_does_not_put_that_one_outside() {
    explore(
        || {
            let observer = |event: &Event| {
                if matches!(event, Event::RunFinished { .. }) && cause().is_none() {
                    say("told outside of the run");
                }
            };
            threads_are_fast();
            configure(Config::new().deadline(LIMIT).observer(observer));
            Handler::new(|| hang()).time_limit(LIMIT).register();
            spawn("leaves", || models::exit(0));
            run();
            hang();
        },
        |seen| assert_eq!(seen.count("told outside of the run"), 0, "{seen:?}"),
    );
}

#[test]
fn a_thread_that_gives_the_lease_back_as_another_exit_ends_the_run_does_not_put_that_one_outside() {
    explore(
        || {
            let observer = |event: &Event| {
                if matches!(event, Event::RunFinished { .. }) && cause().is_none() {
                    say("told outside of the run");
                }
            };
            configure(Config::new().deadline(LIMIT).observer(observer));
            register(handler("a"));
            spawn("leaves", || models::exit(0));
            run();
            hang();
        },
        |seen| assert_eq!(seen.count("told outside of the run"), 0, "{seen:?}"),
    );
}

#[test]
fn a_handler_that_calls_cs_exit_at_the_deadline_of_another_exit_keeps_no_process_alive() {
    explore(
        || {
            configure(Config::new().deadline(LIMIT));
            register(|| {
                spawn("leaves", || models::exit(0));
                sleep(LIMIT);
                process::c_exit(0);
            });
            run();
        },
        |_| {},
    );
}

#[test]
fn what_ran_before_and_inside_an_abandoned_handler_is_counted() {
    explore(
        || {
            threads_are_fast();
            register(handler("a"));
            let outer = || {
                register(|| hang());
                run();
            };
            Handler::new(outer).time_limit(LIMIT).register();
            register(handler("b"));
            say(format!("{} ran", run().ran()));
        },
        |seen| assert!(seen.count("3 ran") + seen.count("4 ran") == 1, "{seen:?}"),
    );
}

struct RunsInDrop;

impl Drop for RunsInDrop {
    fn drop(&mut self) {
        run();
    }
}

#[test]
fn an_observer_that_was_replaced_may_run_handlers_when_it_is_dropped() {
    explore(
        || {
            let capture = RunsInDrop;
            configure(Config::new().observer(move |_| {
                let _ = &capture;
            }));
            register(|| drop(configure(Config::new())));
            run();
        },
        |_| {},
    );
}

/// An observer that reports that a run has begun, or is over.
fn observer(event: &Event) {
    if matches!(event, Event::RunStarted { .. } | Event::RunFinished { .. }) {
        say("told");
    }
}

#[test]
fn a_configuration_set_while_an_exit_waits_counts_in_it() {
    explore(
        || {
            register(|| {
                say(format!("configured in {:?}", cause()));
                configure(Config::new().observer(observer));
            });
            spawn("runs", || {
                run();
                register(handler("a"));
            });
        },
        |seen| {
            if seen.at("configured in Some(Run)").is_some() && seen.at("a begins").is_some() {
                assert!(seen.count("told") >= 2, "{seen:?}");
            }
        },
    );
}

#[test]
fn an_exit_that_ends_another_threads_run_uses_the_configuration_of_that_moment() {
    explore(
        || {
            register(|| {
                configure(Config::new().deadline(LIMIT).observer(observer));
                spawn("leaves", || models::exit(0));
                hang();
            });
            run();
        },
        |seen| assert_eq!((seen.status, seen.count("told")), (1, 1), "{seen:?}"),
    );
}

#[test]
fn an_observer_may_run_the_rest_when_a_handler_is_abandoned() {
    explore(
        || {
            configure(Config::new().observer(|event: &Event| {
                if matches!(event, Event::Finished { failure: Some(_), .. }) {
                    run();
                }
            }));
            register(handler("a"));
            Handler::new(hang_on_the_exit_thread).time_limit(LIMIT).register();
        },
        |seen| seen.ran_in_order(&["a"]),
    );
}

/// On another thread, it could not be abandoned.
fn hang_on_the_exit_thread() {
    if thread_name() == "at_exit" {
        hang();
    }
}
