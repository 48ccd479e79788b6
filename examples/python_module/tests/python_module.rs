//! Owns the proof of what becomes of the events, of the handlers and of the status, whichever way Python ends; looks from outside.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, io};

use spawn::{End, Seen, cannot_run, finish, kill, run, tool};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/program.py");

/// What is on standard output when Python has finalized itself and then called C's `exit`.
const GONE: &str = "Python's atexit\nown: Python is gone\nshared: Python is gone\n";
/// When it has finalized itself, and not called C's `exit`.
const PYTHON: &str = "Python's atexit\n";
/// When C's `exit` was called while Python was still there.
const ALIVE: &str = "own: Python is alive\nshared: Python is alive\n";
/// When the process has ended without either.
const NONE: &str = "";

const FULL: &str = "/dev/full"; // where nothing can be written

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

/// A way out that the program takes by itself: what is on standard output and error, the status, and what is in the file.
type Way = (&'static str, &'static str, &'static str, i32, &'static str);

#[rustfmt::skip]
const WAYS: [Way; 9] = [
    ("return",          GONE,  "",                                  0, "main\n"),
    ("sys-exit",        GONE,  "",                                  3, "main\n"),
    ("error",           GONE,  "ValueError: it ends by an error\n", 1, "main\n"),
    ("os-exit",         NONE,  "",                                  4, ""),
    ("exit",            ALIVE, "",                                  5, "main\n"),
    ("thread",          GONE,  "",                                  0, "main\nthread\n"),
    ("thread-sys-exit", GONE,  "",                                  0, "main\n"), // it ends the thread alone
    ("thread-exit",     ALIVE, "",                                  5, "main\n"),
    ("late",            GONE,  "",                                  0, "main\nlate\n"),
];

/// The same by a signal.
type Signal = (&'static str, i32, &'static str, &'static str, End, &'static str);

#[rustfmt::skip]
const SIGNALS: [Signal; 5] = [
    ("sigterm",         SIGTERM, NONE,   "",                    End::Signal(SIGTERM), ""),
    ("sigterm-handled", SIGTERM, GONE,   "",                    End::Status(143),     "main\n"),
    ("ctrl-c",          SIGINT,  PYTHON, "KeyboardInterrupt\n", End::Signal(SIGINT),  ""),
    ("ctrl-c-caught",   SIGINT,  GONE,   "",                    End::Status(130),     "main\n"),
    ("ctrl-c-flushed",  SIGINT,  PYTHON, "KeyboardInterrupt\n", End::Signal(SIGINT),  "main\n"),
];

/// A process of `multiprocessing`: who runs which handlers, what is in the file of the program, and in that of the other.
type Worker = (&'static str, &'static str, &'static str, Option<&'static str>);

#[rustfmt::skip]
const WORKERS: [Worker; 6] = [
    ("worker-fork",        "worker: 0\n",                         "main\n",         None),
    ("worker-forkserver",  "worker: 0\n",                         "main\n",         Some("")),
    ("worker-spawn",       "worker: Python is gone\nworker: 0\n", "main\n",         Some("worker\n")),
    ("flushed-fork",       "worker: 0\n",                         "main\nworker\n", None),
    ("flushed-forkserver", "worker: 0\n",                         "main\n",         Some("worker\n")),
    ("flushed-spawn",      "worker: Python is gone\nworker: 0\n", "main\n",         Some("worker\n")),
];

/// The folder where Python finds the module: that of this test, for which cargo has built both.
fn module_folder() -> PathBuf {
    let test = env::current_exe().expect("this program has a path");
    let library = test.with_file_name("libevents.so");
    assert!(library.exists(), "cargo has built no {}", library.display());
    // A link, as a copy could be of an earlier build, and in use.
    if let Err(error) = symlink("libevents.so", test.with_file_name("events.abi3.so")) {
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{error}");
    }
    test.with_file_name("")
}

/// Whether there is a Python that can load the module. If not, says so.
fn has_python() -> bool {
    let found = tool("python3", &["-c", "import sys; sys.exit(sys.version_info < (3, 9))"]).status();
    let has = found.is_ok_and(|status| status.success());
    if !has {
        cannot_run("there is no python3, or it is older than 3.9");
    }
    has
}

/// The program, and the file that its events go to.
struct Program {
    command: Command,
    file: PathBuf,
}

impl Program {
    fn new(way: &str) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0); // tests that run at once have files of their own
        let name = format!("python_module_{}_{}", process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        Self::with_file(way, &Path::new(env!("CARGO_TARGET_TMPDIR")).join(name))
    }

    fn with_file(way: &str, file: &Path) -> Self {
        let mut command = tool("python3", &[PROGRAM, way]);
        command.arg(file).env_remove("ONCE_LOCK").env("PYTHONPATH", module_folder());
        Self { command, file: file.to_owned() }
    }

    fn without_library(mut self) -> Self {
        self.command.env("ONCE_LOCK", "1");
        self
    }

    fn run(&mut self) -> Seen {
        run(&mut self.command)
    }

    /// Runs it until it waits, and sends it a signal, before its standard input ends.
    fn interrupt(&mut self, signal: i32) -> Seen {
        let piped = self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("python3 starts");
        let mut line = String::new();
        BufReader::with_capacity(1, child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("a line");
        assert_eq!(line, "ready\n");
        kill(&child, signal);
        drop(child.stdin.take());
        finish(child, &self.command)
    }

    /// What is in the file, which is deleted.
    fn events(&self) -> String {
        take(&self.file).expect("the program has opened it")
    }

    /// Fails unless the program did exactly this, and these events are in its file.
    #[track_caller]
    fn assert(&self, saw: &Seen, expected: &Seen, events: &str) {
        assert_eq!((saw, self.events().as_str()), (expected, events), "{:?}", self.command);
    }

    /// What is in the file of the other process, if it has opened one.
    fn events_of_worker(&self) -> Option<String> {
        take(&self.file.with_extension("worker"))
    }
}

fn take(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    fs::remove_file(file).expect("it can be deleted");
    Some(text)
}

fn seen(stdout: &str, stderr: &str, end: End) -> Seen {
    Seen { stdout: stdout.into(), stderr: stderr.into(), end }
}

#[test]
fn events_are_written_on_every_way_through_the_exit_of_c() {
    if !has_python() {
        return;
    }
    for (way, stdout, stderr, status, events) in WAYS {
        let mut program = Program::new(way);
        let saw = program.run();
        program.assert(&saw, &seen(stdout, stderr, End::Status(status)), events);
    }
    for (way, signal, stdout, stderr, end, events) in SIGNALS {
        let mut program = Program::new(way);
        let saw = program.interrupt(signal);
        program.assert(&saw, &seen(stdout, stderr, end), events);
    }
}

#[test]
fn without_the_library_they_are_lost() {
    if !has_python() {
        return;
    }
    let left = |way| if way == "late" { "main\n" } else { "" }; // Python's `atexit` has flushed there, before the last event
    for (way, stdout, stderr, status, _) in WAYS {
        let mut program = Program::new(way).without_library();
        let saw = program.run();
        program.assert(&saw, &seen(stdout, stderr, End::Status(status)), left(way));
    }
    for (way, signal, status) in [("sigterm-handled", SIGTERM, 143), ("ctrl-c-caught", SIGINT, 130)] {
        let mut program = Program::new(way).without_library();
        let saw = program.interrupt(signal);
        program.assert(&saw, &seen(GONE, "", End::Status(status)), "");
    }
}

#[test]
fn a_daemon_thread_delays_nothing() {
    if !has_python() {
        return;
    }
    let mut program = Program::new("daemon");
    assert_eq!(program.run(), seen(GONE, "", End::Status(0)));
    let events = program.events();
    let of_thread = events.strip_prefix("main\n").expect("main's is the first");
    assert!(!of_thread.is_empty());
    assert_eq!(of_thread, "daemon\n".repeat(of_thread.lines().count()));
}

#[test]
fn a_forked_child_runs_shared_handlers_and_leaves_the_events_of_its_parent_alone() {
    if !has_python() {
        return;
    }
    let mut program = Program::new("fork");
    let stdout = format!("{PYTHON}shared: Python is gone\nchild: 3\n{GONE}");
    let saw = program.run();
    program.assert(&saw, &seen(&stdout, "", End::Status(0)), "main\n");
}

#[test]
fn only_spawned_workers_run_handlers_and_those_that_flush_lose_nothing() {
    if !has_python() {
        return;
    }
    for (way, said, events, of_worker) in WORKERS {
        let mut program = Program::new(way);
        let saw = program.run();
        program.assert(&saw, &seen(&format!("{said}{GONE}"), "", End::Status(0)), events);
        assert_eq!(program.events_of_worker().as_deref(), of_worker, "{way}");
    }
}

#[test]
fn a_failure_changes_only_a_status_of_0_and_none_if_the_status_is_kept() {
    if !has_python() {
        return;
    }
    let above = include_str!("../src/lib.rs").lines().take_while(|line| !line.contains("DropAtExit::empty")).count();
    let error = "Os { code: 28, kind: StorageFull, message: \"No space left on device\" }";
    let at = format!("python_module/src/lib.rs:{}", above + 1);
    let failure = format!("Error: {error}\nat_exit: 1 handler failed:\nat_exit: {at}: {error}\n");
    let ways = [
        ("return", "", 1),
        ("sys-exit", "", 3),
        ("error", "ValueError: it ends by an error\n", 1),
        ("keep-status", "", 0),
    ];
    for (way, said, status) in ways {
        let seen_there = Program::with_file(way, Path::new(FULL)).run();
        assert_eq!(seen_there, seen(GONE, &format!("{said}{failure}"), End::Status(status)), "{way}");
    }
}

#[test]
fn attaching_fails_when_python_is_gone() {
    if !has_python() {
        return;
    }
    let mut program = Program::new("attach-at-exit");
    let Seen { stdout, stderr, end } = program.run();
    assert_eq!((stdout.as_str(), end, program.events().as_str()), (GONE, End::Status(101), "main\n"));
    let failure = "The Python interpreter is not initialized"; // PyO3's words
    let summary = stderr.split_once("at_exit: 1 handler failed:\n").expect("a summary").1;
    assert!(
        summary.starts_with("at_exit: closure in events::mistakes::attach_at_exit") && summary.contains(failure),
        "{stderr}"
    );
}

#[test]
fn attaching_waits_forever_for_a_thread_that_exits_attached() {
    if !has_python() {
        return;
    }
    let mut program = Program::new("exit-attached");
    let Seen { stdout, stderr, end } = program.run();
    assert_eq!((stdout.as_str(), end, program.events().as_str()), (NONE, End::Status(1), "main\n"));
    assert_eq!(stderr.matches(": exceeded its time limit of 100ms\n").count(), 2, "{stderr}");
}

#[test]
fn a_python_object_in_a_value_is_never_finalized() {
    if !has_python() {
        return;
    }
    for (way, said) in [("object", "finalized\n"), ("object-kept", "")] {
        let mut program = Program::new(way);
        let saw = program.run();
        program.assert(&saw, &seen(&format!("{said}{GONE}"), "", End::Status(0)), "main\n");
    }
}
