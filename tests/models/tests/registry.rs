//! Owns the promises about the pending set: nothing runs twice, and nothing is lost; must not know how it is kept.

use models::model::{Seen, explore, handler};
use models::sys::sync::thread::spawn;
use models::world::say;
use models::{Handler, clear, pending, register, run};

const TOO_LATE: &str = "registered too late by other threads: 1\n";

#[test]
fn handlers_that_threads_register_while_others_run_some_run_once() {
    explore(
        || {
            register(handler("a"));
            let others = [("one", "b"), ("two", "c")].map(|(thread, name)| {
                spawn(thread, move || {
                    register(handler(name));
                    run();
                })
            });
            run();
            for other in others {
                other.join();
            }
        },
        |seen| seen.ran_one_by_one(&["a", "b", "c"]),
    );
}

#[test]
fn handlers_that_threads_register_during_a_run_run_in_it_or_stay_pending() {
    explore(
        || {
            register(handler("a"));
            let other = spawn("other", || register(handler("b")));
            let ran = run().ran();
            other.join();
            assert_eq!(ran + pending(), 2);
            assert_eq!(run().ran() + ran, 2);
        },
        |seen| seen.ran_one_by_one(&["a", "b"]),
    );
}

#[test]
fn a_handler_runs_unless_it_was_unregistered() {
    explore(
        || {
            let taken = register(handler("a"));
            register(handler("b"));
            let other = spawn("other", move || {
                if taken.unregister() {
                    say("a was taken back");
                }
            });
            run();
            other.join();
            assert!(!taken.is_pending());
        },
        |seen| {
            seen.ran_in_order(&["b"]);
            assert_eq!(seen.count("a begins") + seen.count("a was taken back"), 1, "{seen:?}");
        },
    );
}

#[test]
fn a_stale_registration_unregisters_no_other_handler() {
    explore(
        || {
            let taken = register(handler("a"));
            let one = spawn("one", move || {
                let done = taken.unregister();
                register(handler("b"));
                done
            });
            let two = spawn("two", move || taken.unregister());
            let done = [one.join(), two.join(), taken.unregister()].map(usize::from);
            assert_eq!(done.iter().sum::<usize>(), 1);
        },
        |seen| {
            seen.ran_in_order(&["b"]);
            assert_eq!(seen.count("a begins"), 0, "{seen:?}");
        },
    );
}

#[test]
fn cleared_handlers_do_not_run_and_the_others_do() {
    explore(
        || {
            register(handler("a"));
            register(handler("b"));
            let other = spawn("other", clear);
            let ran = run().ran();
            assert_eq!(ran + other.join(), 2);
            say(format!("{ran} ran"));
        },
        |seen| {
            let ran = seen.count("a begins") + seen.count("b begins");
            assert_eq!(seen.count(&format!("{ran} ran")), 1, "{seen:?}");
        },
    );
}

#[test]
fn a_handler_registered_by_a_handler_runs_next() {
    explore(
        || {
            register(handler("a"));
            register(|| {
                register(handler("b"));
            });
            spawn("other", || register(handler("c")));
        },
        |seen| seen.ran_in_order(&["b", "a"]),
    );
}

#[test]
fn handlers_registered_during_an_exit_run_in_one_extra_round_or_are_counted() {
    explore(
        || {
            register(handler("a"));
            spawn("other", || {
                register(handler("b"));
                say("b is registered");
            });
        },
        |seen| {
            seen.ran_in_order(&["a"]);
            once_at_most(seen, "b");
            let (registered, ran) = (seen.at("b is registered"), seen.at("b begins"));
            if registered.is_some_and(|at| Some(at) < seen.at("a ends")) {
                assert!(ran.is_some(), "{seen:?}");
            }
            assert!(ran.is_none() || !seen.stderr.contains(TOO_LATE), "{seen:?}");
        },
    );
}

#[test]
fn handlers_registered_once_the_extra_round_has_begun_are_counted() {
    explore(
        || {
            Handler::new(handler("last")).last().register();
            spawn("other", || {
                register(|| {
                    say("a begins");
                    spawn("third", || register(handler("b"))).join();
                    say("b is registered");
                });
            });
        },
        |seen| {
            seen.ran_in_order(&["last"]);
            let round = seen.at("a begins").is_some_and(|at| Some(at) > seen.at("last ends"));
            let (ran, counted) = (seen.count("b begins"), usize::from(seen.stderr.contains(TOO_LATE)));
            if round {
                assert_eq!((ran, seen.count("b is registered")), (0, counted), "{seen:?}");
            } else {
                assert_eq!(ran, seen.count("b is registered"), "{seen:?}");
            }
        },
    );
}

#[track_caller]
fn once_at_most(seen: &Seen, name: &str) {
    assert!(seen.count(&format!("{name} begins")) <= 1, "{seen:?}");
}
