//! Owns what signals do after `signals::install()`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

use spawn::{End, Seen, command, finish, kill};

const SIGNALS: &str = env!("CARGO_BIN_EXE_signals");

/// A program that plays a scene, and has said that it is ready.
struct Ready {
    command: Command,
    child: Child,
    /// Never written to; while it is open, the program waits.
    #[expect(dead_code, reason = "to be dropped at the end")]
    stdin: Option<ChildStdin>,
}

fn start(scene: &str) -> Ready {
    let mut command = command(SIGNALS, &[scene]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let stdin = child.stdin.take();
    let mut ready = Ready { command, child, stdin };
    ready.wait_for("ready");
    ready
}

impl Ready {
    /// Reads one line of standard output, byte by byte: what follows is for `end`.
    fn wait_for(&mut self, line: &str) {
        let stdout = self.child.stdout.as_mut().expect("piped");
        let mut seen = String::new();
        BufReader::with_capacity(1, stdout).read_line(&mut seen).expect("a pipe can be read");
        assert_eq!(seen.trim_end(), line);
    }

    fn kill(&self, signal: i32) {
        kill(&self.child, signal);
    }

    fn end(self) -> Seen {
        finish(self.child, &self.command)
    }

    #[track_caller]
    fn assert_end(self, stdout: &str, stderr: &str, end: End) {
        assert_eq!(self.end(), Seen { stdout: stdout.into(), stderr: stderr.into(), end });
    }
}

#[test]
fn handlers_run_and_the_process_dies_by_the_signal() {
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGUSR1] {
        let program = start("waits");
        program.kill(signal);
        program.assert_end("", &format!("Some(Signal({signal})) on at_exit\n"), End::Signal(signal));
    }
}

#[test]
fn a_signal_that_was_not_installed_kills_at_once() {
    let program = start("waits");
    program.kill(libc::SIGUSR2);
    program.assert_end("", "", End::Signal(libc::SIGUSR2));
}

#[test]
fn a_process_may_send_itself_the_signal() {
    start("kills_itself").assert_end("", "Some(Signal(15)) on at_exit\n", End::Signal(15));
}

#[test]
fn a_thread_that_holds_stdout_does_not_prevent_it() {
    let program = start("holds_stdout");
    program.kill(15);
    program.assert_end("", "Some(Signal(15)) on at_exit\n", End::Signal(15));
    let program = start("holds_stdout_and_prints");
    program.kill(15);
    let seen = program.end();
    assert!(seen.stderr.starts_with("the next one\nat_exit: 1 handler failed:\nat_exit: prints at "), "{seen:?}");
    assert!(seen.stderr.ends_with(": exceeded its time limit of 2s\n"), "{seen:?}");
    assert_eq!(seen.end, End::Signal(15));
}

#[test]
fn an_ignored_signal_stays_ignored() {
    let program = start("ignored");
    program.kill(libc::SIGHUP);
    program.kill(libc::SIGPIPE);
    program.kill(libc::SIGTERM);
    program.assert_end("", "Some(Signal(15)) on at_exit\n", End::Signal(15));
}

#[test]
fn a_handler_of_the_programs_own_keeps_its_say() {
    let program = start("own_handler");
    program.kill(15);
    program.assert_end("", "the program's own handler ran: true\n", End::Signal(15));
}

#[test]
fn a_second_signal_kills_at_once() {
    for second in [libc::SIGTERM, libc::SIGINT] {
        let mut program = start("hangs");
        program.kill(15);
        program.wait_for("hangs");
        program.kill(second);
        program.assert_end("", "", End::Signal(second));
    }
}

#[test]
fn exit_inside_a_handler_beats_the_signal() {
    let program = start("exits");
    program.kill(15);
    program.assert_end("", "the rest\n", End::Status(9));
}

#[test]
fn a_failure_does_not() {
    let program = start("fails");
    program.kill(15);
    let seen = program.end();
    assert!(seen.stderr.starts_with("Error: \"bad\"\nat_exit: 1 handler failed:\n"), "{seen:?}");
    assert_eq!(seen.end, End::Signal(15));
}

#[test]
fn there_is_no_thread_to_insist_on() {
    let program = start("on_caller");
    program.kill(15);
    program.assert_end("", "Some(Signal(15)) on at_exit\n", End::Signal(15));
}

#[test]
fn a_main_that_returns_meanwhile_cuts_nothing_off() {
    let program = start("main_returns");
    program.kill(15);
    program.assert_end("", "the rest\n", End::Signal(15));
}

#[test]
fn a_signal_that_meets_an_exit_is_what_the_process_dies_by() {
    for _ in 0..20 {
        start("then_returns").assert_end("", "ran\n", End::Signal(15));
    }
    start("in_handler").assert_end("", "the rest\n", End::Signal(2));
}

#[test]
fn a_forked_child_has_the_former_dispositions_and_may_install_again() {
    let seen = |scene| spawn::run(&mut command(SIGNALS, &[scene]));
    let dies = |stderr: &str| Seen { stdout: "signal 15\n".into(), stderr: stderr.into(), end: End::Status(0) };
    assert_eq!(seen("child"), dies(""));
    assert_eq!(seen("child_installs"), dies("Some(Signal(15)) on at_exit\n"));
}
