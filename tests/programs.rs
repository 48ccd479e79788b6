//! Owns the specification of how a process ends: small programs, spawned, and everything that can be seen of them.

use std::process::Command;

use spawn::c_library::{DROPS_LOCALS, EXITS_AGAIN, RUNS_LATE_ONES_NEXT, TELLS_STATUS, after_failure, cause_in_exit};
use spawn::target::times;
use spawn::{End, assert_seen, build, command, one_thread_in_exit, run};

const WAYS_OUT: &str = env!("CARGO_BIN_EXE_ways_out");

/// One way to end `ways_out`: its arguments, the lines it prints and how it ends; `{at}` is where it registers its handlers.
struct Case {
    args: &'static [&'static str],
    stdout: &'static [&'static str],
    stderr: &'static [&'static str],
    end: End,
}

const fn case(
    args: &'static [&'static str],
    stdout: &'static [&'static str],
    stderr: &'static [&'static str],
    status: i32,
) -> Case {
    Case { args, stdout, stderr, end: End::Status(status) }
}

fn check(cases: &[Case]) {
    let source = include_str!("programs/ways_out.rs").lines();
    let at = source.take_while(|line| !line.contains("Handler::new(move || handler(")).count() + 1;
    let at = format!("tests/programs/ways_out.rs:{at}");
    for Case { args, stdout, stderr, end } in cases {
        let lines = |lines: &[&str]| lines.iter().map(|line| line.replace("{at}", &at) + "\n").collect::<String>();
        assert_seen(&mut command(WAYS_OUT, args), &lines(stdout), &lines(stderr), *end);
    }
}

#[test]
fn an_observer_learns_how_each_handler_of_an_exit_ended() {
    const LINES: &[&str] =
        &["main", "panic", "exit:43", "a", "panic failed: panic", "exit:43 exited with 43", "a returned"];
    const STDERR: &[&str] = &["hook: boom", "at_exit: 1 handler failed:", "at_exit: panic at {at}: panicked: boom"];
    check(&[
        Case {
            args: &["return", "told", "a", "exit:43", "panic"],
            stdout: LINES,
            stderr: STDERR,
            end: End::Status(43),
        },
        case(&["return", "told", "caller_exit:3"], &["main", "caller_exit:3", "caller_exit:3 exited with 3"], &[], 3),
    ]);
}

#[test]
fn an_observer_learns_that_a_handler_called_c_exit() {
    // Elsewhere the status is not known, nor that this is a failure.
    if TELLS_STATUS && !one_thread_in_exit() {
        const LINES: &[&str] = &["c_exit:5", "a", "c_exit:5 exited with 5", "a returned"];
        check(&[case(&["return", "told", "a", "c_exit:5", "run"], LINES, &[], 5)]);
    }
}

#[test]
fn an_error_that_panics_when_dropped_changes_neither_the_status_nor_the_other_handlers() {
    const HOOK: &str = "hook: in Drop";
    const SUMMARY: [&str; 3] = ["Error: fragile", "at_exit: 1 handler failed:", "at_exit: fragile at {at}: fragile"];
    const UNHEARD: &[&str] = &[SUMMARY[0], HOOK, SUMMARY[1], SUMMARY[2]];
    const HEARD: &[&str] = &[SUMMARY[0], SUMMARY[1], SUMMARY[2], HOOK];
    const TOLD: &[&str] = &["main", "fragile", "a", "fragile failed: error", "a returned"];
    check(&[
        case(&["return", "a", "fragile"], &["main", "fragile", "a"], UNHEARD, 1),
        case(&["return", "told", "a", "fragile"], TOLD, HEARD, 1),
    ]);
}

#[test]
fn a_handler_learns_the_time_until_the_deadline() {
    check(&[
        case(&["return", "remaining"], &["main", "remaining", "None"], &[], 0),
        case(&["return", "deadline", "remaining"], &["main", "remaining", "Some(true)"], &[], 0),
    ]);
}

#[test]
fn the_program_sets_how_much_is_printed_and_the_environment_has_the_last_word() {
    let stdout = "main\nerr\n";
    assert_seen(&mut command(WAYS_OUT, &["return", "silent", "err"]), stdout, "", End::Status(1));
    let mut asked = command(WAYS_OUT, &["return", "silent", "code:3"]);
    let seen = run(asked.env("AT_EXIT_LOG", "error"));
    assert!(seen.stderr.starts_with("at_exit: 1 handler failed:\nat_exit: code:3 at "), "{seen:?}");
    assert_eq!(seen.end, End::Status(3));
    let mut nonsense = command(WAYS_OUT, &["return", "silent", "code:3"]);
    assert_seen(nonsense.env("AT_EXIT_LOG", "nonsense"), "main\ncode:3\n", "", End::Status(3));
}

#[test]
fn handlers_run_whichever_way_a_process_exits() {
    check(&[
        case(&["return", "a", "b"], &["main", "b", "a"], &[], 0),
        case(&["err", "a"], &["main", "a"], &["Error: \"from main\""], 1),
        case(&["panic", "a"], &["main", "a"], &["hook: main"], 101),
        case(&["exit:0", "a"], &["main", "a"], &[], 0),
        case(&["exit:42", "a"], &["main", "a"], &[], 42),
        case(&["thread_exit:42", "a"], &["main", "a"], &[], 42),
        case(&["c_exit:42", "a"], &["main", "a"], &[], 42),
        case(&["thread_c_exit:42", "a"], &["main", "a"], &[], 42),
        case(&["core_exit:0", "a"], &["main", "a"], &[], 0),
        case(&["core_exit:42", "a"], &["main", "a"], &[], 42),
        case(&["thread_core_exit:42", "a"], &["main", "a"], &[], 42),
        case(&["_exit:42", "a"], &["main"], &[], 42),
        case(&["quick_exit:42", "a"], &["main"], &[], 42),
        case(&["exec", "a"], &["main"], &[], 0),
        Case { args: &["abort", "a"], stdout: &["main"], stderr: &[], end: End::Signal(6) },
        Case { args: &["raise:9", "a"], stdout: &["main"], stderr: &[], end: End::Signal(9) },
        Case { args: &["raise:15", "a"], stdout: &["main"], stderr: &[], end: End::Signal(15) },
        Case { args: &["raise:1", "a"], stdout: &["main"], stderr: &[], end: End::Signal(1) },
        case(&["thread_panic", "a"], &["main", "a"], &["hook: thread"], 0),
    ]);
    let seen = run(&mut command(WAYS_OUT, &["panic_while_panicking", "a"]));
    // Everything after the first line is std's.
    assert!(seen.stderr.starts_with("hook: main\nhook: in Drop\n"), "{seen:?}");
    assert_eq!((seen.stdout.as_str(), seen.end), ("main\n", End::Signal(6)));
}

#[test]
fn a_handler_learns_the_status_that_the_process_was_about_to_end_with() {
    let check = |way: &str, handlers: &[&str], stdout: &[&str], end: i32| {
        let seen = run(&mut command(WAYS_OUT, &[&[way], handlers].concat()));
        assert_eq!((seen.stdout, seen.end), (stdout.join("\n") + "\n", End::Status(end)), "{way} {handlers:?}");
    };
    let ways = [
        ("return", 0),
        ("err", 1),
        ("panic", 101),
        ("exit:0", 0),
        ("exit:2", 2),
        ("thread_exit:2", 2),
        ("c_exit:0", 0),
        ("c_exit:2", 2),
        ("thread_c_exit:2", 2),
        ("core_exit:0", 0),
        ("core_exit:2", 2),
        ("thread_core_exit:2", 2),
    ];
    for (way, status) in ways {
        let by_library = format!("Some(Exit {{ status: Some({status}) }})");
        let told = if way.contains("core") { by_library } else { cause_in_exit(status) };
        check(way, &["cause"], &["main", "cause", &told], status);
        // A status that other handlers ask for is not the cause.
        check(way, &["cause", "exit:4"], &["main", "exit:4", "cause", &told], 4);
        check(way, &["cause", "exit:5", "exit:4"], &["main", "exit:4", "exit:5", "cause", &told], 5);
        check(way, &["cause", "exit:0", "exit:4"], &["main", "exit:4", "exit:0", "cause", &told], 0);
    }
    check("exit:2", &["cause", "run"], &["cause", "Some(Run)", "report: 1 ran, 0 failed", "main"], 2);
    let nested = ["main", "nested", "cause", "Some(Run)", "nested: 1 ran, 0 failed"];
    check("exit:2", &["cause", "nested"], &nested, 2);
}

#[test]
fn a_handler_that_kills_its_own_process_does_so() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGKILL] {
        let raise = format!("raise:{signal}");
        assert_seen(
            &mut command(WAYS_OUT, &["return", "a", &raise, "b"]),
            &format!("main\nb\n{raise}\n"),
            "",
            End::Signal(signal),
        );
    }
}

#[test]
fn a_guard_runs_at_exit_unless_it_was_dropped() {
    check(&[
        case(&["exit:3", "a", "guard", "b"], &["main", "b", "guard", "a"], &[], 3),
        case(&["return", "dropped_guard", "a"], &["main", "a"], &["Error: \"in the guard\""], 0),
    ]);
    let seen = run(&mut command(WAYS_OUT, &["return", "named_guard"]));
    assert!(seen.stderr.starts_with("at_exit: a guard at tests/programs/ways_out.rs:"), "{seen:?}");
    assert!(seen.stderr.ends_with(": \"full\"\n"), "{seen:?}");
    assert_eq!((seen.stdout.as_str(), seen.end), ("main\n", End::Status(0)));
}

#[test]
fn off_silences_all_but_the_panic_hook() {
    for (value, summary) in [("off", ""), ("error", "Error: \"bad\\nworse\"\n")] {
        let seen = run(command(WAYS_OUT, &["return", "err", "panic"]).env("AT_EXIT_LOG", value));
        assert_eq!((seen.stdout.as_str(), seen.end), ("main\npanic\nerr\n", End::Status(1)));
        assert!(seen.stderr.starts_with(&format!("hook: boom\n{summary}")), "{seen:?}");
        assert_eq!(seen.stderr.contains("at_exit: "), value != "off", "{seen:?}");
    }
}

#[test]
fn trace_shows_the_start_and_the_end_of_each_handler() {
    let seen = run(command(WAYS_OUT, &["return", "a", "code:7"]).env("AT_EXIT_LOG", "trace"));
    let lines: Vec<&str> =
        seen.stderr.lines().filter(|line| line.contains("started") || line.contains(" after ")).collect();
    let expected = ["started code:7 at ", "failed code:7 at ", "started a at ", "finished a at "];
    assert_eq!(lines.len(), expected.len(), "{seen:?}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(&format!("at_exit: {expected}")), "{line}");
    }
}

#[test]
fn a_failure_stops_no_other_handler_and_becomes_the_status() {
    check(&[
        case(
            &["return", "a", "panic", "b"],
            &["main", "b", "panic", "a"],
            &["hook: boom", "at_exit: 1 handler failed:", "at_exit: panic at {at}: panicked: boom"],
            101,
        ),
        case(
            &["return", "err", "code:7"],
            &["main", "code:7", "err"],
            &[
                "Error: \"bad\\nworse\"",
                "at_exit: 2 handlers failed:",
                "at_exit: code:7 at {at}: returned exit status 7",
                "at_exit: err at {at}: \"bad\\nworse\"",
            ],
            1,
        ),
        case(
            &["exit:0", "code:7", "err"],
            &["main", "err", "code:7"],
            &[
                "Error: \"bad\\nworse\"",
                "at_exit: 2 handlers failed:",
                "at_exit: err at {at}: \"bad\\nworse\"",
                "at_exit: code:7 at {at}: returned exit status 7",
            ],
            7,
        ),
        case(
            &["return", "fault:9"],
            &["main", "fault:9"],
            &["Error: disk full", "at_exit: 1 handler failed:", "at_exit: fault:9 at {at}: disk full"],
            9,
        ),
        // A status that a parent would read as success.
        case(
            &["return", "fault:256"],
            &["main", "fault:256"],
            &["Error: disk full", "at_exit: 1 handler failed:", "at_exit: fault:256 at {at}: disk full"],
            1,
        ),
        case(
            &["return", "a", "err", "b", "panic", "c", "code:7"],
            &["main", "code:7", "c", "panic", "b", "err", "a"],
            &[
                "hook: boom",
                "Error: \"bad\\nworse\"",
                "at_exit: 3 handlers failed:",
                "at_exit: code:7 at {at}: returned exit status 7",
                "at_exit: panic at {at}: panicked: boom",
                "at_exit: err at {at}: \"bad\\nworse\"",
            ],
            1,
        ),
        case(
            &["return", "panic_any:7"],
            &["main", "panic_any:7"],
            &["hook: ?", "at_exit: 1 handler failed:", "at_exit: panic_any:7 at {at}: panicked: Box<dyn Any>"],
            101,
        ),
        case(
            &["return", "resume"],
            &["main", "resume"],
            &["at_exit: 1 handler failed:", "at_exit: resume at {at}: panicked: resumed"],
            101,
        ),
    ]);
}

#[test]
fn a_failure_counts_even_if_reporting_it_fails() {
    check(&[
        case(
            &["return", "a", "debug"],
            &["main", "debug", "a"],
            &["hook: in Debug", "at_exit: 1 handler failed:", "at_exit: debug at {at}: panicked: in Debug"],
            101,
        ),
        case(
            &["return", "a", "drop_bomb"],
            &["main", "drop_bomb", "a"],
            &[
                "hook: ?",
                "hook: in Drop",
                "at_exit: 1 handler failed:",
                "at_exit: drop_bomb at {at}: panicked: Box<dyn Any>",
            ],
            101,
        ),
    ]);
}

#[test]
fn a_status_that_already_means_failure_stays() {
    let summary: &[&str] = &["at_exit: 1 handler failed:", "at_exit: code:7 at {at}: returned exit status 7"];
    check(&[
        case(&["exit:3", "code:7"], &["main", "code:7"], summary, after_failure(3, 7)),
        case(&["thread_exit:3", "code:7"], &["main", "code:7"], summary, after_failure(3, 7)),
        case(&["c_exit:3", "code:7"], &["main", "code:7"], summary, after_failure(3, 7)),
        case(&["core_exit:3", "code:7"], &["main", "code:7"], summary, 3),
        case(&["core_exit:0", "code:7"], &["main", "code:7"], summary, 7),
        case(&["core_exit:256", "code:7"], &["main", "code:7"], summary, 7),
        case(&["c_exit:0", "code:7"], &["main", "code:7"], summary, 7),
        case(&["c_exit:256", "code:7"], &["main", "code:7"], summary, 7),
        case(&["thread_exit:0", "code:7"], &["main", "code:7"], summary, 7),
        case(&["return", "quiet", "code:7"], &["main", "code:7"], summary, 0),
        case(&["core_exit:0", "quiet", "code:7"], &["main", "code:7"], summary, 0),
    ]);
    check(&[
        case(
            &["err", "code:7"],
            &["main", "code:7"],
            &["Error: \"from main\"", "at_exit: 1 handler failed:", "at_exit: code:7 at {at}: returned exit status 7"],
            after_failure(1, 7),
        ),
        case(
            &["panic", "code:7"],
            &["main", "code:7"],
            &["hook: main", "at_exit: 1 handler failed:", "at_exit: code:7 at {at}: returned exit status 7"],
            after_failure(101, 7),
        ),
    ]);
}

#[test]
fn exit_inside_a_handler_ends_that_handler_and_sets_the_status() {
    let failed: &[&str] = &["at_exit: 1 handler failed:", "at_exit: code:7 at {at}: returned exit status 7"];
    check(&[
        case(&["return", "a", "exit:43", "b"], &["main", "b", "exit:43", "a"], &[], 43),
        case(&["exit:42", "a", "exit:43"], &["main", "exit:43", "a"], &[], 43),
        case(&["c_exit:42", "a", "exit:43"], &["main", "exit:43", "a"], &[], 43),
        case(&["core_exit:42", "a", "exit:43"], &["main", "exit:43", "a"], &[], 43),
        case(&["thread_exit:42", "a", "exit:43"], &["main", "exit:43", "a"], &[], 43),
        case(&["err", "exit:0"], &["main", "exit:0"], &["Error: \"from main\""], 0),
        case(&["return", "exit:44", "exit:43"], &["main", "exit:43", "exit:44"], &[], 44),
        case(&["return", "exit:0", "code:7"], &["main", "code:7", "exit:0"], failed, 7),
        case(&["return", "exit:5", "code:7"], &["main", "code:7", "exit:5"], failed, 5),
        case(&["return", "exit:0", "code:7", "run"], &["code:7", "exit:0"], failed, 0), // not a failure of the exit
        case(&["return", "a", "caller_exit:43", "b"], &["main", "b", "caller_exit:43", "a"], &[], 43),
        case(&["exit:42", "a", "caller_exit:0", "exit:43"], &["main", "exit:43", "caller_exit:0", "a"], &[], 0),
        case(&["return", "a", "exit_in_unwinding"], &["main", "exit_in_unwinding", "a"], &["hook: boom"], 9),
    ]);
}

#[test]
fn c_exit_inside_a_handler_loses_no_handler() {
    if one_thread_in_exit() {
        // The library sees that it is stuck there, so it fails.
        let stuck: &[&str] = &[
            "at_exit: 1 handler failed:",
            "at_exit: c_exit:43 at {at}: got stuck on a lock in the C library that the exiting thread holds, \
             of exit or of a stream: call atexit_core::exit instead",
        ];
        return check(&[
            case(&["return", "a", "c_exit:43", "b"], &["main", "b", "c_exit:43", "a"], stuck, 1),
            case(&["exit:42", "a", "c_exit:43", "b"], &["main", "b", "c_exit:43", "a"], stuck, 42),
        ]);
    }
    let failed: &[&str] = &["at_exit: 1 handler failed:", "at_exit: code:7 at {at}: returned exit status 7"];
    check(&[
        case(&["return", "a", "c_exit:43", "b"], &["main", "b", "c_exit:43", "a"], &[], 43),
        case(&["exit:42", "a", "c_exit:43", "b"], &["main", "b", "c_exit:43", "a"], &[], 43),
        case(&["return", "a", "c_exit:44", "c_exit:43"], &["main", "c_exit:43", "c_exit:44", "a"], &[], 44),
        case(&["return", "c_exit:0", "code:7"], &["main", "code:7", "c_exit:0"], failed, 7),
        case(&["return", "code:7", "c_exit:0"], &["main", "c_exit:0", "code:7"], failed, 7),
        case(
            &["return", "a", "nested", "c_exit:3", "nested"],
            &["main", "nested", "c_exit:3", "nested", "a", "nested: 1 ran, 0 failed"],
            &[],
            3,
        ),
    ]);
}

#[test]
fn a_run_called_by_the_program_leaves_the_later_status_alone() {
    let failed: &[&str] = &["at_exit: 1 handler failed:", "at_exit: code:7 at {at}: returned exit status 7"];
    check(&[
        case(
            &["return", "a", "code:7", "run", "b"],
            &["code:7", "a", "report: 2 ran, 1 failed", "main", "b"],
            failed,
            0,
        ),
        case(&["return", "a", "exit:5", "b", "run", "c"], &["b", "exit:5", "a"], &[], 5),
        case(&["return", "a", "nested"], &["main", "nested", "a", "nested: 1 ran, 0 failed"], &[], 0),
        case(&["return", "code:7", "nested"], &["main", "nested", "code:7", "nested: 1 ran, 1 failed"], failed, 0),
        case(&["return", "a", "exit:5", "nested"], &["main", "nested", "exit:5", "a"], &[], 5),
    ]);
}

#[test]
fn a_handler_registered_by_a_handler_runs_next() {
    check(&[
        case(&["return", "a", "register", "b"], &["main", "b", "register", "registered", "a"], &[], 0),
        case(&["return", "a", "register2", "b"], &["main", "b", "register2", "outer", "inner", "a"], &[], 0),
    ]);
}

#[test]
fn functions_registered_with_c_after_a_handler_called_c_exit_run_too() {
    let (before, destructor, by_it) = ("exit function planted before the hook", "destructor", "registered by it");
    let after =
        if RUNS_LATE_ONES_NEXT { [before, by_it, destructor, by_it] } else { [before, destructor, by_it, by_it] };
    let stdout = [&["exit function planted in main", "handler that exits", "declared handler"][..], &after].concat();
    let mut nested = command(env!("CARGO_BIN_EXE_c_functions"), &["nested"]);
    assert_seen(&mut nested, &(stdout.join("\n") + "\n"), "", End::Status(3));
}

#[test]
fn handlers_and_exit_functions_of_c_run_last_in_first_out() {
    let c_functions = |scene, stdout: &[&str]| {
        let stdout = stdout.join("\n") + "\n";
        assert_seen(&mut command(env!("CARGO_BIN_EXE_c_functions"), &[scene]), &stdout, "", End::Status(0));
    };
    let (handler, in_main) = ("declared handler", "exit function planted in main");
    c_functions("plain", &[in_main, handler]);
    c_functions("armed", &[handler, in_main]);
    c_functions("registers", &[in_main, "registered by it", handler]);
    // When the hook is done, a registration adds another.
    c_functions("late", &[in_main, handler, "exit function planted before the hook", "registered by it"]);
    c_functions("in_a_handler", &[in_main, "handler that plants", handler, "exit function planted in a handler"]);
    c_functions("fini_array", &[in_main, handler, "destructor", "registered by it"]);
}

#[test]
fn of_two_threads_that_end_the_process_one_runs_the_exit_functions_of_c() {
    for _ in 0..times(5) {
        let stdout = "declared handler\nexit function planted in main\n";
        assert_seen(&mut command(env!("CARGO_BIN_EXE_c_functions"), &["two_threads"]), stdout, "", End::Status(5));
    }
}

const EDGES: &str = env!("CARGO_BIN_EXE_edges");

/// A program that ends before `main` or after all handlers, and how.
fn edge(edge: &str, exits_by: &str) -> Command {
    let mut edges = command(EDGES, &[]);
    edges.env("EDGE", edge).env("EXITS_BY", exits_by);
    edges
}

#[test]
fn an_exit_before_main_keeps_its_status_and_runs_nothing_twice() {
    for place in ["first", "constructor"] {
        for way in ["std", "c", "core"] {
            let seen = run(&mut edge(place, way));
            assert_eq!((seen.stderr.as_str(), seen.end), ("", End::Status(7)), "{seen:?}");
            // Which handlers run is not promised, except for the library's own `exit`.
            let lines: Vec<&str> = seen.stdout.lines().collect();
            let count = |line| lines.iter().filter(|&&other| other == line).count();
            assert_eq!((lines.first(), count("main")), (Some(&place), 0), "{seen:?}");
            assert!(count("declared") <= 1 && count("registered there") <= 1, "{seen:?}");
            assert!(way != "core" || count("registered there") == 1, "{seen:?}");
        }
        let stdout = format!("{place}\nmain\nregistered there\ndeclared\n");
        assert_seen(&mut edge(place, "none"), &stdout, "", End::Status(0));
        let stdout = format!("{place}\nregistered there\n1 ran\nmain\ndeclared\n");
        assert_seen(&mut edge(place, "run"), &stdout, "", End::Status(0));
    }
}

#[test]
fn code_that_an_exit_calls_before_the_handlers_may_exit_with_another_status() {
    for main in ["returns", "exits", "exits_by_c", "waits"] {
        // A thread-local that is not dropped calls nothing.
        for place in ["function", "local"].into_iter().take(1 + usize::from(DROPS_LOCALS)) {
            let stdout = format!("main\n{place}\nregistered there\ndeclared\n");
            assert_seen(edge(place, "core").env("MAIN", main), &stdout, "", End::Status(7));
        }
    }
}

#[test]
fn an_exit_after_all_handlers_runs_those_registered_since() {
    let before = "main\ndeclared\ndestructor\n";
    let ways = [("none", 0), ("core", 7), ("c", 7)];
    for (way, status) in ways.into_iter().take(2 + usize::from(EXITS_AGAIN)) {
        let stdout = before.to_owned() + "registered there\n";
        assert_seen(&mut edge("destructor", way), &stdout, "", End::Status(status));
    }
    assert_seen(&mut edge("destructor", "run"), &(before.to_owned() + "registered there\n1 ran\n"), "", End::Status(0));
    for _ in (0..times(200)).filter(|_| EXITS_AGAIN) {
        let seen = run(&mut edge("destructor", "threads"));
        let all = before.to_owned() + "registered there\n";
        assert_eq!((&seen.stdout, seen.stderr.as_str()), (&all, ""), "other threads exit meanwhile");
        assert!([End::Status(0), End::Status(7)].contains(&seen.end), "{seen:?}");
    }
    // std lets no thread in twice: it aborts.
    let seen = run(&mut edge("destructor", "std"));
    assert_eq!((seen.stdout.as_str(), seen.end), (before, End::Signal(6)), "{seen:?}");
}

#[test]
fn with_panic_abort_exit_inside_a_handler_still_runs_the_rest() {
    let folder = build("abort", &["-p", "atexit", "--bin", "ways_out"], &[("CARGO_PROFILE_DEV_PANIC", "abort")]);
    let program = folder.join("ways_out").to_string_lossy().into_owned();
    let check = |args: &[&str], stdout: &str, stderr: &str, end| {
        assert_seen(&mut command(&program, args), stdout, stderr, end);
    };
    check(&["return", "a", "exit:43", "b"], "main\nb\nexit:43\na\n", "", End::Status(43));
    check(&["exit:42", "a", "exit:44", "exit:43"], "main\nexit:43\nexit:44\na\n", "", End::Status(44));
    check(&["return", "a", "exit:5", "nested"], "main\nnested\nexit:5\na\n", "", End::Status(5));
    check(&["return", "a", "exit:5", "run", "b"], "exit:5\na\n", "", End::Status(5));
    check(&["core_exit:0", "a", "exit:0", "b"], "main\nb\nexit:0\na\n", "", End::Status(0));
    check(&["return", "a", "caller_exit:43", "b"], "main\nb\ncaller_exit:43\na\n", "", End::Status(43));
    check(&["exit:42", "a", "caller_exit:0", "exit:43"], "main\nexit:43\ncaller_exit:0\na\n", "", End::Status(0));
    check(&["thread_exit:42", "a", "exit:0", "b"], "main\nb\nexit:0\na\n", "", End::Status(0));
    check(&["c_exit:42", "a", "exit:43", "c_exit:7"], "main\nc_exit:7\nexit:43\na\n", "", End::Status(43));
    check(&["return", "caller_exit:43", "c_exit:7"], "main\nc_exit:7\ncaller_exit:43\n", "", End::Status(43));
    let stdout = format!("main\nnested\nexit:5\ncause\n{}\n", cause_in_exit(0));
    check(&["return", "cause", "exit:5", "nested"], &stdout, "", End::Status(5));
    check(&["exit:42", "cause"], &format!("main\ncause\n{}\n", cause_in_exit(42)), "", End::Status(42));
    check(
        &["return", "told", "a", "exit:43"],
        "main\nexit:43\na\nexit:43 exited with 43\na returned\n",
        "",
        End::Status(43),
    );
    check(
        &["return", "told", "caller_exit:3"],
        "main\ncaller_exit:3\ncaller_exit:3 exited with 3\n",
        "",
        End::Status(3),
    );
    check(&["return", "a", "panic"], "main\npanic\n", "hook: boom\n", End::Signal(6));
    check(&["panic", "a"], "main\n", "hook: main\n", End::Signal(6));
    check(&["panic", "a", "hook_runs"], "main\na\nhook: 1 ran\n", "", End::Signal(6));
    check(&["return", "a", "panic", "b", "hook_runs"], "main\nb\npanic\na\nhook: 1 ran\n", "", End::Signal(6));
}
