//! Owns what happens when many threads or many handlers meet at the end: nothing runs twice, is lost, or hangs.

use std::time::{Duration, Instant};

use spawn::{End, assert_seen, command, one_thread_in_exit, run};

const STORM: &str = env!("CARGO_BIN_EXE_storm");

/// Many times longer than such a program takes here.
const SOON: Duration = Duration::from_secs(10);

#[track_caller]
fn check(scene: &str, number: &str, stdout: &str) {
    assert_seen(&mut command(STORM, &[scene, number]), stdout, "", End::Status(0));
}

#[test]
fn threads_that_exit_at_once_run_every_handler_once() {
    let expected = (0..100).rev().map(|number| number.to_string() + "\n").collect::<String>();
    for threads in ["1", "2", "3", "4", "8", "16", "64"] {
        for _ in 0..20 {
            assert_seen(&mut command(STORM, &["exits", threads]), &expected, "", End::Status(7));
        }
    }
}

#[test]
fn threads_that_exit_at_once_lose_none_while_the_library_is_busy() {
    let expected = (0..100).rev().map(|number| number.to_string() + "\n").collect::<String>();
    for threads in ["16", "64"] {
        for _ in 0..10 {
            assert_seen(&mut command(STORM, &["exits_while_others_ask", threads]), &expected, "", End::Status(7));
        }
    }
}

#[test]
fn a_failure_among_threads_that_exit_at_once_is_reported_and_is_the_status_as_far_as_c_allows() {
    let line =
        include_str!("programs/storm.rs").lines().take_while(|line| !line.contains(r#"name("fails")"#)).count() + 1;
    let stderr = format!(
        "Error: \"broken\"\nat_exit: 1 handler failed:\nat_exit: fails at tests/programs/storm.rs:{line}: \"broken\"\n"
    );
    for _ in 0..50 {
        let seen = run(&mut command(STORM, &["fails", "64"]));
        assert_eq!((seen.stdout.as_str(), &seen.stderr), ("", &stderr));
        // Up to 2.40, a thread that finds glibc's list empty may end the process with its own status.
        let is_lost = seen.end == End::Status(0) && !one_thread_in_exit();
        assert!(is_lost || seen.end == End::Status(1), "{seen:?}");
    }
}

#[test]
fn a_signal_and_a_return_among_them_run_every_handler_once_too() {
    let expected = (0..100).rev().map(|number| number.to_string() + "\n").collect::<String>();
    for threads in ["1", "2", "3", "4", "8", "16", "64"] {
        for _ in 0..20 {
            let seen = run(&mut command(STORM, &["exits_and_returns", threads]));
            assert_eq!((seen.stdout.as_str(), seen.stderr.as_str()), (expected.as_str(), ""), "{threads}");
            // By the signal, unless it came after everything was over.
            assert!([End::Status(7), End::Signal(15)].contains(&seen.end), "{seen:?}");
        }
    }
}

#[test]
fn threads_that_register_forever_do_not_keep_the_process_alive() {
    for threads in ["1", "2", "8"] {
        let start = Instant::now();
        let seen = run(&mut command(STORM, &["registers_for_ever", threads]));
        assert_eq!((seen.stdout.as_str(), seen.end), ("main's\n", End::Status(0)));
        assert!(start.elapsed() < SOON, "{threads} threads");
        let late = seen.stderr.strip_prefix("at_exit: not run, registered too late by other threads: ");
        let late = late.and_then(|late| late.trim_end().parse::<usize>().ok());
        assert!(seen.stderr.is_empty() || late.is_some_and(|late| late > 0), "{seen:?}");
    }
}

#[test]
fn registrations_after_the_extra_round_are_counted() {
    let stderr = "at_exit: not run, registered too late by other threads: 3\n";
    let stdout = "first round\nfurther round\n";
    assert_seen(&mut command(STORM, &["too_late", "3"]), stdout, stderr, End::Status(0));
}

#[test]
fn a_handler_either_runs_or_is_unregistered() {
    check("changes_during_the_run", "100000", "100000\n");
}

#[test]
fn handlers_that_other_threads_register_at_exit_run_or_are_unregistered() {
    for _ in 0..20 {
        check("changes_at_exit", "100", "500\n");
    }
}

#[test]
fn a_long_chain_of_handlers_that_register_the_next_needs_no_stack() {
    check("chain", "100000", "100000\n");
}

#[test]
fn a_million_handlers_run_in_order() {
    check("many", "1000000", "1000000\n");
}

#[test]
fn threads_that_register_many_handlers_at_once_lose_none() {
    check("many_at_once", "200000", "0 of 200000 are wrong\n");
}

#[test]
fn many_handlers_run_where_no_memory_is_aligned_for_huge_pages() {
    const PROGRAM: &str = env!("CARGO_BIN_EXE_page_alignment");
    assert_seen(&mut command(PROGRAM, &["100000"]), "100000\n", "", End::Status(0));
}
