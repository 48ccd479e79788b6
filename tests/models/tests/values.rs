//! Owns the promises about values that threads initialize, borrow and close while the process runs handlers, exits, or reaches its deadline; must
//! not know how a value comes into its cell, or who finishes it.

use std::cell::Cell;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use models::model::{Seen, block_on, explore, handler};
use models::sys::sync::thread::{JoinHandle, sleep, spawn};
use models::world::{hang, last_resort_counts, one_of, say, step, threads_are_fast, threads_are_scarce};
use models::{CloseAtExit, Config, DropAtExit, Event, Handler, Unavailable, clear, configure, process, register, run};

/// How long to wait for a value that sets no limit.
const PATIENCE: Duration = Duration::from_secs(2);

/// More than the steps take in which a value is waited for.
const SOON: Duration = Duration::from_millis(100);

/// It reports when it is dropped.
#[derive(Debug)]
struct Value(&'static str);

impl Drop for Value {
    fn drop(&mut self) {
        handler(self.0)();
    }
}

type DropCell = &'static DropAtExit<Value>;

/// Each execution has cells of its own.
fn keep<T>(cell: T) -> &'static T {
    Box::leak(Box::new(cell))
}

fn cell(name: &'static str, init: fn() -> Value) -> DropCell {
    keep(DropAtExit::new(init).name(name))
}

/// A value that reports its initialization.
fn make(name: &'static str) -> Value {
    say(format!("{name} is being made"));
    step("inside an initialization");
    say(format!("{name} is made"));
    Value(name)
}

/// Asks for a value, and reports the result.
fn ask(name: &str, cell: DropCell) {
    match cell.try_get() {
        Ok(value) => {
            say(format!("{name} is there"));
            step("with a borrowed value");
            say(format!("{name} is let go"));
            drop(value);
        }
        Err(why) => say(format!("{name} {why}")),
    }
}

fn asks(name: &'static str, cell: DropCell) -> JoinHandle<()> {
    spawn(name, move || ask(name, cell))
}

/// How a line about a value on stderr begins.
fn complaint(name: &str) -> String {
    format!("at_exit: {name} at ")
}

/// The promises about these values, whatever happens, unless a call has closed or cleared one.
#[track_caller]
fn none_is_left_behind(seen: &Seen, names: &[&str]) {
    for name in names {
        let [made, begun, ended] = ["is made", "begins", "ends"].map(|what| seen.count(&format!("{name} {what}")));
        assert!(made <= 1 && begun <= made, "{name} is made or finished twice: {seen:?}");
        assert!(ended == made || seen.stderr.contains(&complaint(name)), "{name} is left behind: {seen:?}");
    }
    none_is_finished_while_borrowed(seen, names);
}

#[track_caller]
fn none_is_finished_while_borrowed(seen: &Seen, names: &[&str]) {
    for name in names {
        let Some(begins) = seen.at(&format!("{name} begins")) else { continue };
        let (mut borrowed, mut let_go) = (0, 0);
        for line in &seen.lines[..begins] {
            borrowed += usize::from(*line == format!("{name} is there"));
            let_go += usize::from(*line == format!("{name} is let go"));
        }
        assert_eq!(borrowed, let_go, "{name} is finished while it is borrowed: {seen:?}");
        let after = seen.lines[begins..].iter().any(|line| *line == format!("{name} is there"));
        assert!(!after, "{name} is to be had after its end: {seen:?}");
    }
}

/// Once the first of these values is finished, none is initialized. For an execution whose exit waited for all that began before.
#[track_caller]
fn none_is_made_once_one_is_finished(seen: &Seen, names: &[&str]) {
    let first = names.iter().filter_map(|name| seen.at(&format!("{name} begins"))).min();
    for name in names {
        let made = seen.at(&format!("{name} is made"));
        assert!(first.is_none() || made < first, "{name} is made after one is finished: {seen:?}");
    }
}

/// Nothing went wrong, and the exit waited at most for borrowers.
#[track_caller]
fn all_went_well(seen: &Seen) {
    assert_eq!((seen.status, seen.stderr.as_str()), (0, ""), "{seen:?}");
    assert!(seen.lived < SOON, "{seen:?}");
}

#[test]
fn a_value_is_made_once_whoever_asks_first_and_finished_once() {
    explore(
        || {
            let a = cell("a", || make("a"));
            let others = [asks("a", a), asks("a", a)];
            if one_of(&[false, true]) {
                others.into_iter().for_each(JoinHandle::join);
            }
        },
        |seen| {
            none_is_left_behind(seen, &["a"]);
            let asked = ["a is there", "a is closed"].map(|line| seen.count(line));
            assert!(asked.iter().sum::<usize>() <= 2, "{seen:?}");
            // A thread may hold it for as long as it likes.
            assert!([0, 1].contains(&seen.status), "{seen:?}");
        },
    );
}

#[test]
fn an_exit_waits_for_all_values_that_are_being_made_and_lets_none_begin_once_it_finishes_them() {
    explore(
        || {
            threads_are_fast();
            for (name, init) in [("a", (|| make("a")) as fn() -> Value), ("b", || make("b")), ("c", || make("c"))] {
                asks(name, cell(name, init));
            }
            register(handler("handler"));
            if one_of(&[false, true]) {
                process::exit(0);
            }
        },
        |seen| {
            seen.ran_in_order(&["handler"]);
            none_is_left_behind(seen, &["a", "b", "c"]);
            none_is_made_once_one_is_finished(seen, &["a", "b", "c"]);
            all_went_well(seen);
            for name in ["a", "b", "c"] {
                let at = |what: &str| seen.at(&format!("{name} {what}"));
                assert!(at("is being made").is_none() || at("ends").is_some(), "{seen:?}");
                assert!(at("begins").is_none() || at("begins") > seen.at("handler ends"), "{seen:?}");
            }
        },
    );
}

#[test]
fn threads_that_are_slow_make_a_value_that_is_finished_or_named() {
    explore(
        || {
            for (name, init) in [("a", (|| make("a")) as fn() -> Value), ("b", || make("b")), ("c", || make("c"))] {
                asks(name, cell(name, init));
            }
            process::exit(0);
        },
        |seen| {
            none_is_left_behind(seen, &["a", "b", "c"]);
            for name in ["a", "b", "c"] {
                let was_begun = seen.count(&format!("{name} is being made")) == 1;
                let has_ended = seen.count(&format!("{name} ends")) == 1;
                assert!(!was_begun || has_ended || seen.stderr.contains(&complaint(name)), "{seen:?}");
            }
            assert_eq!(seen.status, i32::from(!seen.stderr.is_empty()), "{seen:?}");
        },
    );
}

#[test]
fn values_are_finished_in_the_reverse_order_of_the_ends_of_their_initializations() {
    const NAMES: [&str; 3] = ["a", "b", "c"];
    explore(
        || {
            threads_are_fast();
            thread_local! { static A: Cell<Option<DropCell>> = const { Cell::new(None) } }
            let a = cell("a", || make("a"));
            A.set(Some(a));
            // It uses another one, which is finished after it.
            let b = cell("b", || {
                ask("a", A.get().expect("set before"));
                make("b")
            });
            let c = cell("c", || make("c"));
            let others = [asks("b", b), asks("c", c), asks("a", a)];
            others.into_iter().for_each(JoinHandle::join);
        },
        |seen| {
            none_is_left_behind(seen, &NAMES);
            seen.ran_in_order(&["b", "a"]);
            for (one, other) in NAMES.iter().flat_map(|one| NAMES.map(|other| (one, other))) {
                // One exists before the function of the other has made its value.
                if one != &other && seen.at(&format!("{one} is there")) < seen.at(&format!("{other} is made")) {
                    seen.ran_in_order(&[other, one]);
                }
            }
        },
    );
}

#[test]
fn a_handler_can_use_values_and_waits_for_one_in_progress() {
    explore(
        || {
            threads_are_fast();
            let a = cell("a", || make("a"));
            asks("a", a);
            register(move || {
                let value = a.try_get().map(|value| value.0);
                say(format!("the handler has {value:?}"));
            });
            process::exit(0);
        },
        |seen| {
            none_is_left_behind(seen, &["a"]);
            assert_eq!(seen.count(r#"the handler has Ok("a")"#), 1, "{seen:?}");
            assert!(seen.at("a begins") > seen.at(r#"the handler has Ok("a")"#), "{seen:?}");
            all_went_well(seen);
        },
    );
}

#[test]
fn no_handler_waits_until_values_are_made_which_may_need_it() {
    explore(
        || {
            threads_are_fast();
            let is_there: &AtomicBool = keep(AtomicBool::new(false));
            let a = keep(DropAtExit::<Value>::empty().name("a"));
            spawn("makes", move || {
                let init = || {
                    while !is_there.load(Ordering::Relaxed) {
                        sleep(Duration::from_millis(2));
                    }
                    make("a")
                };
                // It may be finished before this thread gets it.
                let _ = catch_unwind(|| drop(a.get_or_init(init)));
            });
            register(move || is_there.store(true, Ordering::Relaxed));
            sleep(Duration::from_millis(1)); // it is being made
        },
        |seen| {
            none_is_left_behind(seen, &["a"]);
            assert_eq!(seen.count("a ends"), 1, "{seen:?}");
            all_went_well(seen);
        },
    );
}

#[test]
fn an_initialization_that_hangs_is_waited_for_with_patience_and_named() {
    explore(
        || {
            threads_are_fast();
            register(handler("handler"));
            let a = cell("a", || make("a"));
            drop(a.try_get());
            let mut hangs = DropAtExit::<Value>::new(|| hang()).name("hangs");
            let limited = one_of(&[None, Some(PATIENCE * 2), Some(PATIENCE / 2)]);
            if let Some(limit) = limited {
                hangs = hangs.time_limit(limit);
            }
            say(format!("{:?}", limited.unwrap_or(PATIENCE)));
            asks("hangs", keep(hangs));
            sleep(Duration::from_millis(1)); // it is being made
        },
        |seen| {
            seen.ran_in_order(&["handler", "a"]);
            none_is_left_behind(seen, &["a"]);
            let patience = [PATIENCE / 2, PATIENCE, PATIENCE * 2]
                .into_iter()
                .find(|patience| seen.count(&format!("{patience:?}")) == 1)
                .expect("it was said");
            let what = "was still being initialized when the exit stopped waiting for it\n";
            assert!(seen.stderr.contains(&complaint("hangs")) && seen.stderr.ends_with(what), "{seen:?}");
            assert_eq!((seen.status, seen.lived), (1, patience + Duration::from_millis(1)), "{seen:?}");
        },
    );
}

#[test]
fn an_initialization_on_the_thread_that_exits_is_waited_for_by_nobody() {
    explore(
        || {
            threads_are_fast();
            let exits = one_of(&[process::exit as fn(i32) -> !, process::c_exit, models::exit]);
            let a = cell("a", || make("a"));
            let b = cell("b", || make("b"));
            drop(b.try_get());
            register(handler("handler"));
            let c = cell("c", || make("c"));
            // It waits for the exiting thread, and an exit does not wait for it.
            spawn("waits", move || drop(a.try_get()));
            if one_of(&[false, true]) {
                asks("c", c);
            }
            a.get_or_init(|| exits(0));
        },
        |seen| {
            seen.ran_in_order(&["handler", "b"]);
            none_is_left_behind(seen, &["b", "c"]);
            all_went_well(seen);
        },
    );
}

#[test]
fn a_handler_does_not_wait_for_a_thread_that_waits_for_it() {
    explore(
        || {
            threads_are_fast();
            let exits = one_of(&[process::exit as fn(i32) -> !, process::c_exit, models::exit]);
            thread_local! { static A: Cell<Option<DropCell>> = const { Cell::new(None) } }
            let a = keep(DropAtExit::<Value>::new(|| make("a")).name("a"));
            A.set(Some(a));
            // Directly, or through another thread that waits for that one.
            let b = cell("b", || {
                let value = A.get().map(DropAtExit::try_get);
                say(format!("b sees {:?}", value.map(|value| value.is_ok())));
                make("b")
            });
            let asked = one_of(&[a, b]);
            register(move || {
                let got = asked.try_get();
                say(format!("the handler has {:?}", got.as_ref().err()));
            });
            if one_of(&[false, true]) {
                asks("b", b);
            }
            a.get_or_init(|| exits(0));
        },
        |seen| {
            let has = |what: &str| seen.count(&format!("the handler has {what}"));
            assert_eq!(has("Some(Initializing)") + has("None"), 1, "{seen:?}");
            assert!(has("None") == 0 || seen.count("a is made") + seen.count("b is made") > 0, "{seen:?}");
            // Nothing waits for a thread that waits for this one, and the end may cut it off when it continues.
            if seen.count("b sees Some(false)") == 0 {
                none_is_left_behind(seen, &["b"]);
            }
            all_went_well(seen);
        },
    );
}

#[test]
fn a_handler_waits_no_longer_when_the_thread_that_makes_a_value_exits_too() {
    explore(
        || {
            threads_are_fast();
            let a = keep(DropAtExit::<Value>::new(|| make("a")).name("a"));
            register(handler("handler"));
            register(move || say(format!("the handler has {:?}", a.try_get().err())));
            spawn("makes", move || {
                let exits = || {
                    step("inside an initialization");
                    models::exit(0) // in std's `exit` it would be stuck before the library learns of it
                };
                // If it is too late, a panic says so.
                let _ = catch_unwind(|| drop(a.get_or_init(exits)));
            });
            process::exit(0);
        },
        |seen| {
            seen.ran_in_order(&["handler"]);
            all_went_well(seen);
            none_is_left_behind(seen, &["a"]);
        },
    );
}

#[test]
fn a_late_value_is_finished_at_once_by_the_thread_that_made_it() {
    explore(
        || {
            threads_are_fast();
            let a = cell("a", || make("a"));
            drop(a.try_get());
            let late = cell("late", || {
                sleep(PATIENCE * 2);
                make("late")
            });
            let kept = || {
                sleep(PATIENCE * 2);
                Kept(make("kept"))
            };
            let kept = keep(CloseAtExit::new(kept).close_with(Kept::close).name("kept"));
            spawn("late", move || say(format!("late: {:?}", late.try_get().err())));
            spawn("kept", move || say(format!("kept: {:?}", kept.try_get().err())));
            let last = || {
                sleep(PATIENCE * 4);
                say("last");
            };
            Handler::new(last).last().register();
            sleep(Duration::from_millis(1)); // both are being made
        },
        |seen| {
            for [made, finished, had] in [
                ["late is made", "late ends", "late: Some(Closed)"],
                ["kept is made", "kept is closed by its function", "kept: Some(Closed)"],
            ] {
                let at = [made, finished, had, "last"].map(|line| seen.at(line));
                assert!(!at.contains(&None) && at.is_sorted(), "{seen:?}");
            }
            for name in ["late", "kept"] {
                assert_eq!(seen.stderr.matches(&complaint(name)).count(), 1, "{seen:?}");
            }
            assert_eq!(seen.status, 1, "{seen:?}");
        },
    );
}

#[test]
fn a_handler_waits_with_patience_for_a_thread_that_hangs() {
    explore(
        || {
            threads_are_fast();
            let a = cell("a", || hang());
            let other = asks("a", a);
            drop(other);
            register(move || {
                let got = a.try_get();
                say(format!("the handler has {:?}", got.as_ref().err()));
            });
            sleep(Duration::from_millis(1)); // it is being made
        },
        |seen| {
            assert_eq!(seen.count("the handler has Some(Initializing)"), 1, "{seen:?}");
            assert!(seen.status == 1 && seen.stderr.contains(&complaint("a")), "{seen:?}");
            assert_eq!(seen.lived, PATIENCE * 2 + Duration::from_millis(1), "{seen:?}");
        },
    );
}

#[test]
fn initializations_that_wait_for_each_other_hang_nobody() {
    thread_local! { static CELLS: Cell<[Option<DropCell>; 3]> = const { Cell::new([None; 3]) } }
    fn next(name: &'static str, at: usize) -> Value {
        let next = CELLS.get()[at].expect("set before");
        // A missing value shows as a panic, which does not make this initialization fail.
        let refused = catch_unwind(|| drop(next.try_get())).err().and_then(|payload| payload.downcast::<String>().ok());
        if let Some(why) = refused {
            assert!(
                why.ends_with("is being initialized by a thread that waits for one that this thread is initializing")
            );
            say("a circle");
        }
        make(name)
    }
    explore(
        || {
            threads_are_fast();
            let a = cell("a", || next("a", 1));
            let b = cell("b", || next("b", 2));
            let c = cell("c", || next("c", 0));
            CELLS.set([a, b, c].map(Some));
            let threads = [("a", a), ("b", b), ("c", c)].map(|(name, cell)| asks(name, cell));
            if one_of(&[false, true]) {
                threads.into_iter().for_each(JoinHandle::join);
                say("all are asked");
            }
        },
        |seen| {
            none_is_left_behind(seen, &["a", "b", "c"]);
            all_went_well(seen);
            if seen.count("all are asked") == 1 {
                for name in ["a", "b", "c"] {
                    assert_eq!(seen.count(&format!("{name} ends")), 1, "{seen:?}");
                }
            }
        },
    );
}

#[test]
fn after_an_initialization_fails_one_of_those_that_wait_tries_again() {
    explore(
        || {
            let a = keep(DropAtExit::<Value>::empty().name("a"));
            let fails = move || {
                let made = a.get_or_try_init(|| {
                    say("fails");
                    step("inside an initialization");
                    Err("no")
                });
                say(format!("failed: {:?}", made.map(|value| value.0)));
            };
            let others = [spawn("fails", fails), spawn("fails, too", fails)];
            let makes = spawn("makes", move || say(a.get_or_init(|| make("a")).0));
            others.into_iter().for_each(JoinHandle::join);
            makes.join();
        },
        |seen| {
            none_is_left_behind(seen, &["a"]);
            assert_eq!(seen.count("a"), 1, "{seen:?}");
            let failed = [r#"failed: Ok("a")"#, r#"failed: Err("no")"#].map(|line| seen.count(line));
            assert_eq!((failed[0] + failed[1], failed[1]), (2, seen.count("fails")), "{seen:?}");
        },
    );
}

#[test]
fn a_borrowed_value_is_waited_for_with_patience_then_named_and_never_dropped_under_anyone() {
    explore(
        || {
            let borrows_for = one_of(&[PATIENCE / 2, PATIENCE, PATIENCE * 2, Duration::MAX]);
            let a = cell("a", || make("a"));
            let b = cell("b", || make("b"));
            drop((b.try_get(), a.try_get()));
            spawn("borrows", move || {
                let Some(value) = a.get_if_open() else { return };
                say("a is there");
                sleep(borrows_for);
                let copy = value.clone();
                drop(value);
                step("with a copy");
                say("a is let go");
                drop(copy);
            });
            spawn("borrows, too", move || ask("a", a));
            if one_of(&[false, true]) {
                threads_are_fast();
            }
        },
        |seen| {
            none_is_left_behind(seen, &["a", "b"]);
            seen.ran_in_order(&["b"]);
            assert_eq!(seen.status, i32::from(seen.count("a ends") == 0), "{seen:?}");
            assert_eq!(seen.stderr.contains("is still borrowed by "), seen.count("a ends") == 0, "{seen:?}");
        },
    );
}

#[test]
fn where_threads_are_fast_a_borrowed_value_is_let_go_in_time_or_named_on_time() {
    explore(
        || {
            threads_are_fast();
            let borrows_for = one_of(&[PATIENCE / 2, Duration::MAX]);
            let a = cell("a", || make("a"));
            let value = a.get();
            spawn("borrows", move || {
                say(format!("{borrows_for:?}"));
                sleep(borrows_for);
                drop(value);
            });
            sleep(Duration::from_millis(1));
        },
        |seen| {
            let lasts = seen.count("1s") == 0;
            assert_eq!((seen.status, seen.count("a ends")), if lasts { (1, 0) } else { (0, 1) }, "{seen:?}");
            let expected = if lasts { PATIENCE } else { PATIENCE / 2 };
            let late = seen.lived.checked_sub(expected);
            assert!(late.is_some_and(|late| late <= Duration::from_millis(3)), "{seen:?}");
        },
    );
}

#[test]
fn a_value_is_closed_by_one_of_those_that_want_to() {
    explore(
        || {
            let a = cell("a", || make("a"));
            drop(a.try_get());
            let closes = move || a.close();
            let others = [spawn("closes", closes), spawn("closes, too", closes)];
            asks("a", a);
            let ran = if one_of(&[false, true]) { run().ran() } else { 0 };
            let results = others.map(JoinHandle::join);
            let finished = results.iter().filter(|result| matches!(result, Ok(true))).count();
            let failed = results.iter().filter(|result| result.is_err()).count();
            say(format!("{ran} ran, {finished} finished it, {failed} failed"));
            assert_eq!(a.try_get().err(), Some(Unavailable::Closed));
        },
        |seen| {
            none_is_finished_while_borrowed(seen, &["a"]);
            assert_eq!((seen.count("a is made"), seen.count("a begins")), (1, seen.count("a ends")), "{seen:?}");
            let by_call =
                ["0 ran, 1 finished it, 0 failed", "1 ran, 1 finished it, 0 failed"].map(|line| seen.count(line));
            let in_vain =
                ["0 ran, 0 finished it, 1 failed", "1 ran, 0 finished it, 1 failed"].map(|line| seen.count(line));
            let by_run = seen.count("1 ran, 0 finished it, 0 failed");
            assert_eq!(by_call.iter().chain(&in_vain).sum::<usize>() + by_run, 1, "{seen:?}");
            let is_borrowed = by_run == 1 && seen.stderr.contains("still borrowed");
            assert_eq!(seen.count("a ends"), usize::from(in_vain == [0, 0] && !is_borrowed), "{seen:?}");
        },
    );
}

#[test]
fn a_value_that_was_cleared_lives_on_and_one_that_was_not_is_finished() {
    explore(
        || {
            let a = cell("a", || make("a"));
            let other = spawn("clears", || say(format!("{} cleared", clear())));
            drop(a.try_get());
            other.join();
            say(format!("open: {}", a.get_if_open().is_some()));
        },
        |seen| {
            let cleared = seen.count("1 cleared");
            assert_eq!((seen.count("open: true"), seen.count("a ends")), (1, 1 - cleared), "{seen:?}");
            assert_eq!((seen.status, seen.stderr.as_str()), (0, ""), "{seen:?}");
        },
    );
}

#[test]
fn values_made_while_the_program_runs_handlers_are_finished_by_then_or_later() {
    explore(
        || {
            threads_are_fast();
            let a = cell("a", || make("a"));
            let b = cell("b", || make("b"));
            register(handler("handler"));
            drop(b.try_get());
            asks("a", a);
            let runs = spawn("runs", || run().ran());
            let ran = run().ran();
            say(format!("{} ran", runs.join() + ran));
            if one_of(&[false, true]) {
                run();
            }
        },
        |seen| {
            seen.ran_in_order(&["handler", "b"]);
            none_is_left_behind(seen, &["a", "b"]);
            assert_eq!(seen.count("a is being made"), seen.count("a ends"), "{seen:?}");
            assert_eq!((seen.status, seen.stderr.as_str()), (0, ""), "{seen:?}");
        },
    );
}

#[test]
fn a_run_closes_existing_values_for_good_and_lets_the_rest_be_made() {
    explore(
        || {
            threads_are_fast();
            let a = cell("a", || make("a"));
            let b = cell("b", || make("b"));
            drop(a.try_get());
            let asks_b = asks("b", b);
            run();
            assert_eq!(a.try_get().err(), Some(Unavailable::Closed));
            asks_b.join();
            say(format!("b {:?}", b.try_get().map(|value| value.0).ok()));
        },
        |seen| {
            seen.ran_one_by_one(&["a", "b"]);
        },
    );
}

#[test]
fn a_run_waits_for_no_initialization() {
    explore(
        || {
            threads_are_fast();
            let a = cell("a", || make("a"));
            drop(a.try_get());
            asks("hangs", cell("hangs", || hang()));
            sleep(Duration::from_millis(1)); // it is being made
            assert!(run().is_success());
            process::end(0);
        },
        |seen| {
            seen.ran_in_order(&["a"]);
            all_went_well(seen);
        },
    );
}

#[test]
fn a_run_becomes_an_exit_while_values_are_made() {
    explore(
        || {
            threads_are_fast();
            let a = cell("a", || make("a"));
            let b = cell("b", || make("b"));
            let c = cell("c", || make("c"));
            drop(c.try_get());
            register(handler("handler"));
            spawn("runs", run);
            asks("a", a);
            asks("b", b);
            spawn("leaves", || models::exit(0));
            process::exit(0);
        },
        |seen| {
            seen.ran_in_order(&["handler", "c"]);
            none_is_left_behind(seen, &["a", "b", "c"]);
            all_went_well(seen);
            for name in ["a", "b"] {
                let [begun, ended] = ["is being made", "ends"].map(|what| seen.count(&format!("{name} {what}")));
                assert_eq!(begun, ended, "{seen:?}");
            }
        },
    );
}

#[test]
fn a_deadline_ends_the_wait_for_values() {
    explore(
        || {
            threads_are_fast();
            let deadline = PATIENCE / 4;
            configure(Config::new().deadline(deadline));
            let a = cell("a", || make("a"));
            match one_of(&[0, 1, 2]) {
                0 => std::mem::forget(a.get()), // borrowed for good
                1 => {
                    drop(a.get());
                    asks("hangs", cell("hangs", || hang()));
                }
                _ => {
                    drop(a.get());
                    Handler::new(|| hang()).name("hangs").register();
                }
            }
            sleep(Duration::from_millis(1));
        },
        |seen| {
            let [ended, named] =
                [seen.count("a ends") == 1, seen.stderr.contains("hangs at ") || seen.stderr.contains("a at ")];
            assert!(seen.status == 1 && named, "{seen:?}");
            assert!(!ended || seen.stderr.contains("hangs at "), "{seen:?}");
            assert!(seen.lived <= PATIENCE / 4 + Duration::from_millis(1), "{seen:?}");
        },
    );
}

#[test]
fn whenever_a_deadline_strikes_the_process_ends_and_no_value_is_made_twice() {
    explore(
        || {
            last_resort_counts();
            configure(Config::new().deadline(PATIENCE));
            let a = cell("a", || make("a"));
            let b = cell("b", || make("b"));
            asks("a", a);
            asks("b", b);
            if one_of(&[false, true]) {
                register(move || ask("a", a));
            }
            if one_of(&[false, true]) {
                Handler::new(|| hang()).last().register();
            }
        },
        |seen| {
            for name in ["a", "b"] {
                let [made, begun] = ["is made", "begins"].map(|what| seen.count(&format!("{name} {what}")));
                assert!(made <= 1 && begun <= made, "{seen:?}");
            }
            none_is_finished_while_borrowed(seen, &["a", "b"]);
        },
    );
}

#[test]
fn values_are_finished_where_threads_are_scarce() {
    explore(
        || {
            threads_are_scarce();
            threads_are_fast();
            let a = cell("a", || make("a"));
            let b = cell("b", || make("b"));
            drop(b.try_get());
            spawn("asks", move || ask("a", a));
            Handler::new(handler("handler")).caller_thread().register();
        },
        |seen| {
            seen.ran_in_order(&["handler", "b"]);
            none_is_left_behind(seen, &["a", "b"]);
            none_is_made_once_one_is_finished(seen, &["a", "b"]);
            assert_eq!((seen.status, seen.stderr.as_str()), (0, ""), "{seen:?}");
        },
    );
}

#[test]
fn a_closer_that_exceeds_its_limit_is_abandoned_and_the_other_values_are_finished() {
    explore(
        || {
            threads_are_fast();
            let a = cell("a", || make("a"));
            drop(a.try_get());
            let hangs = keep(DropAtExit::new(|| ()).close_with(|()| hang()).name("hangs").time_limit(PATIENCE / 2));
            hangs.get();
            asks("b", cell("b", || make("b")));
            sleep(Duration::from_millis(1));
        },
        |seen| {
            seen.ran_in_order(&["b", "a"]);
            assert!(seen.status == 1 && seen.stderr.contains("hangs at "), "{seen:?}");
        },
    );
}

#[test]
fn a_value_that_an_abandoned_handler_goes_on_making_is_finished_or_named() {
    explore(
        || {
            let takes = one_of(&[Duration::ZERO, PATIENCE, PATIENCE * 4]);
            let a = cell("a", || make("a"));
            let b = cell("b", || make("b"));
            drop(b.try_get());
            register(handler("handler"));
            let makes = move || {
                if one_of(&[false, true]) {
                    sleep(takes);
                    ask("a", a);
                } else {
                    // The time is up inside its initialization.
                    drop(catch_unwind(|| {
                        a.get_or_init(|| {
                            sleep(takes);
                            make("a")
                        })
                    }));
                }
            };
            Handler::new(makes).name("makes").time_limit(PATIENCE / 2).register();
            if one_of(&[false, true]) {
                asks("a", a);
            }
            if one_of(&[false, true]) {
                threads_are_fast();
            }
        },
        |seen| {
            seen.ran_in_order(&["handler"]);
            none_is_left_behind(seen, &["a", "b"]);
        },
    );
}

#[test]
fn a_value_that_is_kept_is_closed_once_and_waits_for_nobody() {
    explore(
        || {
            let a = keep(CloseAtExit::new(|| Kept(make("a"))).close_with(Kept::close).name("a"));
            let others = ["one", "two"].map(|name| {
                spawn(name, move || match a.try_get() {
                    Ok(_) => say(format!("{name} has it")),
                    Err(why) => say(format!("{name} {why}")),
                })
            });
            if one_of(&[false, true]) {
                others.into_iter().for_each(JoinHandle::join);
                let other = spawn("closes", move || a.close().is_ok_and(|is_mine| is_mine));
                assert!(a.close().is_ok_and(|is_mine| is_mine) != other.join());
            }
            if one_of(&[false, true]) {
                threads_are_fast();
            }
        },
        |seen| {
            let [made, closed] = ["a is made", "a is closed by its function"].map(|line| seen.count(line));
            assert!(made <= 1 && closed <= made, "{seen:?}");
            assert!(closed == made || seen.stderr.contains(&complaint("a")), "{seen:?}");
            assert_eq!(seen.count("a begins"), 0, "it is never dropped: {seen:?}");
        },
    );
}

/// Never dropped.
struct Kept(Value);

impl Kept {
    fn close(&self) {
        step("inside a closer");
        say(format!("{} is closed by its function", self.0.0));
    }
}

#[test]
fn an_async_initialization_that_is_suspended_is_not_waited_for_and_does_not_continue() {
    explore(
        || {
            threads_are_fast();
            let a = cell("a", || make("a"));
            let b = keep(DropAtExit::<Value>::empty().name("b"));
            if one_of(&[false, true]) {
                drop(a.try_get());
            }
            spawn("suspends", move || {
                let mut is_ready = false;
                let ready = move || std::mem::replace(&mut is_ready, true);
                let mut future = pin!(b.get_or_init_async(async move || {
                    let mut ready = ready;
                    poll_fn(|_| if ready() { Poll::Ready(()) } else { Poll::Pending }).await;
                    make("b")
                }));
                let mut context = Context::from_waker(Waker::noop());
                // It panics if it is too late.
                let mut poll = || {
                    let poll = AssertUnwindSafe(|| future.as_mut().poll(&mut context).is_ready());
                    catch_unwind(poll).map_err(|_| say("b did not go on"))
                };
                if poll() != Ok(false) {
                    return;
                }
                say("b is suspended");
                if one_of(&[false, true]) {
                    hang();
                }
                step("suspended");
                let _ = poll();
            });
        },
        |seen| {
            none_is_left_behind(seen, &["a", "b"]);
            none_is_made_once_one_is_finished(seen, &["a", "b"]);
            all_went_well(seen);
            assert!(seen.count("b did not go on") == 0 || seen.count("b is made") == seen.count("b ends"), "{seen:?}");
        },
    );
}

/// Its thread waits for a future that nobody polls, until the exit is over: only then it might end.
#[test]
fn no_run_begins_after_an_exit_for_a_value_that_is_still_being_initialized() {
    explore(
        || {
            threads_are_fast();
            configure(Config::new().observer(|event| {
                if let Event::RunStarted { .. } = event {
                    say("a run starts");
                }
            }));
            let b = keep(DropAtExit::<Value>::empty().name("b"));
            spawn("suspends", move || {
                let mut future = pin!(b.get_or_init_async(async || {
                    poll_fn(|_| Poll::<()>::Pending).await;
                    make("b")
                }));
                let is_ready = future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
                say(format!("b is ready: {is_ready}"));
                hang();
            });
            sleep(Duration::from_millis(1)); // it is suspended
            let a = keep(DropAtExit::<Value>::empty().name("a"));
            let asks_for_b = move || {
                let _ = catch_unwind(AssertUnwindSafe(|| drop(b.get_or_init(|| make("b")))));
                hang()
            };
            spawn("waits", move || {
                let _ = catch_unwind(AssertUnwindSafe(|| drop(a.get_or_init(asks_for_b))));
            });
            Handler::new(|| say("h")).register();
        },
        |seen| assert_eq!((seen.count("a run starts"), seen.count("h")), (1, 1), "{seen:?}"),
    );
}

#[test]
fn a_future_that_was_given_up_does_not_continue_and_is_named_once() {
    explore(
        || {
            threads_are_fast();
            let b = keep(DropAtExit::<Value>::empty().name("b"));
            spawn("polls", move || {
                let polls = Cell::new(0);
                let mut future = pin!(b.get_or_init_async(async || {
                    poll_fn(|_| {
                        sleep(PATIENCE * if polls.replace(polls.get() + 1) == 0 { 2 } else { 8 });
                        Poll::<()>::Pending
                    })
                    .await;
                    make("b")
                }));
                let mut context = Context::from_waker(Waker::noop());
                loop {
                    let poll = AssertUnwindSafe(|| future.as_mut().poll(&mut context).is_ready());
                    if catch_unwind(poll).is_err() {
                        return say("b did not go on");
                    }
                }
            });
            Handler::new(|| sleep(PATIENCE * 4)).last().register();
            sleep(Duration::from_millis(1)); // it is being polled
        },
        |seen| {
            assert_eq!(seen.stderr.matches(&complaint("b")).count(), 1, "{seen:?}");
            assert_eq!((seen.status, seen.count("b did not go on")), (1, 1), "{seen:?}");
        },
    );
}

#[test]
fn futures_and_threads_that_want_a_value_wait_for_whoever_makes_it() {
    explore(
        || {
            threads_are_fast();
            let a = keep(DropAtExit::<Value>::empty().name("a"));
            let by_future = move || {
                let made = block_on(a.get_or_try_init_async(async || {
                    say("a try");
                    let fails = one_of(&[false, true]);
                    yield_now().await;
                    if fails { Err("no") } else { Ok(make("a")) }
                }));
                say(format!("a future has {:?}", made.as_ref().map(|value| value.0)));
            };
            let by_thread = move || {
                let made = a.get_or_init(|| make("a"));
                say(format!("a thread has {}", made.0));
            };
            let threads = [spawn("one", by_future), spawn("two", by_future), spawn("three", by_thread)];
            threads.into_iter().for_each(JoinHandle::join);
        },
        |seen| {
            none_is_left_behind(seen, &["a"]);
            let count = |what: &str| seen.count(what);
            assert_eq!(count("a thread has a"), 1, "{seen:?}");
            let futures = [r#"a future has Ok("a")"#, r#"a future has Err("no")"#].map(count);
            assert_eq!(futures[0] + futures[1], 2, "{seen:?}");
            assert!(count("a try") >= futures[1], "{seen:?}");
        },
    );
}

/// Lets others continue, and is woken by this thread.
async fn yield_now() {
    let mut is_ready = false;
    poll_fn(|context| {
        step("inside a future");
        context.waker().wake_by_ref();
        if std::mem::replace(&mut is_ready, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[test]
fn a_future_that_makes_a_value_is_dropped_and_one_that_waits_makes_it() {
    explore(
        || {
            threads_are_fast();
            let a = keep(DropAtExit::<Value>::empty().name("a"));
            let drops = spawn("drops", move || {
                let future = a.get_or_init_async(async || {
                    say("dropped half-way");
                    std::future::pending::<()>().await;
                    make("never")
                });
                let mut future = Box::pin(future);
                let _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop())).map(drop);
                step("suspended");
                drop(future);
            });
            let waits = spawn("waits", move || block_on(a.get_or_init_async(async || make("a"))).0);
            let blocks = spawn("blocks", move || a.get_or_init(|| make("a")).0);
            drops.join();
            assert_eq!((waits.join(), blocks.join()), ("a", "a"));
        },
        |seen| {
            none_is_left_behind(seen, &["a"]);
            assert_eq!((seen.count("a ends"), seen.count("never is made")), (1, 0), "{seen:?}");
        },
    );
}

#[test]
fn an_observer_sees_each_value_as_it_is_finished_and_a_failed_one_is_named_once() {
    explore(
        || {
            configure(Config::new().observer(|event| match event {
                Event::Finished { handler, failure, .. } => {
                    say(format!("told of {}: {}", handler.label(), failure.is_some()));
                }
                Event::RunFinished { report, .. } => say(format!("{} ran", report.ran())),
                _ => {}
            }));
            let a = cell("a", || make("a"));
            let b = cell("b", || make("b"));
            asks("a", a);
            asks("b", b);
        },
        |seen| {
            none_is_left_behind(seen, &["a", "b"]);
            for name in ["a", "b"] {
                let [ok, failed] = [false, true].map(|failed| seen.count(&format!("told of {name}: {failed}")));
                let complaints = seen.stderr.matches(&complaint(name)).count();
                assert!(failed <= 1 && complaints == failed, "{seen:?}");
                assert!(ok <= 1, "{seen:?}");
            }
            let told = seen.lines.iter().filter(|line| line.starts_with("told of ")).count();
            assert_eq!(seen.count(&format!("{told} ran")), usize::from(told > 0), "{seen:?}");
        },
    );
}

#[test]
fn a_value_that_is_asked_for_as_the_last_handler_ends_is_finished_or_not_made() {
    explore(
        || {
            register(handler("handler"));
            asks("a", cell("a", || make("a")));
        },
        |seen| {
            seen.ran_in_order(&["handler"]);
            none_is_left_behind(seen, &["a"]);
        },
    );
}

#[test]
fn a_future_that_is_woken_by_a_failure_and_waits_again_is_not_woken_again() {
    explore(
        || {
            threads_are_fast();
            let a = keep(DropAtExit::<Value>::empty().name("a"));
            let fails = spawn("fails", move || {
                let made = block_on(a.get_or_try_init_async(async || {
                    yield_now().await;
                    Err::<Value, _>("no")
                }));
                made.is_err()
            });
            let makes = move || {
                sleep(Duration::from_millis(1));
                make("a")
            };
            let blocks = spawn("blocks", move || drop(a.get_or_init(makes)));
            let waits = spawn("waits", move || drop(block_on(a.get_or_init_async(async || makes()))));
            fails.join();
            blocks.join();
            waits.join();
        },
        |seen| {
            none_is_left_behind(seen, &["a"]);
            assert_eq!((seen.status, seen.count("a ends")), (0, 1), "{seen:?}");
        },
    );
}

#[test]
fn a_run_inside_a_handler_that_is_abandoned_while_it_waits_for_a_value_takes_nothing_more() {
    explore(
        || {
            threads_are_fast();
            let a = cell("a", || make("a"));
            let b = cell("b", || make("b"));
            drop((a.try_get(), b.try_get()));
            asks(
                "late",
                cell("late", || {
                    sleep(PATIENCE * 3 / 4);
                    make("late")
                }),
            );
            Handler::new(|| drop(run())).name("outer").time_limit(PATIENCE / 2).register();
            Handler::new(handler("last")).last().register();
            sleep(Duration::from_millis(1)); // it is being made
        },
        |seen| {
            seen.ran_one_by_one(&["a", "b", "late", "last"]);
            assert_eq!((seen.status, seen.stderr.matches(&complaint("outer")).count()), (1, 1), "{seen:?}");
        },
    );
}

#[test]
fn a_value_that_is_waited_for_beyond_ten_seconds_is_reported() {
    explore(
        || {
            threads_are_fast();
            register(handler("handler"));
            asks("hangs", keep(DropAtExit::new(|| hang()).name("hangs").time_limit(PATIENCE * 8)));
            sleep(Duration::from_millis(1)); // it is being made
        },
        |seen| {
            let (told, named) = (seen.stderr.lines().next(), seen.stderr.lines().last());
            for line in [told, named] {
                assert!(line.is_some_and(|line| line.contains("hangs at ")), "{seen:?}");
            }
            assert!(told != named, "{seen:?}");
        },
    );
}
