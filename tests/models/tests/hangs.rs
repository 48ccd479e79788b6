//! Owns the promises for something that hangs without a limit; must not know who finds out.

use std::time::Duration;

use models::model::{explore, handler};
use models::sys::sync::thread::spawn;
use models::world::{hang, last_resort_counts, one_of, say, threads_are_fast};
use models::{Config, Event, Handler, configure, process, register, run};

const LIMIT: Duration = Duration::from_secs(5);

#[test]
fn an_observer_that_hangs_anywhere_keeps_no_process_alive_beyond_its_deadline() {
    explore(
        || {
            last_resort_counts();
            let hangs_at = one_of(&[0, 1, 2, 3]);
            let observer = move |event: &Event| {
                let at = match event {
                    Event::RunStarted { .. } => 0,
                    Event::Started { .. } => 1,
                    Event::Finished { .. } => 2,
                    _ => 3,
                };
                if at == hangs_at {
                    hang();
                }
            };
            configure(Config::new().deadline(LIMIT).observer(observer));
            register(handler("a"));
            if one_of(&[false, true]) {
                Handler::new(handler("b")).caller_thread().register();
            }
            if one_of(&[false, true]) {
                spawn("runs", || {
                    run();
                });
            }
            if one_of(&[false, true]) {
                spawn("leaves", || models::exit(0));
            }
            process::exit(0);
        },
        // How long after it depends on which threads are slow, and all may be; it matters only that none waits forever.
        |_| {},
    );
}

#[test]
fn where_threads_are_fast_the_last_resort_comes_half_a_second_after_the_deadline() {
    explore(
        || {
            threads_are_fast();
            last_resort_counts();
            configure(Config::new().deadline(LIMIT).observer(|event| {
                if matches!(event, Event::RunFinished { .. }) {
                    hang();
                }
            }));
            register(handler("a"));
        },
        |seen| {
            assert_eq!((seen.lived, seen.status), (LIMIT + Duration::from_millis(500), 1), "{seen:?}");
            assert!(seen.stderr.starts_with("at_exit: the process hung at the deadline"), "{seen:?}");
        },
    );
}

#[test]
fn a_handler_that_calls_std_exit_keeps_no_other_from_running() {
    explore(
        || {
            threads_are_fast();
            register(handler("a"));
            register(|| process::exit(9));
            register(handler("b"));
            process::exit(0);
        },
        |seen| {
            seen.ran_in_order(&["b", "a"]);
            assert_eq!(seen.status, 1, "{seen:?}");
        },
    );
}

#[test]
fn a_handler_that_calls_c_exit_while_another_thread_is_in_it_keeps_no_other_from_running() {
    explore(
        || {
            register(handler("a"));
            register(|| process::c_exit(9));
            register(handler("b"));
            if one_of(&[false, true]) {
                spawn("runs", || {
                    run();
                });
            }
            process::c_exit(0);
        },
        |seen| {
            seen.ran_in_order(&["b", "a"]);
            assert!([0, 1, 9].contains(&seen.status), "{seen:?}");
        },
    );
}

#[test]
fn an_observer_that_calls_c_exit_whenever_it_can_is_told_of_the_end_once() {
    explore(
        || {
            configure(Config::new().observer(|event| {
                if matches!(event, Event::RunFinished { .. }) {
                    say("told");
                    process::c_exit(4);
                }
            }));
            register(handler("a"));
            if one_of(&[false, true]) {
                spawn("runs", || {
                    run();
                });
            }
        },
        |seen| assert_eq!(seen.count("told"), 1, "{seen:?}"),
    );
}
