//! Owns the promises about the threads that handlers run on, and about their time, whenever a limit expires; must not know how one thread
//! hands over to the next.

use std::cell::Cell;
use std::time::Duration;

use models::model::{Seen, explore, handler};
use models::sys::sync::io;
use models::sys::sync::thread::{sleep, spawn};
use models::world::{hang, me, one_of, say, step, thread_name, threads_are_fast, threads_are_scarce};
use models::{Config, Event, Handler, configure, process, register, run};

const LIMIT: Duration = Duration::from_secs(5);

/// A handler that takes exactly as long as it may, and then fails.
fn slow() -> Handler {
    Handler::new(|| {
        say("slow begins");
        sleep(LIMIT);
        say("slow ends");
        Err::<(), _>("over")
    })
    .name("slow")
    .time_limit(LIMIT)
}

/// Hangs, unless it had to stay on the exiting thread, where only a deadline helps.
fn hang_elsewhere() {
    if thread_name() == "at_exit" {
        hang();
    }
}

fn hangs(name: &'static str) -> Handler {
    let hangs = move || {
        if thread_name() == "at_exit" {
            say(format!("{name} hangs"));
        }
        hang_elsewhere();
    };
    Handler::new(hangs).name(name)
}

fn was_abandoned(seen: &Seen, name: &str) -> bool {
    let line =
        |line: &str| line.starts_with(&format!("at_exit: {name} at ")) && line.contains("exceeded its time limit");
    seen.stderr.lines().any(line)
}

#[test]
fn a_handler_that_takes_as_long_as_it_may_fails_once_and_the_next_one_runs() {
    explore(
        || {
            register(handler("a"));
            slow().register();
            register(handler("b"));
        },
        |seen| {
            seen.ran_in_order(&["b", "a"]);
            assert_eq!(seen.count("slow begins"), 1, "{seen:?}");
            assert!(seen.status == 1 && seen.stderr.contains("1 handler failed"), "{seen:?}");
            if !was_abandoned(seen, "slow") {
                seen.ran_in_order(&["b", "slow", "a"]);
            }
        },
    );
}

#[test]
fn handlers_that_hang_are_abandoned_one_after_the_other() {
    explore(
        || {
            configure(Config::new().time_limit(LIMIT));
            register(handler("a"));
            hangs("one").register();
            hangs("two").register();
        },
        |seen| {
            seen.ran_in_order(&["a"]);
            for name in ["one", "two"] {
                let hangs = seen.count(&format!("{name} hangs")) == 1;
                assert_eq!(was_abandoned(seen, name), hangs, "{seen:?}");
                assert!(!hangs || seen.status == 1, "{seen:?}");
            }
        },
    );
}

#[test]
fn nobody_is_late_to_abandon_a_handler() {
    const SHORT: Duration = Duration::from_millis(500);
    explore(
        || {
            threads_are_fast();
            hangs("hangs").time_limit(SHORT).register();
        },
        |seen| {
            assert!(was_abandoned(seen, "hangs"), "{seen:?}");
            assert_eq!(seen.lived, SHORT, "{seen:?}");
        },
    );
}

#[test]
fn a_handler_that_goes_on_after_its_limit_runs_no_other() {
    /// A handler that reports where it runs.
    fn sited(name: &'static str, takes: Duration) {
        register(move || {
            say(format!("runs on {}", me()));
            handler(name)();
            sleep(takes);
        });
    }
    explore(
        || {
            configure(Config::new().observer(|event| {
                if let Event::Finished { failure: Some(_), .. } = event {
                    say("slow is abandoned");
                }
            }));
            let (alone, inside) = one_of(&[(LIMIT, Duration::ZERO), (Duration::ZERO, LIMIT)]);
            sited("a", Duration::ZERO);
            sited("b", Duration::ZERO);
            sited("c", inside);
            let slow = move || {
                say(format!("slow runs on {}", me()));
                sleep(alone);
                run();
            };
            Handler::new(slow).name("slow").time_limit(LIMIT).register();
        },
        |seen| {
            let Some(abandoned) = seen.at("slow is abandoned") else {
                return seen.ran_in_order(&["c", "b", "a"]);
            };
            // Its inner run is abandoned with it.
            let (before, after): (Vec<_>, Vec<_>) =
                ["c", "b", "a"].iter().partition(|name| seen.at(&format!("{name} begins")) < Some(abandoned));
            assert!(before.iter().all(|name| seen.count(&format!("{name} begins")) == 1), "{seen:?}");
            seen.ran_in_order(&after);
            let there = seen.lines.iter().find_map(|line| line.strip_prefix("slow "));
            let runs_there = |line: &String| Some(line.as_str()) == there;
            assert!(!seen.lines.iter().skip(abandoned).any(runs_there), "{seen:?}");
        },
    );
}

#[test]
fn a_handler_that_exits_at_its_limit_decides_the_status_or_is_abandoned() {
    explore(
        || {
            register(handler("a"));
            let exits = || {
                sleep(LIMIT);
                models::exit(7);
            };
            Handler::new(exits).name("exits").time_limit(LIMIT).register();
        },
        |seen| {
            seen.ran_in_order(&["a"]);
            let expected: &[i32] = if was_abandoned(seen, "exits") { &[1, 7] } else { &[7] };
            assert!(expected.contains(&seen.status), "{seen:?}");
        },
    );
}

#[test]
fn what_a_handler_registers_after_its_limit_comes_from_any_other_thread() {
    explore(
        || {
            register(handler("a"));
            let registers = || {
                sleep(LIMIT);
                register(handler("b"));
                say("b is registered");
            };
            Handler::new(registers).name("registers").time_limit(LIMIT).register();
        },
        |seen| {
            seen.ran_in_order(&["a"]);
            assert!(seen.count("b begins") <= 1, "{seen:?}");
            if !was_abandoned(seen, "registers") {
                seen.ran_in_order(&["b", "a"]);
            }
        },
    );
}

#[test]
fn a_run_inside_a_handler_is_abandoned_with_it() {
    explore(
        || {
            register(handler("a"));
            let outer = || {
                hangs("inner").time_limit(LIMIT).register();
                run();
            };
            Handler::new(outer).name("outer").time_limit(LIMIT).register();
            let report = run();
            for failure in report.failures() {
                say(format!("{} failed", failure.handler().label()));
            }
            register(handler("b"));
        },
        |seen| {
            seen.ran_in_order(&["a", "b"]);
            // The outer one may be abandoned before it has begun the inner run.
            assert!(seen.count("outer failed") >= seen.count("inner hangs"), "{seen:?}");
            assert!(seen.count("outer failed") >= seen.count("inner failed"), "{seen:?}");
            assert_eq!(seen.status, 0, "{seen:?}");
        },
    );
}

#[test]
fn a_handler_that_ends_at_the_deadline_is_over_or_reported_and_so_is_the_next() {
    explore(
        || {
            configure(Config::new().deadline(LIMIT));
            let next = || {
                say("next begins");
                say("next ends");
            };
            Handler::new(next).name("next").register();
            let slow = || {
                say("slow begins");
                sleep(LIMIT);
                say("slow ends");
            };
            let slow = Handler::new(slow).name("slow");
            one_of(&[Handler::register as fn(Handler) -> _, |handler| handler.caller_thread().register()])(slow);
        },
        |seen| {
            for name in ["slow", "next"] {
                assert!(seen.count(&format!("{name} begins")) <= 1, "{seen:?}");
                let ended = seen.count(&format!("{name} ends")) == 1;
                let reported = seen.stderr.contains(&format!("at_exit: {name} at "));
                assert!(ended || reported, "{name}: {seen:?}");
                assert!(!reported || seen.status == 1, "{seen:?}");
            }
        },
    );
}

#[test]
fn the_observer_learns_the_end_of_a_handler_once_even_at_the_deadline() {
    explore(
        || {
            let observer = |event: &Event| match event {
                Event::Finished { handler, .. } => say(format!("{} finished", handler.label())),
                Event::RunFinished { report, .. } => {
                    say(format!("{} ran, {} recorded", report.ran(), report.handlers().len()));
                }
                _ => {}
            };
            configure(Config::new().deadline(LIMIT).observer(observer));
            Handler::new(|| ()).name("next").register();
            let slow = Handler::new(|| sleep(LIMIT)).name("slow");
            one_of(&[Handler::register as fn(Handler) -> _, |handler| handler.caller_thread().register()])(slow);
        },
        |seen| {
            assert_eq!(seen.count("slow finished"), 1, "{seen:?}");
            assert!(seen.count("next finished") <= 1, "{seen:?}");
            assert_eq!(seen.count("1 ran, 1 recorded") + seen.count("2 ran, 2 recorded"), 1, "{seen:?}");
        },
    );
}

#[test]
fn the_observer_learns_once_that_a_handler_has_failed_even_at_its_limit() {
    explore(
        || {
            let observer = |event: &Event| match event {
                Event::Finished { handler, .. } => say(format!("{} finished", handler.label())),
                Event::RunFinished { report, .. } => {
                    say(format!(
                        "{} ran, {} failed of {}",
                        report.ran(),
                        report.failures().len(),
                        report.handlers().len()
                    ));
                }
                _ => {}
            };
            configure(Config::new().observer(observer));
            Handler::new(|| ()).name("next").register();
            let slow = || {
                sleep(LIMIT);
                Err::<(), _>("broken")
            };
            Handler::new(slow).name("slow").time_limit(LIMIT).register();
        },
        |seen| {
            for line in ["slow finished", "next finished", "2 ran, 1 failed of 2"] {
                assert_eq!(seen.count(line), 1, "{seen:?}");
            }
        },
    );
}

#[test]
fn a_handler_that_outlasts_the_deadline_fails_once_even_if_nobody_can_watch_it() {
    explore(
        || {
            threads_are_fast();
            threads_are_scarce();
            let observer = |event: &Event| {
                if let Event::Finished { handler, failure, .. } = event {
                    say(format!("{} {}", handler.label(), if failure.is_some() { "failed" } else { "finished" }));
                }
            };
            configure(Config::new().deadline(LIMIT).observer(observer));
            if one_of(&[true, false]) {
                Handler::new(|| ()).name("next").register();
            }
            Handler::new(|| sleep(2 * LIMIT)).name("slow").register();
        },
        |seen| assert_eq!((seen.lines.as_slice(), seen.status), (&["slow failed".to_owned()][..], 1), "{seen:?}"),
    );
}

#[test]
fn a_run_of_a_handler_starts_none_after_the_deadline_even_if_nobody_can_watch_it() {
    explore(
        || {
            threads_are_fast();
            threads_are_scarce();
            configure(Config::new().deadline(LIMIT));
            Handler::new(|| say("next")).register();
            Handler::new(|| sleep(2 * LIMIT)).name("slow").register();
            Handler::new(|| drop(run())).name("runs").register();
        },
        |seen| assert_eq!((seen.count("next"), seen.status), (0, 1), "{seen:?}"),
    );
}

#[test]
fn a_deadline_ends_a_process_whose_handler_hangs_wherever_it_runs() {
    explore(
        || {
            configure(Config::new().deadline(LIMIT));
            register(handler("a"));
            let hangs = Handler::new(|| hang()).name("hangs");
            one_of(&[Handler::register as fn(Handler) -> _, |handler| handler.caller_thread().register()])(hangs);
            spawn("other", run);
        },
        |seen| {
            assert_eq!((seen.status, seen.count("a begins")), (1, 0), "{seen:?}");
            assert!(seen.stderr.contains("hangs at"), "{seen:?}");
        },
    );
}

#[test]
fn handlers_run_where_they_belong_in_order() {
    explore(
        || {
            let on = |name, thread: &'static str| {
                move || {
                    handler(name)();
                    if thread_name() == thread {
                        say(format!("{name} is where it belongs"));
                    }
                }
            };
            register(on("a", "at_exit"));
            Handler::new(on("b", "main")).caller_thread().time_limit(LIMIT).register();
            register(on("c", "at_exit"));
            Handler::new(on("d", "main")).caller_thread().register();
        },
        |seen| {
            seen.ran_in_order(&["d", "c", "b", "a"]);
            assert!(seen.at("b is where it belongs").is_some(), "{seen:?}");
            assert!(seen.at("d is where it belongs").is_some(), "{seen:?}");
            if seen.lived < Duration::from_millis(100) {
                assert!(seen.at("a is where it belongs") < seen.at("flushed"), "{seen:?}");
                assert!(seen.at("c is where it belongs").is_some(), "{seen:?}");
            }
        },
    );
}

#[test]
fn where_threads_are_scarce_handlers_run_all_the_same() {
    explore(
        || {
            threads_are_scarce();
            register(handler("a"));
            Handler::new(handler("b")).caller_thread().time_limit(LIMIT).register();
            slow().register();
            register(handler("c"));
        },
        |seen| {
            seen.ran_in_order(&["c", "b", "a"]);
            assert_eq!(seen.count("slow begins"), 1, "{seen:?}");
        },
    );
}

#[test]
fn a_handler_that_calls_cs_exit_loses_no_other() {
    explore(
        || {
            register(handler("a"));
            register(handler("b"));
            // If C lets in only one thread, it has to be abandoned.
            Handler::new(|| process::c_exit(7)).name("exits").time_limit(LIMIT).register();
            register(handler("c"));
        },
        |seen| seen.ran_in_order(&["c", "b", "a"]),
    );
}

#[test]
fn any_number_of_handlers_call_cs_exit() {
    explore(
        || {
            register(handler("a"));
            for _ in 0..10 {
                Handler::new(|| process::c_exit(7)).caller_thread().register();
            }
            register(handler("b"));
        },
        |seen| {
            seen.ran_in_order(&["b", "a"]);
            assert_eq!(seen.status, 7, "{seen:?}");
        },
    );
}

#[test]
fn a_handler_that_calls_cs_exit_at_its_limit_loses_no_other() {
    explore(
        || {
            register(handler("a"));
            let exits = || {
                sleep(LIMIT);
                process::c_exit(7)
            };
            Handler::new(exits).name("exits").time_limit(LIMIT).register();
        },
        |seen| seen.ran_in_order(&["a"]),
    );
}

#[test]
fn a_handler_may_print_while_the_exiting_thread_holds_the_lock() {
    explore(
        || {
            let prints = || {
                let _out = io::stdout().lock();
                handler("a")();
            };
            register(prints);
            let _locks = one_of(&[true, false]).then(|| (io::stdout().lock(), io::stderr().lock()));
            spawn("other", || {
                let _out = io::stdout().lock();
                sleep(Duration::from_millis(100));
            });
            process::exit(0);
        },
        |seen| seen.ran_in_order(&["a"]),
    );
}

models::locals! {
    static OF_A_HANDLER: Cell<Option<Noisy>> = const { Cell::new(None) };
}

struct Noisy;

impl Drop for Noisy {
    fn drop(&mut self) {
        step("inside a destructor");
        say("thread-local dropped");
    }
}

#[test]
fn the_thread_locals_of_handlers_are_dropped_before_the_process_ends() {
    explore(
        || {
            threads_are_fast();
            register(|| OF_A_HANDLER.set(Some(Noisy)));
        },
        |seen| {
            assert_eq!(seen.count("thread-local dropped"), 1, "{seen:?}");
            assert_eq!(seen.lived, Duration::ZERO, "{seen:?}");
        },
    );
}

#[test]
fn a_handler_that_is_abandoned_and_returns_begins_no_further_round() {
    explore(
        || {
            register(handler("a"));
            let slow = || {
                sleep(LIMIT);
                sleep(Duration::from_millis(1));
            };
            Handler::new(slow).name("slow").time_limit(LIMIT).register();
            spawn("other", || {
                sleep(LIMIT);
                register(handler("late"));
            });
        },
        |seen| {
            seen.ran_in_order(&["a"]);
            let is_counted = seen.stderr.contains("registered too late");
            assert!(!is_counted || seen.count("late begins") == 0, "{seen:?}");
        },
    );
}

#[test]
fn what_a_late_handler_prints_on_the_exiting_thread_is_flushed_after_an_exit_thread() {
    explore(
        || {
            threads_are_fast();
            register(handler("a"));
            spawn("other", || {
                Handler::new(handler("late")).caller_thread().register();
            });
        },
        |seen| {
            seen.ran_in_order(&["a"]);
            let flushed = seen.lines.iter().rposition(|line| line == "flushed");
            assert!(seen.at("late ends") < flushed, "{seen:?}");
        },
    );
}

#[test]
fn a_handler_on_the_exiting_thread_that_calls_cs_exit_at_the_deadline_loses_no_other() {
    explore(
        || {
            configure(Config::new().deadline(LIMIT));
            Handler::new(handler("a")).name("a").register();
            let exits = || {
                sleep(LIMIT);
                process::c_exit(0)
            };
            Handler::new(exits).name("exits").caller_thread().register();
        },
        |seen| {
            let is_reported = seen.stderr.contains("at_exit: a at ") && seen.status != 0;
            assert!(seen.count("a ends") == 1 || is_reported, "{seen:?}");
        },
    );
}

#[test]
fn the_deadline_holds_for_an_exit_from_inside_a_run() {
    explore(
        || {
            threads_are_fast();
            configure(Config::new().deadline(LIMIT));
            Handler::new(|| hang()).name("hangs").register();
            Handler::new(|| process::c_exit(7)).name("exits").register();
            run();
        },
        |seen| assert_ne!(seen.status, 0, "{seen:?}"),
    );
}
