//! Owns what signals do after `signals::install()`.

use std::ffi::CStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use atexit_core::signals::{Signal, SignalError};
use spawn::c_library::cause_in_exit;
use spawn::target::Needs;
use spawn::{End, Seen, assert_seen, build, command, finish, kill, target, tool};

const SIGNALS: &str = env!("CARGO_BIN_EXE_signals");

/// A program that plays a scene, and has reported that it is ready.
struct Ready {
    command: Command,
    child: Child,
    /// Never written to; the program waits as long as it is open.
    stdin: Option<ChildStdin>,
}

fn start(scene: &str) -> Ready {
    start_command(command(SIGNALS, &[scene]))
}

fn start_with(scene: &str, numbers: &[i32]) -> Ready {
    let mut command = command(SIGNALS, &[scene]);
    command.args(numbers.iter().map(i32::to_string));
    start_command(command)
}

fn start_command(mut command: Command) -> Ready {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let stdin = child.stdin.take();
    let mut ready = Ready { command, child, stdin };
    ready.wait_for("ready");
    ready
}

impl Ready {
    /// Reads one line of standard output, byte by byte: `end` reads the rest.
    fn wait_for(&mut self, line: &str) {
        let stdout = self.child.stdout.as_mut().expect("piped");
        let mut seen = String::new();
        BufReader::with_capacity(1, stdout).read_line(&mut seen).expect("a pipe can be read");
        assert_eq!(seen.trim_end(), line);
    }

    /// The process that started the program may need a moment before it passes signals on.
    fn wait_to_sleep(&self) {
        let stat = format!("/proc/{}/stat", self.child.id());
        while !std::fs::read_to_string(&stat).expect("Linux").contains(") S ") {
            thread::yield_now();
        }
    }

    /// Closes the stream that the program waits for.
    fn tell(&mut self) {
        self.stdin = None;
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
        let name = Signal::from_raw(signal);
        program.assert_end("", &format!("Some(Signal({name})) on at_exit\n"), End::Signal(signal));
    }
}

/// Everything that `install_for` accepts.
const ALL: [i32; 12] = [
    libc::SIGALRM,
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGPIPE,
    libc::SIGPROF,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGVTALRM,
    libc::SIGXCPU,
    libc::SIGXFSZ,
];

#[test]
fn every_supported_signal_runs_them_whoever_sends_it() {
    for signal in ALL {
        let stderr = format!("Some(Signal({})) on at_exit\n", Signal::from_raw(signal));
        let program = start_with("dies_of", &[signal]);
        program.kill(signal);
        program.assert_end("", &stderr, End::Signal(signal));
        start_with("sends_itself", &[signal]).assert_end("", &stderr, End::Signal(signal));
    }
}

#[test]
fn an_unsupported_signal_is_an_error_and_none_is_installed() {
    let end_of_range = (libc::SIGRTMIN() - 1, libc::SIGRTMAX() + 1);
    let invalid = [0, -1, i32::MIN, i32::MAX, end_of_range.0, end_of_range.1];
    let not_caught = [9, 19].map(|signal| (signal, "SIGNAL cannot be caught"));
    let faults = [6, 7, 8, 4, 11, 31, 5].map(|signal| (signal, "nothing can run after SIGNAL"));
    let no_ends = [17, 18, 20, 21, 22, 23, 28].map(|signal| (signal, "SIGNAL does not end a process"));
    let others = [libc::SIGIO, libc::SIGRTMIN(), libc::SIGRTMAX()];
    let others = others.map(|signal| (signal, "SIGNAL is not a supported signal"));
    let invalid = invalid.map(|signal| format!("Invalid(signal {signal}): {signal} is not the number of a signal\n"));
    let forbidden = [&not_caught[..], &faults, &no_ends, &others].concat().into_iter().map(|(signal, why)| {
        let name = Signal::from_raw(signal).to_string();
        format!("Forbidden({name}): {}\n", why.replace("SIGNAL", &name))
    });
    let refused: String = invalid.into_iter().chain(forbidden).collect();
    start("refused").assert_end(&refused, "", End::Signal(libc::SIGUSR1));
}

#[test]
fn a_signal_that_the_system_refuses_is_named_and_those_before_it_are_installed() {
    if target::lacks(Needs::FilteredSystemCalls) {
        return;
    }
    let refused: String = [Signal::USR1, Signal::USR2]
        .map(|signal| {
            let why = format!("the system does not let {signal} be caught: Operation not permitted (os error 1)");
            format!("Some({signal}), true: {why}\n")
        })
        .concat();
    let end = End::Signal(libc::SIGTERM);
    start("refused_by_the_system").assert_end(&refused, "Some(Signal(SIGTERM)) on at_exit\n", end);
}

#[test]
fn where_there_are_no_signals_the_error_says_so() {
    assert_eq!(SignalError::Unsupported.to_string(), "there are no signals on this platform");
}

#[test]
fn a_signal_that_was_not_installed_kills_at_once() {
    let program = start("waits");
    program.kill(libc::SIGUSR2);
    program.assert_end("", "", End::Signal(libc::SIGUSR2));
}

#[test]
fn a_program_chooses_its_signals() {
    let dies = |scene, signal: Signal, stderr: String| {
        let program = start(scene);
        program.kill(signal.as_raw());
        program.assert_end("", &stderr, End::Signal(signal.as_raw()));
    };
    let runs = |scene, signal: Signal| dies(scene, signal, format!("Some(Signal({signal})) on at_exit\n"));
    let runs_nothing = |scene, signal| dies(scene, signal, String::new());
    runs("chooses", Signal::TERM);
    runs("chooses", Signal::USR1);
    runs_nothing("chooses", Signal::USR2);
    runs_nothing("chooses", Signal::QUIT);
    runs("chooses_one", Signal::USR2);
    runs_nothing("chooses_one", Signal::USR1);
    runs_nothing("chooses_one", Signal::TERM);
}

#[test]
fn a_process_may_signal_itself() {
    start("kills_itself").assert_end("", "Some(Signal(SIGTERM)) on at_exit\n", End::Signal(15));
}

#[test]
fn a_thread_that_holds_stdout_does_not_prevent_it() {
    let program = start("holds_stdout");
    program.kill(15);
    program.assert_end("", "Some(Signal(SIGTERM)) on at_exit\n", End::Signal(15));
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
    program.assert_end("", "Some(Signal(SIGTERM)) on at_exit\n", End::Signal(15));
}

#[test]
fn a_program_started_by_nohup_ignores_the_end_of_its_terminal() {
    let mut shell = tool("sh", &["-c", r#"trap '' HUP; exec "$0" "$@""#]);
    shell.args(target::words(SIGNALS)).arg("waits");
    let program = start_command(shell);
    program.kill(libc::SIGHUP);
    program.kill(libc::SIGTERM);
    program.assert_end("", "Some(Signal(SIGTERM)) on at_exit\n", End::Signal(15));
}

#[test]
fn a_signal_handler_of_the_program_is_still_called() {
    let program = start("own_handler");
    program.kill(15);
    program.assert_end("", "the program's own handler ran: true\n", End::Signal(15));
    start("own_handler_is_told_more").assert_end("", "it was told the sender: true\n", End::Signal(15));
    let program = start("own_handlers_by_signal_hook");
    program.kill(15);
    program.assert_end("", "the program's own handlers ran: 12\n", End::Signal(15));
}

#[test]
fn signals_are_shared_with_other_crates() {
    let program = build("signal_crates", &["-p", "signal_crates"], &[]).join("signal_crates");
    let start = |scene| start_command(command(&program.to_string_lossy(), &[scene]));
    let ends = |scene, stderr: &str, end| {
        let program = start(scene);
        program.kill(libc::SIGINT);
        program.assert_end("", stderr, end);
    };
    // Both get the signal, whichever was first.
    for scene in ["ctrlc_before", "tokio_before", "tokio_after"] {
        ends(scene, "Some(Signal(SIGINT))\n", End::Signal(libc::SIGINT));
    }
    // But `ctrlc` replaces what it finds, and is replaced by a later `install`.
    ends("ctrlc_between", "Some(Signal(SIGINT))\n", End::Signal(libc::SIGINT));
    ends("ctrlc_after", &(cause_in_exit(7) + "\n"), End::Status(7));
    let seen = spawn::run(&mut command(&program.to_string_lossy(), &["ctrlc_tries"]));
    assert_eq!(seen.stdout, "MultipleHandlers\n");
    // A program with an orderly shutdown leaves the signal out.
    let stderr = format!("all requests are answered\n{}\n", cause_in_exit(0));
    ends("tokio_alone", &stderr, End::Status(0));
}

#[test]
fn a_signal_handler_that_the_program_sets_afterwards_replaces_the_installed_one() {
    let stderr = format!("the program's own handler ran: true, {}\n", cause_in_exit(0));
    start("own_handler_afterwards").assert_end("", &stderr, End::Status(0));
    let program = start("own_handler_between");
    program.kill(15);
    let stderr = "the program's own handler ran: false, Some(Signal(SIGTERM))\n";
    program.assert_end("", stderr, End::Signal(15));
}

#[test]
fn a_second_signal_a_second_later_kills_at_once() {
    for second in [libc::SIGTERM, libc::SIGINT] {
        let mut program = start("hangs");
        program.kill(15);
        program.wait_for("hangs");
        thread::sleep(Duration::from_millis(1100)); // this is what is promised
        program.kill(second);
        program.assert_end("", "", End::Signal(second));
    }
}

/// `timeout`, terminals and package runners repeat signals; some init systems send SIGTERM, and then SIGHUP.
#[test]
fn a_signal_that_repeats_the_first_within_a_second_loses_nothing() {
    thread::scope(|scope| {
        for milliseconds in [0, 1, 10, 100, 300, 600, 900] {
            let in_time = move |_| is_repeated_after(Duration::from_millis(milliseconds));
            scope.spawn(move || assert!((0..5).any(in_time), "this machine is too slow for {milliseconds} ms"));
        }
    });
}

/// `false` if this test was too slow to send the signal in time.
fn is_repeated_after(time: Duration) -> bool {
    let mut program = start("hangs_until_told");
    let first = Instant::now();
    program.kill(15);
    program.wait_for("waits");
    thread::sleep(time.saturating_sub(first.elapsed())); // this is what is tested
    for signal in [15, 2, 1] {
        program.kill(signal);
    }
    if first.elapsed() > Duration::from_millis(950) {
        return false;
    }
    program.tell();
    program.assert_end("", "the rest\n", End::Signal(15));
    true
}

#[test]
fn timeout_sends_its_signal_twice() {
    for _ in 0..target::times(20) {
        let mut timeout = tool("timeout", &["1000"]);
        timeout.args(target::words(SIGNALS)).arg("hangs_until_told");
        let mut program = start_command(timeout);
        program.wait_to_sleep();
        program.kill(15);
        program.wait_for("waits");
        program.tell();
        program.assert_end("", "the rest\n", End::Signal(15));
    }
}

/// The shell sends SIGHUP to its children, and the kernel does so when the shell has ended.
#[test]
fn a_terminal_that_closes_sends_its_signal_twice() {
    for _ in 0..target::times(10) {
        let (terminal, mut shell) = start_shell();
        writeln!(&terminal, "{} outlives_its_parent 2>&1", target::words(SIGNALS).join(" ")).expect("the shell reads");
        let mut stdout = BufReader::new(shell.stdout.take().expect("piped"));
        let mut seen = String::new();
        stdout.read_line(&mut seen).expect("a pipe can be read");
        drop(terminal);
        stdout.read_to_string(&mut seen).expect("a pipe can be read");
        shell.wait().expect("the shell ends");
        assert_eq!(seen, "ready\nthe rest\n");
    }
}

/// An interactive shell, and the other end of its terminal.
fn start_shell() -> (File, Child) {
    let mut name = [0; 64];
    // SAFETY: POSIX: nobody else owns the descriptor, no other child inherits it, and the name fits, or it is an error.
    let (ours, name) = unsafe {
        let ours = File::from_raw_fd(libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC));
        assert_eq!(libc::unlockpt(ours.as_raw_fd()), 0);
        assert_eq!(libc::ptsname_r(ours.as_raw_fd(), name.as_mut_ptr(), name.len()), 0);
        (ours, CStr::from_ptr(name.as_ptr()).to_str().expect("a path"))
    };
    let theirs = File::options().read(true).write(true).custom_flags(libc::O_NOCTTY).open(name).expect("opened");
    let mut shell = Command::new("bash");
    shell.args(["--norc", "--noprofile", "--noediting", "-i"]);
    shell.stdin(theirs.try_clone().expect("a descriptor")).stdout(Stdio::piped()).stderr(theirs);
    // SAFETY: POSIX and Linux: both are just system calls.
    let shell = unsafe {
        shell.pre_exec(|| {
            libc::setsid();
            libc::ioctl(0, libc::TIOCSCTTY, 0);
            Ok(())
        })
    };
    (ours, shell.spawn().expect("it starts"))
}

#[test]
fn a_program_sets_how_long_repeats_are_ignored_and_the_latest_setting_counts() {
    let hour = 3_600_000;
    for (installed, is_repeat) in [(&[0][..], false), (&[hour, 0], false), (&[0, hour], true)] {
        let mut program = start_with("hangs_until_told", installed);
        program.kill(15);
        program.wait_for("waits");
        program.kill(2);
        if is_repeat {
            program.tell();
            program.assert_end("", "the rest\n", End::Signal(15));
        } else {
            program.assert_end("", "", End::Signal(2));
        }
    }
    let mut program = start_with("hangs_until_told", &[hour]);
    program.kill(15);
    program.wait_for("waits");
    thread::sleep(Duration::from_millis(1100)); // the default is over by then
    program.kill(2);
    program.tell();
    program.assert_end("", "the rest\n", End::Signal(15));
}

#[test]
fn a_former_handler_that_restores_the_default_and_raises_the_signal_again_loses_nothing() {
    let program = start("restores_the_default");
    program.kill(15);
    program.assert_end("", "the program's own\nthe rest\n", End::Signal(15));
}

#[test]
fn a_program_that_closes_all_descriptors_still_gets_signals_and_its_files_do_not() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("somebodys_file");
    std::fs::write(&file, "").expect("written");
    let program = start_command(command(SIGNALS, &["closes_descriptors", &file.to_string_lossy()]));
    program.kill(15);
    program.assert_end("", "Some(Signal(SIGTERM)) on at_exit\n", End::Signal(15));
    assert_eq!(std::fs::read_to_string(&file).expect("read"), "");
}

#[test]
fn process_1_ends_with_the_status_that_a_shell_would_report() {
    let Some(mut command) = spawn::command_as_process_1(SIGNALS, &["raises"]) else { return };
    let seen = spawn::run(&mut command);
    assert_eq!((seen.stderr.as_str(), seen.end), ("the rest\n", End::Status(128 + 15)), "{seen:?}");
}

#[test]
fn exit_inside_a_handler_beats_the_signal() {
    let program = start("exits");
    program.kill(15);
    program.assert_end("", "the rest\n", End::Status(9));
}

#[test]
fn so_does_exit_if_the_signal_arrives_during_an_exit() {
    for scene in ["in_handler_that_exits", "in_handler_that_exits_by_exit"] {
        start(scene).assert_end("", "the rest\n", End::Status(9));
    }
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
fn nor_does_the_deadline() {
    if target::lacks(target::Needs::Pace) {
        return;
    }
    let source = include_str!("programs/signals.rs");
    let at = |text: &str| source.lines().take_while(|line| !line.contains(text)).count() + 1;
    let stderr = format!(
        "at_exit: 1 handler not run before the deadline:\nat_exit: never at tests/programs/signals.rs:{}\n\
         at_exit: 1 handler failed:\nat_exit: hangs at tests/programs/signals.rs:{}: was still running at the deadline\n",
        at(r#"name("never")"#),
        at(r#"name("hangs")"#)
    );
    let program = start("deadline");
    program.kill(15);
    program.assert_end("", &stderr, End::Signal(15));
}

#[test]
fn functions_that_c_runs_at_exit_do_not_run() {
    let program = start("c_function");
    program.kill(15);
    program.assert_end("", "Some(Signal(SIGTERM)) on at_exit\n", End::Signal(15));
}

#[test]
fn a_program_may_end_by_exit_with_the_status_of_the_signal_instead() {
    let ends = |scene, stderr: &str, status| {
        let program = start(scene);
        program.kill(15);
        program.assert_end("", stderr, End::Status(status));
    };
    ends("c_function_by_exit", "Some(Signal(SIGTERM)) on at_exit\nC's function\n", 128 + 15);
    ends("by_exit_exits", "the rest\nC's function\n", 9);
    ends("by_exit_exits_with_0", "the rest\nC's function\n", 0);
    ends("by_exit_and_main_returns", "the rest\nC's function\n", 128 + 15);
    let program = start("by_exit_no_longer");
    program.kill(15);
    program.assert_end("", "Some(Signal(SIGTERM)) on at_exit\n", End::Signal(15));

    let program = start("by_exit_fails");
    program.kill(15);
    let seen = program.end();
    assert!(seen.stderr.starts_with("Error: \"bad\"\nthe rest\nat_exit: 1 handler failed:\n"), "{seen:?}");
    assert!(seen.stderr.ends_with("\nC's function\n"), "{seen:?}");
    assert_eq!(seen.end, End::Status(128 + 15));
}

#[test]
fn it_does_so_too_if_the_signal_meets_an_exit() {
    for _ in 0..target::times(20) {
        start("by_exit_then_returns").assert_end("", "the rest\nC's function\n", End::Status(128 + 15));
        let program = start("by_exit_while_c_exits");
        program.kill(15);
        let seen = program.end();
        assert_eq!((seen.stderr.as_str(), seen.end), ("the rest\nC's function\n", End::Status(128 + 15)), "{seen:?}");
    }
    start("by_exit_in_an_exit").assert_end("", "the rest\nC's function\n", End::Status(128 + 15));
    let program = start("by_exit_calls_c_exit");
    program.kill(15);
    program.assert_end("", "the rest\nC's function\n", End::Status(128 + 15));
}

/// A build with `-C instrument-coverage` writes its profile in one of C's exit functions.
#[test]
fn a_coverage_profile_is_written_then() {
    let nowhere = ("LLVM_PROFILE_FILE", "/dev/null"); // what macros write inside the compiler
    let flags = ("RUSTFLAGS", "-C instrument-coverage");
    let folder = build("coverage", &["-p", "atexit", "--bin", "signals"], &[flags, nowhere]);
    for (scene, writes, end) in
        [("c_function_by_exit", true, End::Status(128 + 15)), ("c_function", false, End::Signal(15))]
    {
        let profile = folder.join(scene).with_extension("profraw");
        let _ = std::fs::remove_file(&profile);
        let mut command = command(&folder.join("signals").to_string_lossy(), &[scene]);
        command.env("LLVM_PROFILE_FILE", &profile);
        let program = start_command(command);
        program.kill(15);
        assert_eq!(program.end().end, end);
        assert_eq!(profile.metadata().is_ok_and(|profile| profile.len() > 0), writes, "{scene}");
    }
}

#[test]
fn a_signal_waits_for_a_run_that_the_program_has_called() {
    start("during_run").assert_end("", "the rest: Some(Run)\nlate: Some(Signal(SIGTERM))\n", End::Signal(15));
}

#[test]
fn with_panic_abort_exit_inside_a_handler_beats_the_signal_too() {
    let folder = build("abort", &["-p", "atexit", "--bin", "signals"], &[("CARGO_PROFILE_DEV_PANIC", "abort")]);
    let program = start_command(command(&folder.join("signals").to_string_lossy(), &["exits"]));
    program.kill(15);
    program.assert_end("", "the rest\n", End::Status(9));
}

#[test]
fn after_a_signal_caller_thread_handlers_run_on_the_exit_thread() {
    let program = start("on_caller");
    program.kill(15);
    program.assert_end("", "Some(Signal(SIGTERM)) on at_exit\n", End::Signal(15));
}

#[test]
fn a_main_that_returns_meanwhile_cuts_nothing_off() {
    let program = start("main_returns");
    program.kill(15);
    program.assert_end("", "the rest\n", End::Signal(15));
}

#[test]
fn a_process_dies_by_a_signal_that_meets_its_exit() {
    for _ in 0..target::times(20) {
        start("then_returns").assert_end("", "ran\n", End::Signal(15));
    }
    start("in_handler").assert_end("", "the rest\n", End::Signal(2));
    start("in_handler_twice").assert_end("", "goes on\n", End::Signal(15));
}

#[test]
fn a_forked_child_has_the_former_dispositions_and_may_install_again() {
    let seen = |scene| spawn::run(&mut command(SIGNALS, &[scene]));
    let dies = |stderr: &str| Seen { stdout: "signal 15\n".into(), stderr: stderr.into(), end: End::Status(0) };
    assert_eq!(seen("child"), dies(""));
    assert_eq!(seen("child_installs"), dies("Some(Signal(SIGTERM)) on at_exit\n"));
    assert_eq!(seen("child_past_fork"), dies(""));
    let stderr = "the program's own handler ran: true\n";
    assert_eq!(
        seen("child_with_own_handler"),
        Seen { stdout: String::new(), stderr: stderr.into(), end: End::Status(0) }
    );
}

#[test]
fn a_forked_child_with_its_parents_number_may_install_again() {
    let Some(mut command) = spawn::command_as_process_1(SIGNALS, &["child_installs_as_process_1"]) else { return };
    let stderr = "Some(Signal(SIGTERM)) on at_exit\n";
    assert_seen(&mut command, "status 143\n", stderr, End::Status(0));
}
