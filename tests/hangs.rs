//! Owns what happens if something hangs other than a handler with a limit: the remaining handlers run, and the process ends.

use std::time::{Duration, Instant};

use spawn::c_library::{TELLS_STATUS, after_failure};
use spawn::target::{Needs, lacks};
use spawn::{End, assert_seen, command, one_thread_in_exit, run};

const HANGS: &str = env!("CARGO_BIN_EXE_hangs");

const SIGABRT: i32 = 6;
const SIGTERM: i32 = 15;

const IN_EXIT: &str =
    "got stuck in std::process::exit or C's exit, called by the handler, a panic hook or the observer";
const LOCKED: &str = "got stuck on a lock in the C library that the exiting thread holds, of exit or of a stream";

#[track_caller]
fn check(scene: &str, stdout: &str, stderr: &str, end: End) {
    assert_seen(&mut command(HANGS, &[scene]), stdout, stderr, end);
}

/// The place of this text in `hangs`.
fn at(text: &str) -> String {
    let line = include_str!("programs/hangs.rs").lines().take_while(|line| !line.contains(text)).count() + 1;
    format!("tests/programs/hangs.rs:{line}")
}

/// The report about the handler of this name, at this text, which got stuck.
fn stuck(name: &str, text: &str, why: &str) -> String {
    format!("at_exit: 1 handler failed:\nat_exit: {name} at {}: {why}: call atexit_core::exit instead\n", at(text))
}

#[test]
fn a_handler_that_calls_std_exit_fails_and_the_others_run() {
    if lacks(Needs::SystemCalls) {
        return;
    }
    let stderr = stuck("exits", "Handler::new(exits)", IN_EXIT);
    check("std_exit", "first\nlast\n", &stderr, End::Status(1));
    check("std_exit_in_panic_hook", "first\nlast\n", &stderr, End::Status(1));
}

/// std keeps the hook locked while it is called.
#[test]
fn a_panic_hook_that_does_not_return_leaves_none_to_take() {
    let [exits, takes, panics] = ["Handler::new(exits)", r#"name("takes")"#, r#"name("panics")"#].map(at);
    let late = "exceeded its time limit of 200ms";
    let stderr = format!(
        "at_exit: 3 handlers failed:\nat_exit: exits at {exits}: {late}\nat_exit: takes at {takes}: {late}\n\
         at_exit: panics at {panics}: {late}\n"
    );
    check("take_hook_after_exit_in_panic_hook", "first\nlast\nlast\n", &stderr, End::Status(1));
    check("exit_in_panic_hook", "first\nlast\n", "", End::Status(9));
}

#[test]
fn a_handler_that_calls_c_exit_ends_the_process_or_fails() {
    if one_thread_in_exit() {
        let stderr = stuck("exits", "Handler::new(exits)", LOCKED);
        check("c_exit", "first\nlast\n", &stderr, End::Status(1));
        let stderr = stuck("exits", "Handler::new(|| {", LOCKED);
        check("c_exit_in_run_of_another_thread", "last\n", &stderr, End::Status(3));
        check("c_exit_after_a_signal", "last\n", &stderr, End::Signal(SIGTERM));
    } else {
        check("c_exit", "first\nlast\n", "", End::Status(9));
        check("c_exit_in_run_of_another_thread", "last\n", "", End::Status(9));
        check("c_exit_after_a_signal", "last\n", "", End::Signal(SIGTERM));
    }
}

#[test]
fn exit_inside_another_threads_run_keeps_no_process_alive() {
    if lacks(Needs::SystemCalls) {
        return;
    }
    let stderr = stuck("exits", "Handler::new(exits).name(\"exits\").caller_thread()", IN_EXIT);
    check("std_exit_on_caller_of_another_thread", "last\n", &stderr, End::Status(1));
    check("observer_exits_in_another_thread", "ran\nlater\n", "", End::Status(3));
}

#[test]
fn a_thread_that_takes_over_anothers_run_runs_its_own_handlers_too() {
    if lacks(Needs::SystemCalls) {
        return;
    }
    let seen = run(&mut command(HANGS, &["late_in_a_run_that_is_taken_over"]));
    assert_eq!((seen.stdout.as_str(), seen.end), ("first\nlast\n", End::Status(1)), "{seen:?}");
    assert!(seen.stderr.ends_with(&format!("{IN_EXIT}: call atexit_core::exit instead\n")), "{seen:?}");
}

#[test]
fn a_thread_that_takes_over_from_one_in_c_exit_ends_the_process() {
    if lacks(Needs::SystemCalls) {
        return;
    }
    let seen = run(&mut command(HANGS, &["stuck_in_exit"]));
    assert!(seen.stderr.ends_with(&format!("{IN_EXIT}: call atexit_core::exit instead\n")), "{seen:?}");
    assert_eq!((seen.stdout.as_str(), seen.end), ("last\n", End::Status(5)));
}

#[test]
fn handlers_that_end_in_time_leave_c_exit_its_time() {
    if lacks(Needs::Pace) {
        return;
    }
    check("ends_in_time", "handler\nfunction\n", "", End::Status(0));
}

#[test]
fn the_thread_that_ends_a_run_at_its_deadline_is_not_taken_for_a_stuck_owner() {
    if lacks(Needs::Pace) {
        return;
    }
    let seen = run(&mut command(HANGS, &["ends_at_deadline_of_another"]));
    assert!(seen.stderr.ends_with(": was still running at the deadline\n"), "{seen:?}");
    assert_eq!((seen.stdout.as_str(), seen.end), ("told\n", End::Status(1)));
}

#[test]
fn a_handler_that_only_seems_stuck_is_left_alone() {
    check("waits_for_a_lock", "true\nlast\n", "", End::Status(0));
    check("pauses", "first\nlast\n", "", End::Status(0));
}

#[test]
fn a_handler_that_waits_for_a_stream_of_the_exiting_thread_fails() {
    if lacks(Needs::SystemCalls) {
        return;
    }
    check("stream", "last\n", &stuck("prints", "Handler::new(prints)", LOCKED), End::Status(1));
}

const HUNG: &str = "at_exit: the process hung at the deadline and ends now\n";

fn not_run() -> String {
    let hangs = at(r#"name("hangs").register"#);
    format!("{HUNG}at_exit: 1 handler not run before the deadline:\nat_exit: hangs at {hangs}\n")
}

#[test]
fn a_hanging_observer_keeps_no_process_alive_beyond_its_deadline() {
    if lacks(Needs::Pace) {
        return;
    }
    check("observer_at_start", "observed\n", &not_run(), End::Status(1));
    let failed = format!(
        "at_exit: 1 handler failed:\nat_exit: hangs at {}: exceeded its time limit of 10ms\n",
        at(r#"name("hangs").register"#)
    );
    check("observer_at_handler", "observed\n", &(HUNG.to_owned() + &failed), End::Status(1));
    let begun = Instant::now();
    let seen = run(&mut command(HANGS, &["observer_at_end"]));
    // A deadline of 0.1 s, and 0.5 s more. Starting a program may always take longer.
    assert!(begun.elapsed() >= Duration::from_millis(600), "{seen:?}");
    assert_eq!((seen.stderr, seen.end), (failed + HUNG, End::Status(1)));
}

/// The report if the observer hangs on the first of two handlers.
fn observer_hung() -> String {
    let (first, last) = (at(r#"name("first").register"#), at(r#"name("last").register"#));
    format!(
        "at_exit: 1 handler not run before the deadline:\nat_exit: last at {last}\nat_exit: 1 handler failed:\n\
         at_exit: first at {first}: the observer was still handling its event at the deadline\n"
    )
}

#[test]
fn an_observer_that_hangs_beside_a_handler_is_what_was_running_at_the_deadline() {
    check("observer_before_a_handler", "first failed: deadline\n", &observer_hung(), End::Status(1));
    check("observer_after_a_handler", "first\nfirst failed: deadline\n", &observer_hung(), End::Status(1));
}

#[test]
fn a_handler_that_the_observer_cuts_off_by_c_exit_fails() {
    if lacks(Needs::Pace) {
        return;
    }
    if one_thread_in_exit() {
        return check("observer_exits_before_a_handler", "first failed: deadline\n", &observer_hung(), End::Status(1));
    }
    let stderr = format!(
        "at_exit: 1 handler failed:\n\
         at_exit: first at {}: did not run: the observer called C's exit when told of its start\n",
        at(r#"name("first").register"#)
    );
    let stdout = "last\nfirst failed: not started\nlast returned\n";
    check("observer_exits_before_a_handler", stdout, &stderr, End::Status(after_failure(4, 1)));
}

#[test]
fn a_handler_that_the_panic_hook_cuts_off_by_c_exit_fails() {
    let hooked = at(r#"name("hooked")"#);
    let stderr = format!(
        "at_exit: 1 handler failed:\nat_exit: hooked at {hooked}: panicked, and the panic hook called C's exit\n"
    );
    if one_thread_in_exit() {
        let stderr = stuck("hooked", r#"name("hooked")"#, LOCKED);
        check("panic_hook_exits_by_c", "last\n", &stderr, End::Status(1));
    } else {
        check("panic_hook_exits_by_c", "last\n", &stderr, End::Status(101));
    }
}

#[test]
fn an_observer_that_hangs_in_another_threads_run_keeps_no_process_alive_either() {
    let at = at(r#"println!("never")"#);
    let stderr = format!(
        "{HUNG}at_exit: 1 handler not run before the deadline:\n\
         at_exit: closure in hangs::observer_of_another_thread at {at}\n"
    );
    check("observer_of_another_thread", "ran\n", &stderr, End::Status(after_failure(3, 1)));
}

#[test]
fn what_hangs_when_a_run_drops_it_keeps_no_process_alive_beyond_its_deadline() {
    let failed = |name: &str, why: &str| {
        let at = at(&format!("name(\"{name}\")"));
        format!("at_exit: 1 handler failed:\nat_exit: {name} at {at}: {why}\n{HUNG}")
    };
    let stderr = format!("Error: broken\n{}", failed("drops", "broken"));
    check("error_hangs_when_dropped", "dropped\n", &stderr, End::Status(1));
    check("error_hangs_when_dropped_in_c_exit", "dropped\n", &stderr, End::Status(after_failure(5, 1)));
    let stderr = failed("begins", "was still running at the deadline");
    check("observer_hangs_when_dropped", "dropped\n", &stderr, End::Status(after_failure(3, 1)));
}

#[test]
fn the_limit_covers_dropping_the_source_of_an_error() {
    let at = at(r#"name("drops").time_limit"#);
    let stderr = format!("Error: broken\nat_exit: 1 handler failed:\nat_exit: drops at {at}: broken\n");
    check("source_hangs_when_dropped", "dropped\nlast\n", &stderr, End::Status(1));
}

#[test]
fn dropping_the_source_of_an_error_may_exit_and_loses_no_failure() {
    // Elsewhere the status is not known, or the thread does not get in.
    if TELLS_STATUS && !one_thread_in_exit() {
        let at = at("with_source(Exits)).name(\"drops\")");
        let stderr = format!("Error: broken\nat_exit: 1 handler failed:\nat_exit: drops at {at}: broken\n");
        check("source_exits_when_dropped", "last\n", &stderr, End::Status(1));
        check("source_exits_when_dropped_within_a_limit", "last\n", &stderr, End::Status(1));
    }
}

#[test]
fn settings_that_panic_when_a_run_drops_them_change_no_status() {
    let dropped = "dropped\ndropped\n";
    check("settings_panic_when_dropped_after_a_signal", dropped, "", End::Signal(SIGTERM));
    check("settings_panic_when_dropped_by_another_thread", dropped, "", End::Status(3));
}

#[test]
fn dropping_an_error_at_exit_may_do_what_a_handler_may() {
    let at = at(r#"name("fails last")"#);
    let stderr = format!("Error: broken\nat_exit: 1 handler failed:\nat_exit: fails last at {at}: broken\n");
    check("error_exits_when_dropped", "registered by the drop\n1 ran in the drop\n", &stderr, End::Status(9));
}

#[test]
fn the_process_still_dies_by_the_signal_if_an_observer_hangs_after_it() {
    check("observer_after_a_signal", "observed\n", &not_run(), End::Signal(SIGTERM));
}

#[test]
fn an_observer_may_end_the_process_by_the_librarys_exit_at_every_event() {
    check("observer_leaves", "first\nlast\n", "", End::Status(6));
}

#[test]
fn a_handler_that_overflows_its_stack_aborts_the_process() {
    let seen = run(&mut command(HANGS, &["overflows"]));
    assert!(seen.stderr.contains("has overflowed its stack"), "{seen:?}");
    assert_eq!((seen.stdout.as_str(), seen.end), ("", End::Signal(SIGABRT)));
}

#[test]
fn an_observer_learns_of_the_end_of_a_run_once() {
    let at = at(r#"name("fails")"#);
    let stderr = format!("Error: \"broken\"\nat_exit: 1 handler failed:\nat_exit: fails at {at}: \"broken\"\n");
    check("observer_exits", "ran\n2 ran\nlater\n", &stderr, End::Status(after_failure(4, 1)));
}

#[test]
fn a_destructor_on_the_exit_thread_may_call_c_exit_or_hang() {
    check("local_exits", "ran\ndropped\n", "", End::Status(0));
    check("key_hangs", "ran\n", "", End::Status(0));
}

#[test]
fn who_drops_an_async_guard_waits_for_its_thread_locals_up_to_the_limit() {
    check("guards_locals_end", "thread-local dropped\ntrue\n", "", End::Status(0));
    check("guards_locals_hang", "true\n", "", End::Status(0));
}

#[test]
fn what_a_guard_ends_with_after_its_limit_is_dropped_before_the_thread_locals() {
    check("guard_panics_late", "failed: true\nthe payload is dropped\n", "", End::Status(0));
}

#[test]
fn a_handler_that_was_left_behind_with_stdout_keeps_no_process_alive_after_a_signal() {
    let [keeps, needs] = [r#"name("keeps stdout")"#, r#"name("needs stdout")"#].map(at);
    let stderr = format!(
        "at_exit: 2 handlers failed:\nat_exit: keeps stdout at {keeps}: exceeded its time limit of 200ms\n\
         at_exit: needs stdout at {needs}: exceeded its time limit of 2s\n"
    );
    check("stdout_lost_after_a_signal", "", &stderr, End::Signal(SIGTERM));
}

#[test]
fn an_observer_that_gets_stuck_after_a_handlers_end_makes_one_failure_of_it() {
    if lacks(Needs::SystemCalls) {
        return;
    }
    let stderr = stuck("ends well", r#"name("ends well")"#, IN_EXIT);
    let stdout = "ends well finished\nlast finished\n1 of 2 failed\n";
    check("observer_stuck_after_an_end", stdout, &stderr, End::Status(1));
}

#[test]
fn an_observer_that_hangs_in_a_run_of_a_handler_is_a_failure_at_the_deadline() {
    let at = at(r#"name("runs")"#);
    let stderr = format!("at_exit: 1 handler failed:\nat_exit: runs at {at}: was still running at the deadline\n");
    check("observer_hangs_in_a_run_of_a_handler", "", &stderr, End::Status(1));
}

#[test]
fn the_limit_of_a_handler_that_calls_c_exit_ends_with_it() {
    // Elsewhere a thread that calls C's exit twice is trapped, or waits for itself.
    if TELLS_STATUS && !one_thread_in_exit() {
        check("c_exit_within_a_limit", "has a limit: false\n", "", End::Status(0));
    }
}
