//! Owns the proof that the log is complete, with the events logged at exit, however the program ends, and empty if nothing closes it;
//! reads the file when the program is gone.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::{fs, thread};

use spawn::{End, Seen, assert_seen, command, finish, kill, run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tracing-file");

const SIGNALS: [i32; 2] = [2, 15]; // SIGINT, SIGTERM

const MORE_THAN_A_PIPE_HOLDS: usize = 4 << 20;

/// A test's own directory, with a log.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}_{}", process::id()));
        fs::create_dir_all(&root).expect("a scratch directory");
        Self(root)
    }

    /// Writes a file with this number of lines.
    fn file(&self, name: &str, lines: usize) -> String {
        let path = self.0.join(name);
        fs::write(&path, "line\n".repeat(lines)).expect("a file");
        path.display().to_string()
    }

    fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    fn program(&self, files: &[&str]) -> Command {
        let mut command = command(PROGRAM, &[]);
        command.arg(self.log()).args(files);
        command
    }

    /// Fails unless the log has exactly these lines, apart from the time at the start of each.
    #[track_caller]
    fn assert_logged(&self, expected: &[String]) {
        let log = fs::read_to_string(self.log()).expect("the program has made it");
        let lines: Vec<_> = log.lines().map(|line| line.split_once(' ').map_or("", |(_time, rest)| rest)).collect();
        assert_eq!(lines, expected);
        assert!(log.is_empty() || log.ends_with('\n'));
    }
}

/// The line for a file, logged by `main`.
fn counted(file: &str, lines: usize) -> String {
    format!(" INFO main tracing_file::counts: {file} lines={lines}")
}

/// The line that the handler logs, on the exit thread.
fn totals(files: usize, lines: usize) -> String {
    format!(" INFO at_exit tracing_file::counts: total files={files} lines={lines}")
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !thread::panicking() {
            fs::remove_dir_all(&self.0).expect("it is still there");
        }
    }
}

#[test]
fn the_log_is_complete_after_a_return() {
    let scratch = Scratch::new("return");
    let (one, other) = (scratch.file("one", 5), scratch.file("other", 0));
    assert_seen(&mut scratch.program(&[&one, &other]), "", "", End::Status(0));
    scratch.assert_logged(&[counted(&one, 5), counted(&other, 0), totals(2, 5)]);
}

#[test]
fn the_log_is_complete_after_process_exit() {
    let scratch = Scratch::new("process_exit");
    let one = scratch.file("one", 5);
    let missing = scratch.0.join("missing").display().to_string();
    assert_seen(&mut scratch.program(&[&one, &missing, &one]), "", "", End::Status(2));
    let why = fs::read(&missing).expect_err("it is missing");
    let error = format!("ERROR main tracing_file::counts: cannot read {missing}: {why}");
    scratch.assert_logged(&[counted(&one, 5), error, totals(1, 5)]);
}

#[test]
fn the_log_is_complete_after_an_error_a_panic_and_exit() {
    let scratch = Scratch::new("ways");
    let one = scratch.file("one", 5);
    for (way, said, status) in [("--error", "Error: an error\n", 1), ("--panic", "a panic\n", 101), ("--exit", "", 4)] {
        let seen = run(scratch.program(&[&one]).arg(way));
        assert!(seen.stderr.contains(said) && seen.end == End::Status(status), "{way}: {seen:?}");
        scratch.assert_logged(&[counted(&one, 5), totals(1, 5)]);
    }
}

/// Starts the program, and sends it the signal when it has counted one file and is reading the next.
fn interrupt(command: &mut Command, signal: i32) -> Seen {
    let mut child = command
        .arg("/dev/stdin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(&vec![b'\n'; MORE_THAN_A_PIPE_HOLDS]).expect("the program reads");
    kill(&child, signal);
    finish(child, command)
}

#[test]
fn the_log_is_complete_after_a_signal() {
    let scratch = Scratch::new("signal");
    let one = scratch.file("one", 5);
    for signal in SIGNALS {
        let seen = interrupt(&mut scratch.program(&[&one]), signal);
        assert_eq!((seen.stderr.as_str(), seen.end), ("", End::Signal(signal)));
        scratch.assert_logged(&[counted(&one, 5), totals(1, 5)]);
    }
}

/// The last block is unfinished, as it almost always is.
#[test]
fn many_blocks_are_complete() {
    let scratch = Scratch::new("many_blocks");
    let file = scratch.file("file", 3);
    assert_seen(&mut scratch.program(&vec![&*file; 5000]), "", "", End::Status(0));
    let size = fs::metadata(scratch.log()).expect("the program has made it").len();
    assert!(size > 3 * 64 * 1024, "{size} bytes");
    let mut expected = vec![counted(&file, 3); 5000];
    expected.push(totals(5000, 15_000));
    scratch.assert_logged(&expected);
}

/// The only block is in memory, so no line can still arrive.
#[test]
fn without_handlers_the_log_is_empty() {
    let scratch = Scratch::new("not_closed");
    let file = scratch.file("file", 3);
    for (argument, status) in
        [("--forget-handlers", 0), ("/does/not/exist", 2), ("--error", 1), ("--panic", 101), ("--exit", 4)]
    {
        let seen = run(scratch.program(&[&file]).args([argument, "--forget-handlers"]));
        assert_eq!(seen.end, End::Status(status), "{argument}: {seen:?}");
        scratch.assert_logged(&[]);
    }
    for signal in SIGNALS {
        let seen = interrupt(scratch.program(&[&file]).arg("--forget-handlers"), signal);
        assert_eq!((seen.stderr.as_str(), seen.end), ("", End::Signal(signal)));
        scratch.assert_logged(&[]);
    }
}

#[test]
fn a_log_that_cannot_be_written_is_a_failure() {
    let above = include_str!("../src/log.rs").lines().take_while(|line| !line.contains(".close_with(check)")).count();
    let at = format!("examples/tracing_file/src/log.rs:{}", above + 1);
    let stderr = format!(
        "Error: cannot write the end of the log\n\n    Caused by:\n        No space left on device (os error 28)\n\
         at_exit: 1 handler failed:\n\
         at_exit: log at {at}: cannot write the end of the log …\n"
    );
    assert_seen(&mut command(PROGRAM, &["/dev/full"]), "", &stderr, End::Status(1));
}

#[test]
fn a_wrong_command_line_is_an_error() {
    let usage = "usage: tracing-file [--forget-handlers] [--error | --panic | --exit] LOG FILE...";
    for (arguments, complaint) in [(&[][..], "there is no log"), (&["--help"], "there is no option --help")] {
        assert_seen(&mut command(PROGRAM, arguments), "", &format!("Error: {complaint}\n{usage}\n"), End::Status(1));
    }
}
