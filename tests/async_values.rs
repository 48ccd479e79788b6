//! Owns the promises about values that futures initialize, and about those that a future closes, checked by running programs to the end; must
//! not know how a future waits for another one.

use spawn::{End, assert_seen, build, command};

const ASYNC_VALUES: &str = env!("CARGO_BIN_EXE_async_values");

#[track_caller]
fn check(scene: &str, stdout: &str, stderr: &str, status: i32) {
    assert_seen(&mut command(ASYNC_VALUES, &[scene]), stdout, stderr, End::Status(status));
}

/// The same program without the feature `tokio`, which building all packages together enables.
#[track_caller]
fn check_without_tokio_too(scene: &str, stdout: &str, stderr: &str, status: i32) {
    check(scene, stdout, stderr, status);
    let alone = build("alone", &["-p", "atexit", "--bin", "async_values"], &[]).join("async_values");
    assert_seen(&mut command(&alone.to_string_lossy(), &[scene]), stdout, stderr, End::Status(status));
}

/// The place of this text in `async_values`.
fn at(text: &str) -> String {
    let program = include_str!("programs/async_values.rs");
    let line = program.lines().take_while(|line| !line.contains(text)).count() + 1;
    format!("tests/programs/async_values.rs:{line}")
}

fn value() -> String {
    format!("value at {}", at("static VALUE"))
}

#[test]
fn a_future_initializes_a_value_inside_a_handler() {
    let stdout = "made\nthe first one has value\nthe later one has value\nvalue is dropped\n";
    check_without_tokio_too("in_handlers", stdout, "", 0);
}

#[test]
fn tasks_that_want_a_value_at_the_same_time_initialize_it_once() {
    let stdout = "made\na task has value\na task has value\na task has Ok(\"value\")\nvalue is dropped\n";
    check("current_thread", stdout, "", 0);
    check("multi_thread", stdout, "", 0);
}

#[test]
fn a_future_that_is_dropped_halfway_leaves_the_value_to_the_next() {
    let stdout = "begun\ndropped: Err(Empty)\nmade\nthe next one has value\nvalue is dropped\n";
    check("dropped_half_way", stdout, "", 0);
    let stdout = "begun\naborted: true\na task has value\na thread has value\nmade: 1\nvalue is dropped\n";
    check("aborted", stdout, "", 0);
}

#[test]
fn a_future_that_fails_or_panics_leaves_the_value_to_the_next() {
    let stdout = "Err(\"no space\")\npanicked: true\nmade\nthe next one has value\nvalue is dropped\n";
    check("fails", stdout, "panicked: no time\n", 0);
}

#[test]
fn an_exit_does_not_wait_for_a_future_that_nobody_polls() {
    let stdout = "begun\nsuspended: true\nthe handler has Ok(\"other\")\nother is dropped\n";
    check("suspended_without_runtime", stdout, "", 0);
}

#[test]
fn a_future_does_not_go_on_once_an_exit_finishes_values() {
    let stdout = "other is dropped\nwhat the future has is dropped\npanicked: true\nErr(Closed)\n";
    let stderr = format!("panicked: {} was never initialized, and the process is exiting\n", value());
    check("suspended", stdout, &stderr, 0);
}

#[test]
fn an_exit_waits_for_a_future_that_is_being_polled_and_finishes_a_late_value_at_once() {
    check("polled", "the handler\nmade\nvalue is dropped\n", "", 0);
    let late = format!("late at {}", at("static LATE"));
    let stderr = format!(
        "panicked: {late} was never initialized, and the process is exiting\n\
         at_exit: 1 handler failed:\nat_exit: {late}: was still being initialized when the exit stopped waiting for it\n"
    );
    check("polled_for_too_long", "other is dropped\nlate is dropped\npanicked: true\n", &stderr, 1);
}

#[test]
fn a_future_that_waits_for_itself_panics() {
    let stderr = format!("panicked: {} is used by its own initialization\n", value());
    check("asks_for_itself", "panicked: true\n", &stderr, 0);
}

#[test]
fn a_thread_that_has_to_poll_the_future_is_not_blocked() {
    let stdout = "blocked: false\ntried: true\nset: false\nanother is dropped\nopen: false\nclosed: false\nmade\n\
                  the task has value\nvalue is dropped\n";
    let stderr = format!(
        "panicked: {} is being initialized by a future on this thread, which cannot go on while the thread waits: use \
         get_or_init_async\n",
        value()
    );
    check("blocks_its_own_thread", stdout, &stderr, 0);
}

#[test]
fn another_thread_waits_for_the_future() {
    check("blocks_another_thread", "made\nthe task has value\nthe thread has value\nvalue is dropped\n", "", 0);
}

#[test]
fn a_future_closes_a_value_at_exit() {
    let stdout = "dropped is closed on at_exit\nclosed is closed on at_exit\nfails is closed on at_exit\n";
    let stderr = format!(
        "Error: \"no space\"\nat_exit: 1 handler failed:\nat_exit: fails at {}: \"no space\"\n",
        at("static FAILS")
    );
    check_without_tokio_too("closed_at_exit", stdout, &stderr, 1);
}

#[test]
fn closing_a_value_early_drives_the_future_on_a_thread_that_drives_no_other() {
    let stdout = "dropped is closed on at_exit\nclosed is closed on at_exit\nOk(true), Ok(true)\n\
                  fails is closed on at_exit\nErr(\"\\\"no space\\\"\")\nOk(false)\n";
    check_without_tokio_too("closed_in_runtime", stdout, "", 0);
    let stdout = "closed on the thread of the handler: true\nblocking: true\n\
                  closed on the thread of the handler: false\nasync: true\n";
    check_without_tokio_too("closed_in_handlers", stdout, "", 0);
}

#[test]
fn a_waker_may_do_anything() {
    let stdout =
        "begun\nPending\nPending, Pending\nwoken: 1, 1\nReady(\"value\"), Ready(\"value\")\nvalue is dropped\n";
    check("waker_panics", stdout, "panicked: a waker\n", 0);
    let stdout = "begun\nPending\nPending\nthe waker has value\nwoken: 1\nReady(\"value\")\nvalue is dropped\n";
    check("waker_makes_it", stdout, "", 0);
    // Cloning, waking and dropping it each register a handler, which no lock may prevent.
    let registered = "dropped\ndropped\ncloned\ndropped\ncloned\nwoken\nwoken\ndropped\ncloned\ncloned\ncloned\n";
    let stdout = format!(
        "begun\nPending\nPending, Pending\nPending\nReady(\"value\"), Ready(\"value\")\n{registered}value is dropped\n"
    );
    check("waker_registers", &stdout, "", 0);
}

#[test]
fn a_future_that_closes_a_value_early_is_abandoned_at_its_time_limit() {
    let stdout = "Err(\"exceeded its time limit of 50ms\")\n";
    check_without_tokio_too("closed_for_too_long", stdout, "", 0);
}

#[test]
fn an_async_handler_does_not_wait_for_a_value_forever() {
    let slow = at("static SLOW: DropAtExit");
    let message = format!("slow at {slow} is still being initialized after 50ms");
    let handler = at("register_async(async || _ = SLOW");
    let stderr = format!(
        "panicked: {message}\nat_exit: 1 handler failed:\nat_exit: closure in async_values::awaited_in_vain at {handler}: panicked: {message}\n"
    );
    check_without_tokio_too("awaited_in_vain", "", &stderr, 101);
}
