//! Owns the promises about values in a `static`: when and by whom they are initialized, when and how they are finished, and what is reported if
//! that is not possible.

use std::thread;
use std::time::{Duration, Instant};

use spawn::c_library::{TELLS_STATUS, after_failure, one_thread_in_exit};
use spawn::target::{Needs, lacks, times};
use spawn::{End, Seen, assert_seen, build, command, run};

const VALUES: &str = env!("CARGO_BIN_EXE_values");
const SOURCE: &str = include_str!("programs/values.rs");

const SIGTERM: i32 = 15;

/// Where a scene declares a cell.
fn place(scene: &str, cell: &str) -> String {
    let (function, name) = (format!("fn {scene}() {{"), format!(" {cell}: "));
    let mut lines = SOURCE.lines().zip(1..).skip_while(|(line, _)| *line != function);
    let found =
        lines.by_ref().find(|(line, _)| line.contains("static ") && line.contains(&name)).into_iter().chain(lines);
    let mut calls = found.filter(|(line, _)| line.contains("AtExit::"));
    let (_, line) = calls.next().unwrap_or_else(|| panic!("{scene} declares {cell}"));
    format!("tests/programs/values.rs:{line}")
}

/// The lines, with `{CELL}` replaced by the place where the scene declares that cell.
fn text(scene: &str, lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines {
        let mut rest = *line;
        while let Some((before, cell, after)) = cell_in(rest) {
            text += before;
            text += &place(scene, cell);
            rest = after;
        }
        text += rest;
        text += "\n";
    }
    text
}

fn cell_in(line: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = line.split_once('{')?;
    let (cell, after) = rest.split_once('}')?;
    let is_cell = cell.starts_with(|letter: char| letter.is_ascii_uppercase());
    is_cell.then_some((before, cell, after))
}

/// Plays a scene that must end this way, `""` meaning a return.
#[track_caller]
fn check_way(scene: &str, way: &str, stdout: &[&str], stderr: &[&str], end: End) {
    let words = [scene, way];
    let mut command = command(VALUES, if way.is_empty() { &words[..1] } else { &words });
    let seen = run(&mut command);
    let expected = Seen { stdout: text(scene, stdout), stderr: text(scene, stderr), end };
    assert!(seen == expected, "{command:?}\nexpected {expected:#?}\nsaw {seen:#?}");
}

/// The same with nothing on standard error.
#[track_caller]
fn check(scene: &str, stdout: &[&str]) {
    check_way(scene, "", stdout, &[], End::Status(0));
}

/// The same with failed handlers, and this report about them.
#[track_caller]
fn check_failing(scene: &str, stdout: &[&str], stderr: &[&str], status: i32) {
    check_way(scene, "", stdout, stderr, End::Status(status));
}

/// The answers of a cell that is closed, or was never initialized, to every request.
fn refused(get: &str) -> Vec<String> {
    let by_panic = format!("panic: {get}");
    let kept = if get.contains(' ') { &by_panic } else { get };
    let fallible = if get.contains(' ') { by_panic.clone() } else { format!("Ok(\"{get}\")") };
    vec![
        format!("get: {kept}"),
        "try_get: Err(Closed)".to_owned(),
        "get_if_open: None".to_owned(),
        format!("get_or_init: {kept}"),
        format!("get_or_try_init: {fallible}"),
        "set: Err(\"other\")".to_owned(),
        "close: false".to_owned(),
    ]
}

/// The same where one answer is not an error, or a different one.
fn refused_with(get: &str, try_get: &str) -> Vec<String> {
    let mut lines = refused(get);
    lines[1] = format!("try_get: {try_get}");
    lines
}

/// The lines of several cells.
fn all<'a>(lines: &'a [&'a [String]]) -> Vec<&'a str> {
    lines.iter().flat_map(|lines| lines.iter().map(String::as_str)).collect()
}

fn line(text: &str) -> [String; 1] {
    [text.to_owned()]
}

const STILL_BORROWED: &str = "is still borrowed by 1 ExitRef, so it is not finished";
const NOT_MADE: &str = "was never initialized, and the process is exiting";

#[test]
fn every_value_that_is_made_is_finished_once_at_exit() {
    const STDOUT: &[&str] = &["main: abc", "false", "handler: abc", "c closed", "b stopped", "b dropped", "a dropped"];
    check("finished", STDOUT);
    for way in ["exit", "core_exit", "c_exit", "thread_exit"] {
        check_way("finished", way, STDOUT, &[], End::Status(3));
    }
    check_way("finished", "panic", STDOUT, &["hook: main"], End::Status(101));
    check_way("finished", "signal", STDOUT, &[], End::Signal(SIGTERM));
}

#[test]
fn it_is_finished_on_the_exit_thread_or_on_the_one_that_closes_it() {
    check(
        "on_the_exit_thread",
        &["dropped on main as false", "true", "closed on at_exit", "dropped on at_exit as true"],
    );
}

#[test]
fn values_have_their_turn_after_all_handlers_except_the_last() {
    check("order", &["first", "younger", "older", "later closed", "earlier dropped", "last"]);
}

#[test]
fn they_are_finished_in_reverse_order_of_the_end_of_initialization() {
    check("users_go_first", &["server", "page dropped", "client closed", "server dropped"]);
    check("as_it_ended", &["long dropped", "short dropped"]);
}

#[test]
fn a_handler_may_make_values_until_the_first_is_finished() {
    check("made_by_a_handler", &["makes new", "handler", "new closed", "old dropped", "last"]);
    check("made_by_a_last_handler", &["makes new", "new dropped", "last"]);
}

#[test]
fn from_then_on_none_is_initialized() {
    let [dropped, closed, empty] = ["dropped at {DROPPED}", "closed at {CLOSED}", "empty at {EMPTY}"]
        .map(|cell| refused(&format!("{cell} {NOT_MADE}")));
    check("too_late", &all(&[&line("made dropped"), &dropped, &closed, &empty]));
    check("nothing_to_finish", &["handler", "Some(Closed)"]);
    for (way, status) in [("", 0), ("exit", 3), ("core_exit", 3)] {
        check_way("nothing_pending", way, &["Some(Closed)"], &[], End::Status(status));
    }
}

#[test]
fn first_and_last_put_a_value_among_the_handlers_marked_so() {
    let stdout = [
        "first and younger: another",
        "another closed",
        "first value dropped",
        "first and older",
        "Some(Closed), made in time",
        "made in time dropped",
    ];
    check("first_values", &stdout);
    let stdout = [
        "of its own phase dropped",
        "last and younger: another",
        "another closed",
        "last value dropped",
        "last and older: Some(Closed)",
    ];
    check("last_values", &stdout);
}

#[test]
fn a_plan_shows_them_by_their_names_or_places() {
    let [first, unnamed, named, last] = ["FIRST", "UNNAMED", "NAMED", "LAST"].map(|cell| place("planned", cell));
    let handler = SOURCE.lines().take_while(|line| !line.contains(r#"name("handler")"#)).count() + 1;
    let handler = format!("tests/programs/values.rs:{handler}");
    let width = unnamed.len();
    let head = "handler";
    let stdout = format!(
        "#  {head:width$}  crate   declared or registered at     phase  reason\n\
         1  {0:width$}          {first}  first\n\
         2  {head:width$}  values  {handler}         phase\n\
         3  {unnamed:width$}          {unnamed}  value  phase\n\
         4  {1:width$}          {named}  value  registered earlier\n\
         5  {2:width$}          {last}  last   phase\n\
         handler at {handler}: , phase\n\
         {unnamed}: value, phase\n\
         named at {named}: value, registered earlier\n\
         last value at {last}: last, phase\n",
        "first value", "named", "last value"
    );
    let seen = run(&mut command(VALUES, &["planned"]));
    assert_eq!(seen, Seen { stdout, stderr: String::new(), end: End::Status(0) });
}

#[test]
fn observers_and_reports_treat_a_value_as_a_handler() {
    let stdout = [
        "run of 2",
        "started bad",
        "finished bad: failed: exit status",
        "started good",
        "good dropped",
        "finished good: returned",
        "bad: failed: exit status",
        "good: returned",
        "2 ran, 1 failed: 2 handlers ran",
        "1 handler failed:",
        "bad at {BAD}: returned exit status 7",
    ];
    let stderr = ["at_exit: 1 handler failed:", "at_exit: bad at {BAD}: returned exit status 7"];
    check_failing("observed", &stdout, &stderr, 0);
}

#[test]
fn a_value_is_pending_until_it_is_closed_and_belongs_to_no_function() {
    let stdout = [
        "0 pending",
        "2 pending",
        "true, 3 pending",
        "0 unregistered",
        "made dropped",
        "true, 2 pending",
        "made closed",
        "true, 1 pending",
        "set dropped",
    ];
    check("counted", &stdout);
}

#[test]
fn after_clear_a_value_stays_open_and_is_not_finished() {
    let stdout = ["abc", "3 cleared, 0 pending", r#"Some("c")Ok("b")"#, "a dropped", "b closed", "true, true"];
    check("cleared", &stdout);
}

#[test]
fn a_value_finished_by_run_is_closed_for_good_and_others_can_be_initialized() {
    let before = ["b closed", "a dropped", "2 ran"].map(str::to_owned);
    let after = ["later, 1 pending", "later dropped"].map(str::to_owned);
    check("ran", &all(&[&before, &refused("dropped at {DROPPED} is closed"), &refused("b"), &after]));
    check("ran_beside", &["made meanwhile", "1 ran, 1 pending", "made meanwhile dropped"]);
}

#[test]
fn threads_that_ask_at_once_get_one_value_by_one_initialization() {
    for _ in 0..times(50) {
        check("initialized_once", &["2 calls, 1 seen", "b closed", "a dropped"]);
    }
}

#[test]
fn after_an_initialization_that_panics_the_next_call_tries_again() {
    let stdout = [
        "panic: no luck",
        "false, 0 pending",
        "made",
        "panic: no luck either",
        "made, too",
        "made, too closed",
        "made dropped",
    ];
    check("tried_again", &stdout);
}

#[test]
fn a_thread_that_waited_for_one_that_panics_initializes_the_value() {
    let end = "made by the one that has waited dropped\n";
    let mut says = ["panic: no luck\n", "made by the one that has waited\n"];
    for _ in 0..times(50) {
        let seen = run(&mut command(VALUES, &["tried_again_by_a_waiting_thread"]));
        let begin = "false, false while another one makes it\n";
        let either = [says.concat(), {
            says.swap(0, 1);
            says.concat()
        }]
        .map(|says| format!("{begin}{says}{end}"));
        assert!(either.contains(&seen.stdout), "{seen:?}");
        assert_eq!((seen.stderr.as_str(), seen.end), ("", End::Status(0)));
    }
}

#[test]
fn after_an_initialization_that_fails_the_cell_is_empty() {
    let no_luck = r#"Err("no luck")"#;
    let made = [r#"Ok("a")"#, r#"Ok("b")"#, r#"Ok("a")"#];
    let stdout = [&[no_luck, no_luck, "Some(Empty) Some(Empty)"], &made[..], &["b closed", "a dropped"]].concat();
    check("by_a_fallible_function", &stdout);
}

#[test]
fn a_value_can_be_set_once() {
    let set = r#"Ok(()), Err("again"), Ok("set")"#;
    let stdout = [
        "panic: dropped at {DROPPED} is empty: nothing has set it, Err(Empty)",
        set,
        "panic: closed at {CLOSED} is empty: nothing has set it, Err(Empty)",
        set,
        "set",
        "set closed",
        "set dropped",
    ];
    check("set_once", &stdout);
}

#[test]
fn set_waits_for_an_initialization_in_progress() {
    let stdout = [r#"Err("set")"#, "made", "Ok(())", "panic: no luck", "set closed", "made dropped"];
    check("set_meanwhile", &stdout);
}

#[test]
fn an_initialization_that_asks_for_its_own_value_panics() {
    let itself = "is used by its own initialization";
    let [dropped, closed] = ["dropped at {DROPPED}", "closed at {CLOSED}"].map(|cell| {
        let said = format!("{cell} {itself}");
        refused_with(&said, &format!("panic: {said}"))
    });
    let after = [
        format!("deref: panic: closed at {{CLOSED}} {itself}"),
        "ab".to_owned(),
        format!("panic: fails at {{FAILS}} {itself}"),
        "made another way".to_owned(),
        "made another way dropped".to_owned(),
        "b closed".to_owned(),
        "a dropped".to_owned(),
    ];
    check("asks_for_itself", &all(&[&dropped, &closed, &after]));
}

#[test]
fn of_two_that_ask_for_each_other_one_panics_and_the_other_gets_both() {
    let waits = "is being initialized by a thread that waits for one that this thread is initializing";
    let says = |told: &str, cell: &str, gets: &str| {
        text("ask_for_each_other", &[&format!("panic: {told} at {{{cell}}} {waits}"), gets, &format!("{gets} {gets}")])
    };
    let either = [says("left", "LEFT", "right by left"), says("right", "RIGHT", "left by right")];
    for _ in 0..times(100) {
        let seen = run(&mut command(VALUES, &["ask_for_each_other"]));
        assert!(either.contains(&seen.stdout), "{seen:?}");
        assert_eq!((seen.stderr.as_str(), seen.end), ("", End::Status(0)));
    }
}

#[test]
fn nobody_waits_for_an_initialization_that_exits_the_process() {
    for way in ["exit", "core_exit", "c_exit"] {
        check_way("exits_in_initialization", way, &["other dropped"], &[], End::Status(3));
        let exits = "is being initialized by the exiting thread, which waits for this handler";
        let dropped = format!("dropped at {{DROPPED}} {exits}");
        let next = line(&format!("panic: {dropped}"));
        let stdout = refused_with(&dropped, "Err(Initializing)");
        let scene = "asked_for_while_main_initializes";
        check_way(scene, way, &all(&[&stdout, &next]), &[], End::Status(3));
        let next = format!("panic: next at {{NEXT}} {exits}");
        for _ in 0..times(10) {
            let stdout = [&next, "other dropped"];
            check_way("waits_for_main_that_exits", way, &stdout, &[], End::Status(3));
        }
    }
}

#[test]
fn an_initialization_that_exits_in_a_handler_ends_that_and_the_next_one_tries_again() {
    let stdout = ["made by the next one", "made by the next one dropped"];
    check_failing("exits_in_initialization_in_a_handler", &stdout, &[], 5);
}

#[test]
fn a_value_that_is_kept_needs_a_function_that_closes_it() {
    let unnamed = "panic: {CLOSED} has no function that closes it: add `close_with`";
    let empty = "panic: empty at {EMPTY} has no function that closes it: add `close_with`";
    check("without_close", &[unnamed, unnamed, unnamed, empty, "came back dropped", empty, "false"]);
}

#[test]
fn cells_references_and_refusals_can_be_shown() {
    let default = SOURCE.lines().take_while(|line| !line.contains("DropAtExit::<u8>::default()")).count() + 1;
    let default = |cell| format!("{cell} {{ declared: tests/programs/values.rs:{default}, state: empty }}");
    let cells = |state: &str| {
        [
            format!("DropAtExit {{ declared: dropped at {{DROPPED}}, state: {state} }}"),
            format!("CloseAtExit {{ declared: {{CLOSED}}, state: {state} }}"),
        ]
    };
    let open = cells("open");
    let lines = [
        &cells("empty")[..],
        &["1 1 1 1".to_owned()],
        &open,
        &["true true".to_owned()],
        &cells("closed"),
        &[default("DropAtExit"), default("CloseAtExit")],
        &[
            "is closed",
            "is empty: nothing has set it",
            "is being initialized by a thread that this one cannot wait for",
        ]
        .map(str::to_owned),
    ];
    let shown = all(&lines);
    let stdout = shown.iter().map(|line| line.replace("{ declared", "[ declared") + "\n").collect::<String>();
    let stdout = text("shown", &stdout.lines().collect::<Vec<_>>()).replace("[ declared", "{ declared");
    let seen = run(&mut command(VALUES, &["shown"]));
    assert_eq!(seen, Seen { stdout, stderr: String::new(), end: End::Status(0) });
}

/// In the source of the scene, the innermost call of each line panics.
#[test]
fn a_panic_is_where_the_call_is() {
    let lines = SOURCE.lines().zip(1..).skip_while(|(line, _)| *line != "fn places() {");
    let tries = lines.take_while(|(line, _)| *line != "}").filter(|(line, _)| line.contains("|| _ = "));
    let places = tries.map(|(line, number)| {
        let calls = ["get()", "get_or_init(", "get_or_try_init(", "CLOSED.0", "set(", "expect("];
        let column = calls.iter().filter_map(|call| line.rfind(call)).max().expect("a call");
        format!("tests/programs/values.rs:{number}:{}\n", column + 1)
    });
    let stdout = places.collect::<String>() + " dropped\n";
    let seen = run(&mut command(VALUES, &["places"]));
    assert_eq!(seen, Seen { stdout, stderr: String::new(), end: End::Status(0) });
}

#[test]
fn close_finishes_a_value_once_and_for_good() {
    let before = ["a dropped", "true, then false", "b stopped", "b dropped", "true, then false"].map(str::to_owned);
    let last = ["c closed", "true, then false"].map(str::to_owned);
    check("closed", &all(&[&before, &last, &refused("dropped at {DROPPED} is closed"), &refused("c")]));
    check("closed_never_made", &["false false false", "abtrue", "c dropped", "b closed", "a dropped"]);
}

#[test]
fn of_threads_that_close_a_value_while_the_process_exits_one_does() {
    for _ in 0..times(100) {
        let seen = run(&mut command(VALUES, &["closed_by_one"]));
        // By the exit, or by one of the threads, which may take until then.
        let lines: Vec<_> = seen.stdout.lines().collect();
        assert!([["a dropped", "true"], ["true", "a dropped"]].contains(&[lines[0], lines[1]]), "{seen:?}");
        assert_eq!((lines.len(), seen.stderr.as_str(), seen.end), (2, "", End::Status(0)));
    }
}

#[test]
fn close_returns_the_failure_and_the_value_is_closed_all_the_same() {
    let borrowed = format!("in use: dropped at {{DROPPED}}: {STILL_BORROWED}");
    check("closed_while_borrowed", &[&borrowed, "a is there, Some(Closed), false", "a dropped"]); // at exit, when it is free
    let stdout = [r#"fails at {FAILS}: "no luck", then false"#, "panics at {PANICS}: panicked: no luck, then false"];
    check_failing("closed_with_failure", &stdout, &["hook: no luck"], 0);
    let late = "time limit: slow at {DROPPED}: exceeded its time limit of 50ms";
    check("closed_too_slowly", &["a stopped", "a dropped", late]);
}

#[test]
fn close_waits_for_borrowers() {
    for _ in 0..times(20) {
        check("closed_when_given_back", &["a given back", "a dropped", "true"]);
    }
}

#[test]
fn an_exit_waits_for_what_another_thread_closes() {
    for _ in 0..times(20) {
        check("closed_elsewhere", &["a stopped with used", "a dropped", "used dropped"]);
    }
    let stderr = [
        "at_exit: 1 handler failed:",
        "at_exit: hangs at {VALUE}: was still being closed when the exit stopped waiting for it",
    ];
    check_failing("closed_elsewhere_for_good", &[], &stderr, 1);
}

#[test]
fn an_exit_waits_for_a_series_of_attempts_no_longer_than_for_one() {
    for _ in 0..times(10) {
        let seen = run(&mut command(VALUES, &["fails_again_and_again"]));
        assert!(seen.stdout.is_empty() && [End::Status(0), End::Status(1)].contains(&seen.end), "{seen:?}");
    }
}

/// A panic aborts the process there, so it must not come before everything is finished.
#[test]
fn where_a_panic_aborts_a_thread_that_asks_too_late_waits_for_the_end() {
    let flags = [("CARGO_PROFILE_DEV_PANIC", "abort")];
    let program = build("abort", &["-p", "atexit", "--bin", "values"], &flags).join("values");
    assert_seen(
        &mut command(&program.to_string_lossy(), &["asked_too_late"]),
        "a stopped\na dropped\nbelow dropped\n",
        "",
        End::Status(0),
    );
}

#[test]
fn a_handler_may_close_a_value_and_exit_while_it_does() {
    let stdout = ["a, b", "b dropped", "true, false"];
    check_failing("closed_in_a_handler", &stdout, &[], 6);
    for way in ["exit", "core_exit", "c_exit"] {
        check_way("exits_in_close", way, &["a exits", "other dropped"], &[], End::Status(3));
    }
}

#[test]
fn a_value_that_is_borrowed_for_two_seconds_is_left_alone_and_the_others_are_finished() {
    let stdout = ["other dropped", "last: closed"];
    let once = format!("at_exit: a at {{VALUE}}: {STILL_BORROWED}");
    let stderr = ["at_exit: 1 handler failed:", &once];
    let begun = Instant::now();
    at_once(&[
        &|| {
            let twice = "at_exit: a at {VALUE}: is still borrowed by 2 ExitRefs, so it is not finished";
            check_failing("borrowed", &stdout, &[stderr[0], twice], 1);
        },
        &|| check_way("borrowed", "exit", &stdout, &stderr, End::Status(after_failure(3, 1))),
        &|| check_way("borrowed", "core_exit", &stdout, &stderr, End::Status(3)),
        &|| check_way("borrowed", "c_exit", &stdout, &stderr, End::Status(after_failure(3, 1))),
        &|| check_way("borrowed", "signal", &stdout, &stderr, End::Signal(SIGTERM)),
        &|| check_failing("borrowed_for_good", &["last: a", "given back, false"], &stderr, 1),
        &|| check_failing("borrowed_by_a_thread", &[], &stderr, 1),
        &|| {
            let held = format!("at_exit: held at {{HELD}}: {STILL_BORROWED}");
            let stdout = ["younger dropped", "lent dropped", "older dropped"];
            check_failing("borrowed_by_another", &stdout, &[stderr[0], &held], 1);
        },
        &|| {
            let making = "at_exit: hangs at {HANGS}: was still being initialized when the exit stopped waiting for it";
            check_failing("never_initialized_for_long", &[], &[stderr[0], making], 1);
        },
    ]);
    assert!(begun.elapsed() >= Duration::from_secs(2));
}

/// The scenes that mostly wait.
fn at_once(checks: &[&(dyn Fn() + Sync)]) {
    thread::scope(|scope| checks.iter().for_each(|check| drop(scope.spawn(check))));
}

#[test]
fn the_wait_for_borrowers_ends_before_other_limits() {
    if lacks(Needs::Pace) {
        return;
    }
    let borrowed = format!("at_exit: a at {{VALUE}}: {STILL_BORROWED}");
    let stderr = ["at_exit: 1 handler failed:", &borrowed];
    check_failing("borrowed_at_deadline", &["other dropped"], &stderr, 1);
    let borrowed = format!("at_exit: a at {{BORROWED}}: {STILL_BORROWED}");
    let hangs = "at_exit: b at {HANGS}: exceeded its time limit of 1.6s";
    check_failing("limited_by_all", &["other dropped"], &["at_exit: 2 handlers failed:", &borrowed, hangs], 1);
}

#[test]
fn a_value_whose_last_reference_is_dropped_in_time_is_finished() {
    for _ in 0..times(50) {
        check("given_back", &["a given back", "a stopped", "a dropped"]);
    }
}

#[test]
fn an_exit_does_not_wait_for_references_to_a_value_that_is_kept() {
    check("kept", &["a closed", "last: a, a"]);
}

#[test]
fn while_a_value_is_finished_it_is_closed_to_all() {
    let (dropped, kept) = (refused("dropped at {DROPPED} is closed"), refused("b"));
    let end = line("a dropped");
    check("asked_while_closing", &all(&[&kept, &line("deref: b"), &dropped, &end]));
    check("asked_while_closing_elsewhere", &all(&[&kept, &dropped, &end]));
}

#[test]
fn a_value_that_cannot_be_finished_is_a_failure_and_the_others_are_finished() {
    let stderr = [
        "hook: none either",
        "Error: \"no luck\"",
        "at_exit: 2 handlers failed:",
        "at_exit: c at {PANICS}: panicked: none either",
        "at_exit: b at {FAILS}: \"no luck\"",
    ];
    check_failing("fails", &["b dropped", "a dropped"], &stderr, 1);
    let stderr = ["hook: in Drop", "at_exit: 1 handler failed:", "at_exit: {PANICS}: panicked: in Drop"];
    check_failing("panics_in_drop", &["other dropped"], &stderr, 101);
    let stderr = ["at_exit: 1 handler failed:", "at_exit: a at {CLOSED}: returned exit status 7"];
    check_failing("returns_status", &[], &stderr, 7);
}

#[test]
fn a_value_that_hangs_is_abandoned_at_its_limit_and_ends_with_the_process_at_the_deadline() {
    let stderr = [
        "at_exit: 2 handlers failed:",
        "at_exit: b at {CLOSED}: exceeded its time limit of 50ms",
        "at_exit: a at {DROPPED}: exceeded its time limit of 50ms",
    ];
    check_failing("hangs", &["true", "other dropped"], &stderr, 1);
    let stderr = [
        "at_exit: 1 handler not run before the deadline:",
        "at_exit: other at {OTHER}",
        "at_exit: 1 handler failed:",
        "at_exit: a at {HANGS}: was still running at the deadline",
    ];
    check_failing("hangs_at_deadline", &[], &stderr, 1);
}

#[test]
fn exit_in_a_closing_function_ends_that_function() {
    check_failing("exits", &["b dropped", "a dropped"], &[], 5);
    // Elsewhere C lets in only one thread at a time.
    if !one_thread_in_exit() {
        check_way("exits", "by_c", &["b dropped", "a dropped"], &[], End::Status(5));
    }
}

#[test]
fn a_closing_function_may_use_older_values_and_learns_which_are_gone() {
    let stdout = ["younger dropped", "older", "panic: younger at {YOUNGER} is closed", "older dropped"];
    let never = format!("{{NEVER}} {NOT_MADE}");
    let stderr = [
        &format!("hook: {never}"),
        "at_exit: 1 handler failed:",
        &format!("at_exit: user at {{USER}}: panicked: {never}"),
    ];
    check_failing("uses_others", &stdout, &stderr, 101);
}

#[test]
fn an_exit_waits_for_values_that_other_threads_initialize_and_finishes_them() {
    let stdout = ["another one is finished meanwhile: false", "made closed", "made dropped", "last"];
    check("initialized_meanwhile", &stdout);
    for way in ["exit", "core_exit", "c_exit"] {
        check_way("initialized_meanwhile", way, &stdout, &[], End::Status(3));
    }
    check_way("initialized_meanwhile", "signal", &stdout, &[], End::Signal(SIGTERM));
}

#[test]
fn an_initialization_that_takes_too_long_is_a_failure_and_the_rest_goes_on() {
    let stdout = [
        "other dropped",
        "last: Some(Closed)",
        "hangs: failed: in use",
        "too: failed: in use",
        "other: returned",
        "last: returned",
    ];
    let stderr = [
        "at_exit: 2 handlers failed:",
        "at_exit: hangs at {HANGS}: was still being initialized when the exit stopped waiting for it",
        "at_exit: too at {HANGS_TOO}: was still being initialized when the exit stopped waiting for it",
    ];
    check_failing("never_initialized", &stdout, &stderr, 1);
    let stderr = ["at_exit: 1 handler failed:", "at_exit: hangs at {HANGS}: was still running at the deadline"];
    check_failing("never_initialized_at_deadline", &["a run starts"], &stderr, 1);
    let stderr = [
        "at_exit: 1 handler failed:",
        "at_exit: hangs at {HANGS}: was still being initialized when the exit stopped waiting for it",
    ];
    check_failing("asked_after_the_hook", &["Some(Closed)"], &stderr, 1);
    // Elsewhere it is not known that C's `exit` is the caller.
    if TELLS_STATUS {
        check_failing("asked_before_the_hook", &["Some(Initializing)"], &stderr, 1);
    }
}

#[test]
fn a_late_value_is_finished_at_once_on_the_thread_that_made_it() {
    let told = format!("panic: dropped at {{DROPPED}} {NOT_MADE}");
    let stdout =
        ["a stopped on one", "a dropped", &told, "b closed on two", "Err(Closed)", "c dropped", "Some(Closed)"];
    let given_up = ["dropped at {DROPPED}", "{CLOSED}", "fails at {FAILS}"]
        .map(|cell| format!("at_exit: {cell}: was still being initialized when the exit stopped waiting for it"));
    let stderr = [
        "at_exit: fails at {FAILS}: \"no luck\"",
        "at_exit: 3 handlers failed:",
        &given_up[0],
        &given_up[1],
        &given_up[2],
    ];
    check_failing("too_late_initialization", &stdout, &stderr, 1);
}

#[test]
fn a_handler_waits_for_another_threads_initialization_but_not_for_long() {
    check("handler_waits", &["made", "made dropped"]);
    let hangs = refused_with("hangs at {HANGS} is still being initialized after 50ms", "Err(Initializing)");
    let stderr = [
        "at_exit: 1 handler failed:",
        "at_exit: hangs at {HANGS}: was still being initialized when the exit stopped waiting for it",
    ];
    check_failing("handler_waits_in_vain", &all(&[&hangs, &line("1 ran")]), &stderr, 1);
}

#[test]
fn threads_that_make_values_until_it_is_too_late_leave_none_behind() {
    for round in 0..times(200) {
        let (way, status) = [("", 0), ("exit", 3), ("core_exit", 3)][round % 3];
        check_way("nothing_begins", way, &["0 left behind"], &[], End::Status(status));
        let mut command = command(VALUES, &["nothing_begins_without_handlers", way]);
        let seen = run(&mut command);
        let (made, finished) = (seen.stdout.matches('+').count(), seen.stdout.matches('-').count());
        assert_eq!((made, seen.stderr.as_str(), seen.end), (finished, "", End::Status(status)));
    }
}

const INHERITED: [&str; 9] = [
    "ab",
    "child: ab, 0 pending",
    "child: false, false",
    "child: truetrue",
    "child: c, 1 pending",
    "child: c dropped",
    "parent: the child exited with 0",
    "parent: b closed",
    "parent: a dropped",
];

#[test]
fn a_forked_child_has_its_parents_value_unchanged_and_leaves_it_alone() {
    check("inherited", &INHERITED);
    let stdout = [
        "child: ab",
        "child: b closed",
        r#"child: last, Some("a")"#,
        "parent: the child exited with 0",
        "parent: a dropped",
        "parent: last, None",
    ];
    check("forked_by_a_handler", &stdout);
}

#[test]
fn so_does_one_with_its_parents_number() {
    let Some(mut command) = spawn::command_as_process_1(VALUES, &["inherited", "to_process_1"]) else { return };
    spawn::assert_seen(&mut command, &text("inherited", &INHERITED), "", End::Status(0));
}

#[test]
fn a_forked_child_initializes_what_its_parent_was_about_to() {
    let stdout =
        ["child: of its own", "child: of its own dropped", "parent: the child exited with 0", "parent: a dropped"];
    check("inherits_initialization", &stdout);
    let stdout = [
        "child: of the child, true",
        "child: of the child dropped",
        "parent: the child exited with 0",
        "parent: of the parent, true",
        "parent: of the parent dropped",
    ];
    check("forked_in_initialization", &stdout);
    let stdout =
        ["parent: Some(Closed)", "child: b", "child: b dropped", "parent: the child exited with 3", "parent: a closed"];
    check("forked_while_finishing", &stdout);
}
