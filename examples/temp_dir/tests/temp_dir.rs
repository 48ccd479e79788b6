//! Owns the proof that the directory is gone however the process ends, and that a `LazyLock` leaves it behind; looks when the
//! process is gone.

use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::{env, fs, thread};

use spawn::{End, Seen, command, finish, kill, line, run, start};

const PROGRAM: &str = env!("CARGO_BIN_EXE_temp-dir");

/// The ways out that the program takes by itself, each with its error message and its status.
const WAYS: [(&str, &str, i32); 5] = [
    ("return", "", 0),
    ("error", "Error: \"it ends with an error\"\n", 1),
    ("panic", "it ends with a panic\n", 101),
    ("process-exit", "", 3),
    ("exit", "", 4),
];

const SIGNALS: [i32; 2] = [2, 15]; // SIGINT, SIGTERM

/// Ordinary tests that share the directory.
mod tests {
    use std::{env, fs};

    #[test]
    fn what_was_written_is_there() {
        let file = temp_dir::compared::path("what");
        fs::write(&file, "a text").expect("it can be written");
        assert_eq!(fs::read_to_string(file).expect("it is there"), "a text");
    }

    /// Fails if this variable is set; libtest then calls `std::process::exit`.
    #[test]
    fn one_fails_if_told_to() {
        fs::write(temp_dir::compared::path("fails"), "").expect("it can be written");
        assert_eq!(env::var_os("TEST_FAILS"), None);
    }
}

/// The place where processes make their temporary directories, and whether they use a `LazyLock`.
struct Temp {
    path: PathBuf,
    is_lazy: bool,
}

impl Temp {
    fn new(test: &str, is_lazy: bool) -> Self {
        let name = format!("{test}_{is_lazy}_{}", process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).expect("a directory");
        Self { path, is_lazy }
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = command(program, args);
        command.env_remove("LAZY_LOCK").env_remove("TEST_FAILS").env("TMPDIR", &self.path);
        command.envs(self.is_lazy.then_some(("LAZY_LOCK", "1")));
        command
    }

    /// The tests above, as `cargo test` runs them.
    fn tests(&self) -> Command {
        let program = env::current_exe().expect("this program has a path");
        self.command(&program.to_string_lossy(), &["tests::"])
    }

    /// Fails unless the process left one directory behind with a `LazyLock`, and none otherwise.
    #[track_caller]
    fn assert_left(&self, seen: &Seen) {
        let entries = fs::read_dir(&self.path).expect("it is there");
        let left: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        assert_eq!(left.len(), usize::from(self.is_lazy), "{seen:?} leaves {left:?}");
        for path in left {
            fs::remove_dir_all(path).expect("it is still there");
        }
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        if !thread::panicking() {
            fs::remove_dir(&self.path).expect("it is empty");
        }
    }
}

/// Runs the program until it has written the file, then sends it the signal.
fn interrupt(command: &mut Command, signal: i32) -> Seen {
    let mut child = start(command);
    assert!(fs::exists(line(&mut child)).expect("it can be looked for"));
    kill(&child, signal);
    finish(child, command)
}

fn every_way_out(temp: &Temp) {
    for (way, said, status) in WAYS {
        let seen = run(&mut temp.command(PROGRAM, &[way]));
        assert!(seen.stderr.contains(said) && seen.end == End::Status(status), "{way}: {seen:?}");
        temp.assert_left(&seen);
    }
    for signal in SIGNALS {
        let seen = interrupt(&mut temp.command(PROGRAM, &["signal"]), signal);
        assert_eq!((seen.stderr.as_str(), seen.end), ("", End::Signal(signal)));
        temp.assert_left(&seen);
    }
}

fn passing_and_failing_tests(temp: &Temp) {
    let passed = run(&mut temp.tests());
    assert!(passed.stdout.contains("test result: ok. 2 passed; 0 failed;"), "{passed:?}");
    temp.assert_left(&passed);
    let failed = run(temp.tests().env("TEST_FAILS", "1"));
    assert!(failed.stdout.contains("test result: FAILED. 1 passed; 1 failed;"), "{failed:?}");
    temp.assert_left(&failed);
}

#[test]
fn it_is_deleted_on_every_way_out() {
    every_way_out(&Temp::new("ways", false));
}

#[test]
fn a_lazy_lock_leaves_it_behind_on_every_way_out() {
    every_way_out(&Temp::new("ways", true));
}

#[test]
fn it_is_deleted_when_tests_pass_and_when_one_fails() {
    passing_and_failing_tests(&Temp::new("tests", false));
}

#[test]
fn a_lazy_lock_leaves_it_behind_when_tests_pass_and_when_one_fails() {
    passing_and_failing_tests(&Temp::new("tests", true));
}

#[test]
fn one_that_is_gone_too_early_is_noticed() {
    let temp = Temp::new("gone", false);
    let seen = run(&mut temp.command(PROGRAM, &["delete"]));
    let above = include_str!("../src/lib.rs").lines().take_while(|line| !line.contains("DropAtExit::new")).count();
    let error = seen.stderr.lines().find_map(|line| line.strip_prefix("Error: ")).unwrap_or_default();
    assert!(error.contains("NotFound"), "{seen:?}");
    let at = format!("examples/temp_dir/src/lib.rs:{}", above + 1);
    let said = format!("Error: {error}\nat_exit: 1 handler failed:\nat_exit: {at}: {error}\n");
    assert!(seen.stderr.ends_with(&said) && seen.end == End::Status(1), "{seen:?}"); // std before 1.88 may print more
    temp.assert_left(&seen);
}
