//! Owns the promises for several threads that exit or run handlers at the same time; must not know how they agree on whose turn it is.

use std::time::Duration;

use models::model::{explore, handler};
use models::sys::sync::thread::spawn;
use models::world::{hang, nobody_reads, one_of, say, threads_are_fast};
use models::{Config, Handler, configure, process, register, run};

/// One of the ways out of a process.
fn leave(status: i32) -> ! {
    one_of(&[process::exit as fn(i32) -> !, process::c_exit, models::exit])(status)
}

#[test]
fn two_threads_run_at_once() {
    explore(
        || {
            register(handler("a"));
            register(handler("b"));
            let other = spawn("other", || run().ran());
            let mine = run().ran();
            assert_eq!(mine + other.join(), 2);
        },
        |seen| seen.ran_in_order(&["b", "a"]),
    );
}

#[test]
fn three_threads_run_at_once() {
    explore(
        || {
            register(handler("a"));
            let others = ["one", "two"].map(|name| spawn(name, || run().ran()));
            register(handler("b"));
            let mine = run().ran();
            let theirs: usize = others.into_iter().map(|other| other.join()).sum();
            assert_eq!(mine + theirs, 2);
        },
        |seen| seen.ran_one_by_one(&["a", "b"]),
    );
}

#[test]
fn two_threads_exit_at_once_and_the_process_ends_as_one_of_them_says() {
    explore(
        || {
            register(handler("a"));
            register(handler("b"));
            spawn("other", || leave(1));
            leave(2);
        },
        |seen| {
            seen.ran_in_order(&["b", "a"]);
            assert!([1, 2].contains(&seen.status), "{seen:?}");
        },
    );
}

#[test]
fn two_threads_exit_while_main_returns() {
    explore(
        || {
            register(handler("a"));
            spawn("one", || leave(1));
            spawn("two", || leave(2));
        },
        |seen| {
            seen.ran_in_order(&["a"]);
            assert!([0, 1, 2].contains(&seen.status), "{seen:?}");
        },
    );
}

#[test]
fn a_run_and_an_exit_meet() {
    explore(
        || {
            register(handler("a"));
            register(handler("b"));
            spawn("runs", run);
            leave(3);
        },
        |seen| {
            seen.ran_in_order(&["b", "a"]);
            assert_eq!(seen.status, 3, "{seen:?}");
        },
    );
}

#[test]
fn two_runs_and_two_exits_meet() {
    explore(
        || {
            register(handler("a"));
            spawn("runs", run);
            register(handler("b"));
            spawn("runs too", run);
            spawn("leaves", || leave(1));
            leave(2);
        },
        |seen| {
            seen.ran_one_by_one(&["a", "b"]);
            assert!([1, 2].contains(&seen.status), "{seen:?}");
        },
    );
}

#[test]
fn a_failure_in_one_threads_exit_is_the_status_of_the_process_whoever_ends_it() {
    explore(
        || {
            // Not C's own: it may let a second thread in, which passes by if all hooks are used up, and ends with a status of its own.
            let leave = || one_of(&[process::exit as fn(i32) -> !, models::exit])(0);
            register(|| Err::<(), _>("no space"));
            spawn("other", leave);
            leave();
        },
        |seen| assert_eq!(seen.status, 1, "{seen:?}"),
    );
}

#[test]
fn a_handler_runs_the_rest_while_another_thread_waits_to() {
    explore(
        || {
            register(handler("a"));
            register(handler("b"));
            register(|| {
                run();
                say("the rest is over");
            });
            let other = spawn("other", run);
            run();
            other.join();
        },
        |seen| {
            seen.ran_in_order(&["b", "a"]);
            assert!(seen.at("the rest is over") > seen.at("a ends"), "{seen:?}");
        },
    );
}

#[test]
fn a_thread_that_a_handler_starts_exits_and_cuts_nothing_off() {
    explore(
        || {
            register(handler("a"));
            register(|| drop(spawn("started by a handler", || leave(5))));
            leave(0);
        },
        |seen| seen.ran_in_order(&["a"]),
    );
}

#[test]
fn an_exit_waits_no_longer_than_its_deadline_for_another_threads_run() {
    explore(
        || {
            configure(Config::new().deadline(Duration::from_secs(9)));
            register(handler("a"));
            let hangs = || {
                spawn("leaves", || leave(0));
                hang();
            };
            Handler::new(hangs).name("hangs").register();
            run();
        },
        |seen| {
            assert_eq!((seen.status, seen.lines.len()), (1, 0), "{seen:?}");
            assert!(seen.stderr.contains("1 handler not run before the deadline"), "{seen:?}");
            assert!(seen.stderr.contains("hangs at"), "{seen:?}");
        },
    );
}

#[test]
fn of_two_exits_that_wait_for_a_run_too_long_the_first_decides_the_status() {
    explore(
        || {
            // Not C's own, as above.
            let leave = || one_of(&[process::exit as fn(i32) -> !, models::exit])(0);
            configure(Config::new().deadline(Duration::from_secs(9)));
            Handler::new(|| hang()).name("hangs").register();
            spawn("one", leave);
            spawn("two", leave);
            run();
            hang();
        },
        |seen| assert!(seen.status == 1 && seen.stderr.contains("hangs at"), "{seen:?}"),
    );
}

#[test]
fn an_exit_that_has_waited_for_a_run_too_long_waits_for_no_reader() {
    explore(
        || {
            threads_are_fast();
            nobody_reads();
            configure(Config::new().deadline(Duration::from_secs(2)));
            register(|| {
                spawn("leaves", || leave(0));
                hang();
            });
            run();
        },
        |seen| assert!(seen.status == 1 && seen.lived < Duration::from_secs(3), "{seen:?}"),
    );
}
