//! Owns the output of the single-file examples, the programs that the documentation shows.

use std::path::PathBuf;
use std::sync::OnceLock;

use spawn::{End, assert_seen, build, command};

fn example(name: &str) -> String {
    // `cargo test --test examples` does not build the examples, so this does.
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| build("examples", &["-p", "atexit", "--examples"], &[]).join("examples"));
    folder.join(name).to_string_lossy().into_owned()
}

#[track_caller]
fn check(name: &str, args: &[&str], stdout: &str, end: End) {
    assert_seen(&mut command(&example(name), args), stdout, "", end);
}

#[test]
fn arguments() {
    check("arguments", &[], "main\nmy_cleanup(second)\nmy_cleanup(first)\n", End::Status(0));
}

/// The last line would be missing if the guard were not dropped, or dropped before the handler.
#[test]
fn log_guard() {
    check("log_guard", &[], " INFO log_guard: main\n INFO log_guard: cleaned up\n", End::Status(0));
}

#[test]
fn simple() {
    check("simple", &[], "Registering\nRegistered\nall_done()\n", End::Status(0));
}

#[test]
fn multiple() {
    let expected = "my_cleanup(third)\nmy_cleanup(second)\nmy_cleanup(first)\n";
    check("multiple", &[], expected, End::Status(0));
    check("multiple", &["calls"], expected, End::Status(0));
}

#[test]
fn signal() {
    let expected = "\
PARENT: Starting child...
CHILD: Registering atexit handler
CHILD: Pausing to wait for signal
PARENT: Signaling child
PARENT: Child died by signal Some(15)
";
    check("signal_parent", &[], expected, End::Status(0));
}

#[test]
fn os_exit() {
    check("os_exit", &[], "Registering\nRegistered\nExiting...\n", End::Status(0));
}

#[test]
fn sys_exit() {
    check("sys_exit", &[], "Registering\nRegistered\nExiting...\nall_done()\n", End::Status(0));
}

#[test]
fn fatal() {
    check("fatal", &[], "Registering\nRegistered\n", End::Signal(6));
}

#[test]
fn exception() {
    let seen = spawn::run(&mut command(&example("exception"), &[]));
    // Keeps the place of each panic, without the number that the system gave the thread.
    let panics = seen.stderr.matches("panicked at examples/exception.rs:10:5:\n").count();
    assert_eq!((seen.stdout.as_str(), panics, seen.end), ("", 2, End::Status(101)));
    let summary = "\
at_exit: 2 handlers failed:
at_exit: exit_with_exception(\"Registered second\") at examples/exception.rs:8: panicked: Registered second
at_exit: exit_with_exception(\"Registered first\") at examples/exception.rs:7: panicked: Registered first
";
    assert!(seen.stderr.ends_with(summary), "{}", seen.stderr);
}

#[test]
fn hangs() {
    let seen = spawn::run(&mut command(&example("hangs"), &[]));
    let (notice, rest) = seen.stderr.split_once('\n').unwrap_or_default();
    let handler = "at_exit: send_queue at examples/hangs.rs:12";
    assert!(notice.starts_with(&format!("{handler} has been running for 1")), "{seen:?}");
    let summary = format!("at_exit: 1 handler failed:\n{handler}: was still running at the deadline\n");
    assert_eq!((seen.stdout.as_str(), rest, seen.end), ("", summary.as_str(), End::Status(1)));
}
