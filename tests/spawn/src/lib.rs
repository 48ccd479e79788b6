//! Owns running a program to its end, with a hard limit, and comparing everything that can be seen from outside.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use wait_timeout::ChildExt as _;

pub mod c_library;
pub mod target;

pub use c_library::one_thread_in_exit;

/// Far more than any program here needs: one that takes longer hangs.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Everything that can be seen of a program that has ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// How it ended.
    pub end: End,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
}

impl From<ExitStatus> for End {
    fn from(status: ExitStatus) -> Self {
        status.code().map_or_else(|| Self::Signal(status.signal().unwrap_or_default()), Self::Status)
    }
}

/// Makes a command that starts one of our programs, in an environment without the test's own settings.
#[must_use]
pub fn command(program: &str, args: &[&str]) -> Command {
    let words = target::words(program);
    let words: Vec<&str> = words.iter().map(String::as_str).chain(args.iter().copied()).collect();
    tool(words[0], &words[1..])
}

/// Makes the same for a program of the machine that the tests run on.
#[must_use]
pub fn tool(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    // In a process group of its own, so that it can be killed with all children that hold its pipes.
    command
        .args(args)
        .process_group(0)
        .env_remove("AT_EXIT_LOG")
        .env_remove("RUST_LIB_BACKTRACE")
        // Cargo's, which would find libraries built for something else.
        .env_remove("LD_LIBRARY_PATH")
        .env("RUST_BACKTRACE", "0");
    command
}

/// Makes a command that starts one of our programs as process 1 of a PID namespace. `None`: the system does not let this process make one, and
/// the calling test has said so.
///
/// # Panics
///
/// If [`RUN_ALL`] requires the test to run.
#[track_caller]
#[must_use]
pub fn command_as_process_1(program: &str, args: &[&str]) -> Option<Command> {
    let namespace = |user: &[&str]| tool("unshare", &[user, &["--pid", "--fork"]].concat());
    // Without root, this needs another namespace first.
    let users = [&[][..], &["--user", "--map-root-user"]];
    let Some(user) = users.iter().find(|user| run(namespace(user).arg("true")).end == End::Status(0)) else {
        cannot_run("this process may not make a namespace");
        return None;
    };
    let mut command = namespace(user);
    command.args(target::words(program)).args(args);
    Some(command)
}

/// Copies a program that is to be run. `cp` does it: a file that this process has open for writing is open in any child too that another
/// thread has forked and that has not called `exec` yet, and until then the system refuses to run the file.
///
/// # Panics
///
/// If it cannot be copied.
pub fn copy_program(from: &Path, to: &Path) {
    let status = Command::new("cp").arg(from).arg(to).status().expect("cp starts");
    assert!(status.success(), "cp cannot copy {} to {}", from.display(), to.display());
}

/// Runs the command to its end.
///
/// # Panics
///
/// If it cannot be started, or does not end.
pub fn run(command: &mut Command) -> Seen {
    let child = start(command);
    finish(child, command)
}

/// Starts a program with nothing to read, and with pipes for standard output and error.
///
/// # Panics
///
/// If it cannot be started.
pub fn start(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

/// The next line of standard output, a pipe, without its end. Nothing beyond it is read, so that [`finish`] sees the rest.
///
/// # Panics
///
/// If the program ends first.
pub fn line(child: &mut Child) -> String {
    let mut line = String::new();
    let stdout = child.stdout.as_mut().expect("piped");
    let read = BufReader::with_capacity(1, stdout).read_line(&mut line).expect("a line in UTF-8");
    assert!(read > 0, "the program has ended");
    line.trim_end().to_owned()
}

/// Runs a program to its end, and sends it a signal when its first line says that it is ready.
///
/// # Panics
///
/// If it says something else, or does not end.
#[track_caller]
pub fn interrupt(command: &mut Command, ready: &str, signal: i32) -> Seen {
    let mut child = start(command);
    assert_eq!(line(&mut child), ready);
    kill(&child, signal);
    finish(child, command)
}

/// Waits for a child that was started by `command`, with pipes for standard output and error.
///
/// # Panics
///
/// If it does not end.
pub fn finish(mut child: Child, command: &Command) -> Seen {
    let stdout = read(child.stdout.take().expect("piped"));
    let stderr = read(child.stderr.take().expect("piped"));
    let end = end(&mut child);
    let (stdout, stderr) = (stdout.join().expect("read"), target::said_by_program(stderr.join().expect("read")));
    let Some(end) = end else { panic!("{command:?} hangs\nstdout: {stdout}\nstderr: {stderr}") };
    Seen { stdout, stderr, end }
}

/// Waits for a child to end. If it does not, kills it and its group.
///
/// # Panics
///
/// If waiting fails.
pub fn end(child: &mut Child) -> Option<End> {
    let status = child.wait_timeout(LIMIT).expect("the program can be waited for");
    if status.is_none() {
        kill_group(child, libc::SIGKILL);
        child.wait().expect("the program can be waited for");
    }
    status.map(End::from)
}

fn read(mut from: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).expect("a pipe can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Fails unless the program did exactly this.
///
/// # Panics
///
/// If it did something else.
#[track_caller]
pub fn assert_seen(command: &mut Command, stdout: &str, stderr: &str, end: End) {
    let expected = Seen { stdout: stdout.into(), stderr: stderr.into(), end };
    let seen = run(command);
    assert!(seen == expected, "{command:?}\nexpected {expected:#?}\nsaw {seen:#?}");
}

/// If this is set in the environment, a test that cannot be run fails. `.ci/run` sets it.
pub const RUN_ALL: &str = "RUN_ALL_TESTS";

/// Says that the calling test cannot be run here, and why: on the real standard error, which the test harness does not capture.
///
/// # Panics
///
/// If [`RUN_ALL`] requires it to run.
#[track_caller]
pub fn cannot_run(reason: &str) {
    assert!(std::env::var_os(RUN_ALL).is_none(), "{RUN_ALL} is set, and this cannot be run: {reason}");
    say("SKIPPED", reason);
}

fn say(what: &str, reason: &str) {
    let line = format!("{what} {}: {reason}\n", thread::current().name().unwrap_or("a test"));
    std::io::stderr().write_all(line.as_bytes()).expect("standard error");
}

/// Sends a signal to a child that has not been waited for.
///
/// # Panics
///
/// If it cannot be sent.
pub fn kill(child: &Child, signal: i32) {
    send(signal, number(child));
}

/// Sends a signal to a child that has not been waited for, and to its whole process group, as a terminal does.
///
/// # Panics
///
/// If it cannot be sent.
pub fn kill_group(child: &Child, signal: i32) {
    send(signal, -number(child));
}

fn number(child: &Child) -> i32 {
    i32::try_from(child.id()).expect("a pid is an i32")
}

fn send(signal: i32, to: i32) {
    // SAFETY: the child has not been waited for, so the number is still its own.
    assert_eq!(unsafe { libc::kill(to, signal) }, 0, "kill");
}

/// Compiles and links for the target, with the options in `LDFLAGS`.
///
/// # Panics
///
/// If it fails.
pub fn cc<I: IntoIterator<Item: AsRef<OsStr>>>(output: &Path, args: I) {
    let flags = std::env::var("LDFLAGS").unwrap_or_default();
    let mut cc = Command::new(target::c_compiler());
    let output =
        cc.args(flags.split_whitespace()).arg("-o").arg(output).args(args).output().expect("the compiler starts");
    assert!(output.status.success(), "{cc:?}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Builds with cargo, as a user would, and returns the folder with the programs.
///
/// `folder` names the target directory, inside that of the tests; `args` say what to build and for which target, `env` how.
///
/// # Panics
///
/// If the build fails.
#[must_use]
pub fn build(folder: &str, args: &[&str], env: &[(&str, &str)]) -> PathBuf {
    try_build(folder, args, env).unwrap_or_else(|said| panic!("cargo build {args:?}\n{said}"))
}

/// The same, but the build may fail.
///
/// # Errors
///
/// Cargo's output, if the build fails.
///
/// # Panics
///
/// If cargo cannot be started.
pub fn try_build(folder: &str, args: &[&str], env: &[(&str, &str)]) -> Result<PathBuf, String> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let into = std::env::var_os("CARGO_TARGET_DIR").unwrap_or("target".into());
    let into = root.join(into).join("spawned").join(folder);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root).arg("build").args(args);
    // Settings that a coverage or release job makes for its own build do not apply here.
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        cargo.env_remove(variable);
    }
    let said = args.iter().skip_while(|arg| **arg != "--target").nth(1).copied();
    let triple = said.or(target::other_target());
    cargo.args(triple.filter(|_| said.is_none()).into_iter().flat_map(|triple| ["--target", triple]));
    let output = cargo.env("CARGO_TARGET_DIR", &into).envs(env.iter().copied()).output().expect("cargo starts");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(into.join(triple.unwrap_or_default()).join(if args.contains(&"--release") { "release" } else { "debug" }))
}
