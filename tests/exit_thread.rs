//! Owns where handlers run, what works there, and what happens when their time is up.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use spawn::c_library::{DROPS_LOCALS, after_failure, cause_in_exit};
use spawn::target::{Needs, lacks};
use spawn::{End, assert_seen, build, command, one_thread_in_exit, run, target, tool};

const PLACES: &str = env!("CARGO_BIN_EXE_places");

#[track_caller]
fn check(scene: &str, stdout: &str, stderr: &str, status: i32) {
    assert_seen(&mut command(PLACES, &[scene]), stdout, stderr, End::Status(status));
}

/// The place of this text in `places`.
fn at(text: &str) -> String {
    let line = include_str!("programs/places.rs").lines().take_while(|line| !line.contains(text)).count() + 1;
    format!("tests/programs/places.rs:{line}")
}

#[test]
fn handlers_run_on_the_exit_thread_or_on_the_caller_in_one_order() {
    let expected = "\
plain on at_exit
caller on main
caller on main
plain on at_exit
caller on main
plain on at_exit
";
    check("names", expected, "", 0);
}

#[test]
fn one_thread_serves_a_run() {
    if lacks(Needs::ProcessOfItsOwn) {
        return;
    }
    check("one_thread", &"2 threads, the same: true\n".repeat(3), "", 0);
}

#[test]
fn handlers_on_the_caller_start_no_thread() {
    if lacks(Needs::ProcessOfItsOwn) {
        return;
    }
    check("no_thread", &"1 thread\n".repeat(2), "", 0);
}

#[test]
fn thread_locals_work_on_the_exit_thread_only() {
    let dropped = if DROPS_LOCALS { "dropped\n" } else { "" };
    check("thread_local", &format!("{dropped}used\ndropped\n"), "", 0);
    if !DROPS_LOCALS {
        return check("thread_local_caller", "used\n", "", 0);
    }
    let message = "cannot access a Thread Local Storage value during or after destruction: AccessError";
    let stderr = format!(
        "hook: {message}\nat_exit: 1 handler failed:\nat_exit: local at {}: panicked: {message}\n",
        at("let handler = Handler::new(")
    );
    check("thread_local_caller", "dropped\n", &stderr, 101);
}

#[test]
fn a_held_stdout_or_stderr_hangs_nothing() {
    check("stdout_held", "locked\nprinted\n", "", 3);
    check("stderr_held", "", "locked\nprinted\n", 3);
    check("stdout_held_by_another", "", "ran\n", 0);
}

#[test]
fn without_a_thread_handlers_run_on_the_exiting_one() {
    if lacks(Needs::MemoryLimit) {
        return;
    }
    check("no_memory_for_a_thread", "handler on main\n", "", 0);
}

#[test]
fn a_run_called_by_the_program_uses_the_exit_thread_and_a_nested_one_stays_there() {
    check("run_by_main", "caller on main\nouter on at_exit\nnested on at_exit\nnested: 1 ran\n2 ran\n", "", 0);
}

#[test]
fn handlers_may_start_threads() {
    check("spawning", "spawned 42\n", "", 0);
    check("spawning_on_caller", "spawned 42\n", "", 0);
}

#[test]
fn handlers_may_resolve_host_names() {
    check("names_of_hosts", "found on main\nfound on at_exit\n", "", 0);
}

#[test]
fn a_handler_that_exceeds_its_limit_is_abandoned_and_the_next_one_runs() {
    let summary = |place: &str| {
        format!("at_exit: 1 handler failed:\nat_exit: hangs at {}: exceeded its time limit of 50ms\n", at(place))
    };
    let stderr = summary(r#"Handler::new(hang).name("hangs").time_limit"#);
    check("time_limit", "for ever on at_exit\nin time on at_exit\nlast on at_exit\n", &stderr, 1);
    check("default_time_limit", "last on at_exit\n", &summary(r#"    Handler::new(hang).name("hangs").register"#), 1);
}

#[test]
fn a_limit_ends_a_handler_that_waits_for_the_exiting_thread() {
    let late = "exceeded its time limit of 50ms";
    let stderr = format!(
        "at_exit: 2 handlers failed:\nat_exit: locks at {}: {late}\nat_exit: joins at {}: {late}\n",
        at(r#"name("locks")"#),
        at(r#"name("joins")"#)
    );
    check("waits_for_the_exiting_thread", "last on at_exit\n", &stderr, 1);
}

#[test]
fn a_limit_on_the_exiting_thread_is_reported() {
    let stderr = format!(
        "at_exit: 1 handler failed:\nat_exit: slow at {}: exceeded its time limit of 1ns\n",
        at("Handler::new(spin)")
    );
    check("time_limit_on_caller", "last on at_exit\n", &stderr, 1);
}

#[test]
fn an_abandoned_handler_has_no_further_part_in_the_run() {
    let seen = run(&mut command(PLACES, &["abandoned_goes_on"]));
    let lines: Vec<&str> = seen.stdout.lines().collect();
    // By now it is a thread like any other: `last` and its end may come in either order.
    assert_eq!(
        (lines.first(), lines.contains(&"next"), lines.contains(&"last")),
        (Some(&"cause: None"), true, true),
        "{seen:?}"
    );
    let failures = seen.stderr.lines().filter(|line| line.contains("exceeded its time limit of 20ms")).count();
    assert_eq!((failures, seen.end), (1, End::Status(1)), "{seen:?}");
    assert!(!seen.stderr.contains("panicked: nobody"), "{seen:?}");
}

#[test]
fn the_deadline_ends_the_process_and_names_what_did_not_run() {
    if lacks(Needs::Pace) {
        return;
    }
    let stderr = |place: &str| {
        format!(
            "at_exit: 2 handlers not run before the deadline:\nat_exit: younger at {}\nat_exit: older at {}\n\
             at_exit: 1 handler failed:\nat_exit: hangs at {}: was still running at the deadline\n",
            at(r#"name("younger")"#),
            at(r#"name("older")"#),
            at(place)
        )
    };
    let hangs = "let hangs = Handler::new(hang)";
    check("deadline", "in time on at_exit\n", &stderr(hangs), 1);
    check("deadline_on_caller", "in time on at_exit\n", &stderr(hangs), 1);
}

#[test]
fn with_a_deadline_of_zero_nothing_starts() {
    let never = at(r#"name("never")"#);
    let stderr = format!("at_exit: 1 handler not run before the deadline:\nat_exit: never at {never}\n");
    check("deadline_of_nothing", "", &stderr, 1);
}

#[test]
fn c_exit_inside_a_handler_takes_neither_thread_nor_deadline_from_the_others() {
    if lacks(Needs::Pace) {
        return;
    }
    let seen = run(&mut command(PLACES, &["deadline_after_c_exit"]));
    // If C lets only one thread into `exit`, the handler that calls it is the one that hangs.
    let expected = if one_thread_in_exit() {
        ("", End::Status(1))
    } else {
        ("still on at_exit\n", End::Status(after_failure(3, 1)))
    };
    assert_eq!((seen.stdout.as_str(), seen.end), expected, "{seen:?}");
    assert!(seen.stderr.ends_with(": was still running at the deadline\n"), "{seen:?}");
}

#[test]
fn a_registration_after_the_deadline_does_not_keep_the_process_alive() {
    let seen = run(&mut command(PLACES, &["registers_after_the_deadline"]));
    assert_eq!((seen.stdout.as_str(), seen.end), ("", End::Status(1)), "{seen:?}");
}

#[test]
fn exit_in_a_time_limit_expression_ends_that_handler_quietly() {
    check("exit_in_limit", "ran\n", "", 9);
}

#[test]
fn a_handler_whose_time_limit_panics_runs_and_fails_once() {
    let seen = run(&mut command(PLACES, &["panic_in_limit"]));
    assert_eq!((&*seen.stdout, seen.end), ("without a limit\nlimited failed: panic\n", End::Status(0)), "{seen:?}");
    assert!(seen.stderr.contains("at_exit: 1 handler failed:\nat_exit: limited at "), "{seen:?}");
    assert!(seen.stderr.ends_with(": panicked: in the limit\n"), "{seen:?}");
}

#[test]
fn a_time_limit_that_panics_inside_an_abandoned_handler_changes_no_report() {
    let seen = run(&mut command(PLACES, &["late_panic_in_limit"]));
    assert_eq!((&*seen.stdout, seen.end), ("runs failed: time limit\nlast returned\n", End::Status(0)), "{seen:?}");
    assert!(seen.stderr.contains("at_exit: 1 handler failed:\nat_exit: runs at "), "{seen:?}");
}

#[test]
fn a_thread_local_that_hangs_does_not_keep_the_process_alive() {
    if lacks(Needs::Pace) {
        return;
    }
    check("local_hangs", "", "", 0);
}

#[test]
fn a_run_inside_an_abandoned_handler_goes_with_it() {
    let seen = run(&mut command(PLACES, &["abandoned_nested"]));
    assert_eq!((seen.stdout, seen.end), (cause_in_exit(0) + "\n", End::Status(1)));
    assert!(seen.stderr.contains("at_exit: runs at "), "{}", seen.stderr);
}

#[test]
fn an_exit_waits_for_another_threads_run_only_until_the_deadline() {
    let seen = run(&mut command(PLACES, &["deadline_during_a_run"]));
    assert!(seen.stderr.starts_with("at_exit: 1 handler not run before the deadline:\nat_exit: never at "), "{seen:?}");
    assert!(seen.stderr.ends_with(": was still running at the deadline\n"), "{seen:?}");
    assert_eq!((seen.stdout.as_str(), seen.end), ("", End::Status(1)));
}

#[test]
fn without_a_failure_status_the_deadline_keeps_the_status() {
    let seen = run(&mut command(PLACES, &["deadline_quiet"]));
    assert_eq!(seen.end, End::Status(0), "{seen:?}");
}

#[test]
fn exit_inside_a_handler_with_a_time_limit_sets_the_status() {
    check("exit_with_limit", "", "", 8);
    check("exit_with_limit_on_caller", "", "", 9);
}

#[test]
fn a_time_limit_covers_std_exit_inside_a_handler() {
    let stderr = format!(
        "at_exit: 1 handler failed:\nat_exit: exits at {}: exceeded its time limit of 50ms\n",
        at(r#"name("exits").time_limit"#)
    );
    check("std_exit_with_limit", "last\n", &stderr, 1);
}

#[test]
fn std_exit_inside_a_handler_aborts_on_the_exiting_thread() {
    assert_eq!(run(&mut command(PLACES, &["std_exit_on_caller"])).end, End::Signal(6));
}

#[test]
fn c_exit_on_the_exiting_thread_loses_no_handler() {
    check("c_exit_on_caller", "older on at_exit\n", "", 3);
}

#[test]
fn a_handler_that_hangs_is_named() {
    let (notice, rest, status) = notice_and_end("hangs_until_stdin_closes");
    let waits = "it never ends if it waits for thread main, or for a lock held by that thread";
    assert!(
        notice.starts_with(&format!("at_exit: reads at {} has been running for 1", at(r#"name("reads").register"#)))
            && notice.ends_with(&format!(" s; {waits}\n")),
        "{notice}"
    );
    assert_eq!((rest.as_str(), status), ("", Some(0)));
}

#[test]
fn a_handler_with_a_limit_that_hangs_on_the_exiting_thread_is_named() {
    let (notice, rest, status) = notice_and_end("limited_caller_hangs");
    let waits = " s; it never ends if it waits for a lock held by the exiting thread, which it runs on\n";
    assert!(notice.starts_with("at_exit: reads at ") && notice.ends_with(waits), "{notice}");
    assert!(rest.ends_with(": exceeded its time limit of 1s\n"), "{rest}");
    assert_eq!(status, Some(1));
}

/// Waits for the first line on standard error, then closes the input that the handler is waiting for.
fn notice_and_end(scene: &str) -> (String, String, Option<i32>) {
    let mut places = command(PLACES, &[scene]);
    places.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = places.spawn().expect("it starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let (mut notice, mut rest) = (String::new(), String::new());
    stderr.read_line(&mut notice).expect("a pipe can be read");
    drop(child.stdin.take());
    stderr.read_to_string(&mut rest).expect("a pipe can be read");
    (notice, rest, child.wait().expect("it ends").code())
}

#[test]
fn closed_full_and_broken_outputs_change_nothing() {
    if lacks(Needs::ClosedDescriptors) {
        return;
    }
    // The status is that of the failing handler, whatever happens to the output.
    for redirection in [">&-", "2>&-", ">&- 2>&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>/dev/full"] {
        let script = format!(r#"exec "$0" "$@" {redirection}"#);
        let seen = run(tool("sh", &["-c", &script]).args(target::words(PLACES)).arg("prints_a_lot"));
        assert_eq!(seen.end, End::Status(1), "{redirection}");
        let told = seen.stderr.contains("at_exit: fails at ");
        assert_eq!(told, !redirection.contains("2>"), "{redirection}");
    }
}

#[test]
fn broken_pipes_change_nothing() {
    let mut places: Command = command(PLACES, &["prints_a_lot"]);
    places.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = places.spawn().expect("it starts");
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
}

#[test]
fn a_second_thread_that_exits_waits_for_the_first() {
    check("two_exits", "2\n1\n0\n", "", 4);
    check("exit_during_run", "in the run\n2\n1\n0\n", "", 4);
}

#[test]
fn stdout_is_flushed_after_a_run() {
    check("partial_line", "no line break", "", 0);
}

#[test]
fn stdout_held_by_another_thread_is_flushed_if_released_within_a_second() {
    check("stdout_held_for_a_while", "no line break", "", 0);
    check("stdout_held_for_good", "", "", 0);
}

#[test]
fn a_handler_knows_why_it_runs() {
    let exit = cause_in_exit(7) + "\n";
    check("cause", &format!("{exit}Some(Run)\nSome(Run)\n{exit}None\n"), "", 7);
}

#[test]
fn async_handlers_run_to_completion() {
    let file = "tests/programs/asynchronous.rs";
    let line =
        include_str!("programs/asynchronous.rs").lines().take_while(|line| !line.starts_with("#[at_exit(args")).count()
            + 1;
    let stdout = "main\npolled 3 times on main\nthe program's own executor\npolled 3 times on at_exit\npolled 3 times on at_exit\nargument\n";
    let stderr = format!(
        "Error: \"asynchronous\"\nat_exit: 1 handler failed:\n\
         at_exit: asynchronous(\"argument\") at {file}:{line}: \"asynchronous\"\n"
    );
    // Built with the features of all packages together, and without the feature `tokio`.
    let together = env!("CARGO_BIN_EXE_asynchronous").to_owned();
    let alone = build("alone", &["-p", "atexit", "--bin", "asynchronous"], &[]).join("asynchronous");
    for program in [together, alone.to_string_lossy().into_owned()] {
        assert_seen(&mut command(&program, &[]), stdout, &stderr, End::Status(1));
    }
}

#[test]
fn an_async_handler_without_a_tokio_runtime_learns_about_the_feature() {
    // Built with the features of all packages together, it would have a runtime.
    let program = build("alone", &["-p", "without_tokio"], &[]).join("without_tokio");
    let file = "tests/crates/without_tokio/src/main.rs";
    let stderr = format!(
        "hook\nhook\nat_exit: 2 handlers failed:\nat_exit: fails at {file}:13: panicked: of its own\n\
         at_exit: sleeps at {file}:7: panicked: there is no reactor running, must be called from the context of a Tokio 1.x \
         runtime; with the feature `tokio`, atexit-core runs async handlers on one\n"
    );
    assert_seen(&mut command(&program.to_string_lossy(), &[]), "", &stderr, End::Status(101));
}

#[test]
fn no_wake_up_of_an_async_handler_is_lost() {
    let stdout = "has blocked on main\nwoken\nhas blocked on at_exit\nwoken\n";
    let together = env!("CARGO_BIN_EXE_wake_ups").to_owned();
    let alone = build("alone", &["-p", "atexit", "--bin", "wake_ups"], &[]).join("wake_ups");
    for program in [together, alone.to_string_lossy().into_owned()] {
        assert_seen(&mut command(&program, &[]), stdout, "", End::Status(0));
    }
}
