//! Owns the proof that no server is left over however a test process ends, and that one is without a `DropAtExit`; runs tests in a
//! separate process, and looks for the server when that process is gone.

mod outside;
#[path = "shared.rs"] // without this, its own modules would have to be in a folder `shared`
mod shared;

use std::env;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use atexit_core::at_exit;
use outside::{Ended, Server, Tests};
use spawn::{End, command, run};

/// The tests that share a server.
const SHARED: &str = "shared::";
/// The test below that runs for as long as it is told to.
const LONG: &str = "a_long_test";

const LAZY_LOCK: Option<&str> = Some("LazyLock");
const MUTEX: Option<&str> = Some("Mutex");

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

/// Reports to the address in this variable, if it is set, that the caller has reached this point, and waits for permission to go on.
fn meet(variable: &str) -> Option<TcpStream> {
    let mut outside = TcpStream::connect(env::var(variable).ok()?).expect("somebody listens");
    writeln!(outside, "{variable}").expect("somebody reads");
    outside.read_to_end(&mut Vec::new()).expect("somebody lets them go on");
    Some(outside)
}

#[tokio::test]
async fn a_long_test() {
    shared::client().await.set("common", "value").await.expect("set");
    let _until_the_end = meet("TEST_WAITS");
    shared::client().await;
}

#[at_exit]
fn while_it_can_be_used() {
    meet("HANDLER_WAITS");
}

#[at_exit(last)]
fn when_it_is_stopped() {
    meet("LAST_HANDLER_WAITS");
}

#[test]
fn no_server_is_left_over_when_all_tests_pass() {
    let ended = Tests::start(SHARED, &[], None).end();
    ended.assert_end(End::Status(0), "test result: ok. 7 passed; 0 failed;");
    ended.server().assert_stopped();
}

#[tokio::test]
async fn a_lazy_lock_leaves_one_over_when_all_tests_pass() {
    let ended = Tests::start(SHARED, &[], LAZY_LOCK).end();
    ended.assert_end(End::Status(0), "test result: ok. 7 passed; 0 failed;");
    ended.server().assert_left_over(Some("value")).await;
}

#[test]
fn no_server_is_left_over_when_a_test_fails() {
    let ended = Tests::start(SHARED, &["TEST_FAILS"], None).end();
    ended.assert_end(End::Status(101), "test result: FAILED. 6 passed; 1 failed;");
    ended.server().assert_stopped();
}

#[tokio::test]
async fn a_lazy_lock_leaves_one_over_when_a_test_fails() {
    let ended = Tests::start(SHARED, &["TEST_FAILS"], LAZY_LOCK).end();
    ended.assert_end(End::Status(101), "test result: FAILED. 6 passed; 1 failed;");
    ended.server().assert_left_over(Some("value")).await;
}

/// Sends the signal while a test that uses the server is running.
fn interrupt(signal: i32, instead: Option<&str>) -> Server {
    let tests = Tests::start(LONG, &["TEST_WAITS"], instead);
    let _it_waits = tests.meet("TEST_WAITS");
    tests.kill(signal);
    let ended = tests.end();
    ended.assert_end(End::Signal(signal), "running 1 test");
    ended.server()
}

#[test]
fn no_server_is_left_over_at_a_signal() {
    for signal in [SIGINT, SIGTERM] {
        interrupt(signal, None).assert_stopped();
    }
}

#[tokio::test]
async fn a_lazy_lock_leaves_one_over_at_a_signal() {
    for signal in [SIGINT, SIGTERM] {
        interrupt(signal, LAZY_LOCK).assert_left_over(Some("value")).await;
    }
}

/// Sends the signal while the server starts. The start goes on when the process is exiting or, if nothing waits for it, gone.
fn interrupt_start(signal: i32, instead: Option<&str>) -> Server {
    let tests = Tests::start(LONG, &["SERVER_WAITS", "HANDLER_WAITS"], instead);
    let mut start = tests.meet("server ");
    let server = Server::new(&start.said);
    tests.kill(signal);
    tests.meet("HANDLER_WAITS").go_on();
    if instead.is_none() {
        start.go_on();
    }
    tests.end().assert_end(End::Signal(signal), "running 1 test");
    server
}

#[test]
fn no_server_is_left_over_at_a_signal_while_it_starts() {
    for signal in [SIGINT, SIGTERM] {
        interrupt_start(signal, None).assert_stopped();
    }
}

#[tokio::test]
async fn a_lazy_lock_leaves_one_over_at_a_signal_while_it_starts() {
    for signal in [SIGINT, SIGTERM] {
        interrupt_start(signal, LAZY_LOCK).assert_left_over(None).await;
    }
}

/// A test asks for the server again after it was stopped.
fn go_on_after_the_end(instead: Option<&str>) -> Ended {
    let tests = Tests::start(LONG, &["TEST_WAITS", "LAST_HANDLER_WAITS"], instead);
    let mut test = tests.meet("TEST_WAITS");
    tests.kill(SIGTERM);
    let mut handler = tests.meet("LAST_HANDLER_WAITS");
    test.go_on();
    handler.go_on();
    tests.end()
}

#[test]
fn no_server_is_started_when_one_was_stopped() {
    let ended = go_on_after_the_end(None);
    ended.assert_end(End::Signal(SIGTERM), " is closed\n");
    ended.server().assert_stopped();
}

#[tokio::test]
async fn a_mutex_has_another_one_started_and_leaves_it_over() {
    let ended = go_on_after_the_end(MUTEX);
    ended.assert_end(End::Signal(SIGTERM), "running 1 test");
    let [stopped, left_over] = ended.servers();
    stopped.assert_stopped();
    left_over.assert_left_over(None).await;
}

/// All tests pass, yet `cargo test` fails.
#[test]
fn a_server_that_is_gone_too_early_is_noticed() {
    let ended = Tests::start("shared::one_stops_the_server_if_told_to", &["TEST_STOPS_SERVER"], None).end();
    ended.assert_end(End::Status(1), "test result: ok. 1 passed; 0 failed;");
    ended.server().assert_stopped();
    let above = include_str!("server/mod.rs").lines().take_while(|line| !line.contains("DropAtExit::new")).count();
    let at = format!("examples/test_server/tests/server/mod.rs:{}", above + 1);
    let error = "the server has ended too early: exit status: 0";
    let said = format!("\nError: {error}\nat_exit: 1 handler failed:\nat_exit: {at}: {error}\n");
    assert!(ended.output.ends_with(&said), "{}", ended.output);
}

/// `cargo nextest` lists the tests of each program before it runs any.
#[test]
fn a_list_of_the_tests_starts_no_server() {
    let program = env::current_exe().expect("this program has a path");
    let seen = run(&mut command(&program.to_string_lossy(), &["--list"]));
    assert_eq!((seen.stderr.as_str(), seen.end), ("", End::Status(0)), "{seen:?}");
    assert!(seen.stdout.contains("a_list_of_the_tests_starts_no_server: test\n"), "{seen:?}");
}
