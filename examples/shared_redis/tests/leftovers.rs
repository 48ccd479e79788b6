//! Owns the proof that the tests leave no server and no directory behind, however they end, and that without the library they
//! leave both; runs the tests of `queue.rs` and the one below in separate processes, and looks at what remains.

#[path = "queue.rs"] // without this, its own modules would have to be in a folder `queue`
mod queue;

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::Barrier;
use std::sync::mpsc::{self, Receiver};
use std::{panic, thread};

use atexit_core::at_exit;
use libc::{SIGINT, SIGTERM};
use spawn::{End, LIMIT, Seen, cannot_run, command, kill_group, run, tool};
use tempfile::TempDir;

/// A process that runs tests, and what it leaves behind.
struct Tests {
    with_library: bool,
    redis_server: PathBuf,
    /// Its own directory, which also has its temporary files.
    scratch: TempDir,
    /// The lines that report its progress.
    told: Receiver<String>,
    /// Releases a server that is held while it starts. Always open: a pipe that nobody has open loses its contents.
    go: File,
}

impl Tests {
    fn new(with_library: bool, redis_server: PathBuf) -> Self {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        fs::create_dir(scratch.path().join("temporary")).expect("made");
        let pipes = ["told", "go", "log"].map(|pipe| scratch.path().join(pipe).display().to_string());
        assert_eq!(run(&mut tool("mkfifo", &pipes.each_ref().map(String::as_str))).end, End::Status(0));
        let (sender, told) = mpsc::channel();
        let lines = BufReader::new(open(&scratch.path().join("told"))).lines();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let go = open(&scratch.path().join("go"));
        Self { with_library, redis_server, scratch, told, go }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn start(&self, mut command: Command, variables: &[&str]) -> Child {
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::split_paths(&path);
        let path = env::join_paths([concat!(env!("CARGO_MANIFEST_DIR"), "/tests/path").into()].into_iter().chain(path));
        command.env("PATH", path.expect("no folder of it has a colon"));
        command.env("REDIS_SERVER", &self.redis_server);
        command.env("SCRATCH", self.scratch.path()).env("TMPDIR", self.file("temporary"));
        for variable in ["ONCE_LOCK", "TEST_FAILS", "HELD", "EXITS", "RUNS_ON"] {
            command.env_remove(variable);
        }
        let variables = variables.iter().chain((!self.with_library).then_some(&"ONCE_LOCK"));
        command.envs(variables.map(|variable| variable.split_once('=').unwrap_or((variable, "1"))));
        // Files: a server that is left over would keep a pipe open.
        let [stdout, stderr] = ["stdout", "stderr"].map(|name| File::create(self.file(name)).expect("made"));
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().expect("the tests start")
    }

    /// Starts the tests in this file whose names begin with `tests`.
    fn start_here(&self, tests: &str, variables: &[&str]) -> Child {
        self.start(command(&this_program(), &[tests]), variables)
    }

    /// A command that runs the tests here whose names contain `tests` under nextest, with the metadata that cargo would pass.
    fn nextest(&self, tests: &str) -> Command {
        let cargo = |args: &[&str]| run(&mut tool(env!("CARGO"), args)).stdout;
        let [metadata, binaries] = ["metadata", "binaries"].map(|name| self.file(name).display().to_string());
        fs::write(&metadata, cargo(&["metadata", "--offline", "--no-deps", "--format-version", "1"])).expect("written");
        let program = format!(
            r#""binary-id": "leftovers", "binary-name": "leftovers", "kind": "test", "build-platform": "target",
            "package-id": {:?}, "binary-path": {:?}"#,
            cargo(&["pkgid", "--offline"]).trim_end(),
            this_program()
        );
        let target =
            r#""target-directory": "/", "base-output-directories": [], "non-test-binaries": {}, "linked-paths": []"#;
        let text = format!(r#"{{"rust-build-meta": {{{target}}}, "rust-binaries": {{"leftovers": {{{program}}}}}}}"#);
        fs::write(&binaries, text).expect("written");
        let options = ["--color=never", "--cargo-metadata", &metadata, "--binaries-metadata", &binaries];
        tool("cargo-nextest", &[&["nextest", "run"], &options[..], &[tests]].concat())
    }

    fn end(&self, mut child: Child) -> Seen {
        let end = spawn::end(&mut child);
        let [stdout, stderr] = ["stdout", "stderr"].map(|name| fs::read_to_string(self.file(name)).expect("UTF-8"));
        let Some(end) = end else { panic!("the tests hang\nstdout: {stdout}\nstderr: {stderr}") };
        Seen { stdout, stderr, end }
    }

    #[track_caller]
    fn assert_told(&self, line: &str) {
        assert_eq!(self.told.recv_timeout(LIMIT).as_deref(), Ok(line));
    }

    /// The number of servers started, of those still running (each in its own process group), and of directories.
    fn servers(&self) -> [usize; 3] {
        let started = self.started();
        let alive = started.iter().filter(|pid| kill("0", pid) && kill("0", &format!("-{pid}"))).count();
        [started.len(), alive, fs::read_dir(self.file("temporary")).expect("a folder").count()]
    }

    fn started(&self) -> Vec<String> {
        let started = fs::read_to_string(self.file("servers")).unwrap_or_default();
        started.lines().map(str::to_owned).collect()
    }
}

impl Drop for Tests {
    fn drop(&mut self) {
        for pid in self.started() {
            kill("KILL", &pid);
            kill("KILL", &format!("-{pid}"));
        }
    }
}

fn this_program() -> String {
    env::current_exe().expect("this program has a path").display().to_string()
}

/// Opens a named pipe for both reading and writing, so that it never ends and opening it waits for nobody.
fn open(pipe: &Path) -> File {
    OpenOptions::new().read(true).write(true).open(pipe).expect("a pipe")
}

/// Whether the process, or the group if `pid` begins with `-`, existed to get the signal.
fn kill(signal: &str, pid: &str) -> bool {
    run(&mut tool("sh", &["-c", r#"kill -s "$0" -- "$1""#, signal, pid])).end == End::Status(0)
}

/// Fails unless the tests start this many servers and leave nothing behind with the library, and everything without it.
#[track_caller]
fn assert_left_over(servers: usize, run: impl Fn(&Tests)) {
    let Some(redis_server) = queue::redis_server() else { return cannot_run(queue::NO_SERVER) };
    for with_library in [true, false] {
        let tests = Tests::new(with_library, redis_server.clone());
        run(&tests);
        let left = if with_library { 0 } else { servers };
        assert_eq!(tests.servers(), [servers, left, left], "with the library: {with_library}");
    }
}

#[test]
fn nothing_is_left_over_when_all_tests_pass() {
    assert_left_over(1, |tests| {
        let seen = tests.end(tests.start_here("queue::", &[]));
        assert_eq!((seen.end, &*seen.stderr), (End::Status(0), ""), "{}", seen.stdout);
        assert!(seen.stdout.contains("test result: ok. 4 passed; 0 failed;"), "{}", seen.stdout);
    });
}

#[test]
fn nothing_is_left_over_when_a_test_fails() {
    assert_left_over(1, |tests| {
        let seen = tests.end(tests.start_here("queue::", &["TEST_FAILS"]));
        assert_eq!((seen.end, &*seen.stderr), (End::Status(101), ""), "{}", seen.stdout);
        assert!(seen.stdout.contains("test result: FAILED. 3 passed; 1 failed;"), "{}", seen.stdout);
    });
}

#[test]
fn nothing_is_left_over_when_a_signal_comes_while_tests_run() {
    for signal in [SIGINT, SIGTERM] {
        assert_left_over(1, |tests| {
            let child = tests.start_here("staged", &["RUNS_ON"]);
            tests.assert_told("running");
            kill_group(&child, signal); // as a terminal does
            let stdout = "\nrunning 1 test\n".to_owned();
            assert_eq!(tests.end(child), Seen { stdout, stderr: String::new(), end: End::Signal(signal) });
        });
    }
}

#[test]
fn nothing_is_left_over_when_a_signal_comes_while_the_server_starts() {
    for signal in [SIGINT, SIGTERM] {
        assert_left_over(1, |tests| {
            let child = tests.start_here("staged", &["HELD"]);
            tests.assert_told("starting");
            kill_group(&child, signal);
            if tests.with_library {
                tests.assert_told("exiting");
                (&tests.go).write_all(b"go\n").expect("written");
            }
            let seen = tests.end(child);
            assert_eq!((seen.end, &*seen.stderr), (End::Signal(signal), ""), "{}", seen.stdout);
        });
    }
}

#[test]
fn nothing_is_left_over_and_nothing_started_when_the_process_exits_while_tests_run() {
    assert_left_over(1, |tests| {
        let child = tests.start_here("staged", &["EXITS"]);
        let refused = format!("{} is closed", declared("DropAtExit::new(Server::start)"));
        tests.assert_told(if tests.with_library { &refused } else { "a connection" });
        let stdout = "\nrunning 1 test\n".to_owned();
        assert_eq!(tests.end(child), Seen { stdout, stderr: String::new(), end: End::Status(3) });
    });
}

/// The server asks for the directory, so its initialization ends later.
#[test]
fn the_server_is_stopped_before_its_directory_is_removed() {
    assert_left_over(1, |tests| {
        let seen = tests.end(tests.start_here("queue::", &["AT_EXIT_LOG=trace"]));
        let started = seen.stderr.lines().filter_map(|line| line.strip_prefix("at_exit: started "));
        let values: Vec<_> = started.filter(|started| started.contains("/server/mod.rs:")).collect();
        let [server, directory] = ["DropAtExit::new(Server::start)", "DropAtExit::new(|| tempfile"].map(declared);
        assert_eq!(values, if tests.with_library { vec![server, directory] } else { vec![] }, "{seen:?}");
    });
}

/// The place of the value declared by this line.
fn declared(so: &str) -> String {
    let above = include_str!("server/mod.rs").lines().take_while(|line| !line.contains(so)).count();
    format!("examples/shared_redis/tests/server/mod.rs:{}", above + 1)
}

/// Nextest runs each test in its own process, and reports those that leave a process holding their output as leaky.
#[test]
fn nothing_is_left_over_under_nextest() {
    if !has_nextest() {
        return cannot_run("there is no cargo-nextest");
    }
    assert_left_over(4, |tests| {
        let seen = tests.end(tests.start(tests.nextest("queue::"), &[]));
        assert_eq!(seen.end, End::Status(0), "{}", seen.stderr);
        let passed = if tests.with_library { "4 passed, " } else { "4 passed (4 leaky), " };
        assert!(seen.stderr.contains(&format!("4 tests run: {passed}")), "{}", seen.stderr);
    });
}

#[test]
fn nothing_is_left_over_when_nextest_is_interrupted() {
    if !has_nextest() {
        return cannot_run("there is no cargo-nextest");
    }
    assert_left_over(1, |tests| {
        let child = tests.start(tests.nextest("staged"), &["RUNS_ON"]);
        tests.assert_told("running");
        kill_group(&child, SIGINT);
        let seen = tests.end(child);
        assert_eq!(seen.end, End::Status(100), "{}", seen.stderr);
        assert!(seen.stderr.contains("1 test run: 0 passed, 1 failed, "), "{}", seen.stderr);
    });
}

fn has_nextest() -> bool {
    Command::new("cargo-nextest").arg("--version").output().is_ok()
}

/// Uses the server, then does what the variables say.
#[test]
fn staged() {
    let stage = |name| env::var_os(name).is_some();
    if !["HELD", "EXITS", "RUNS_ON"].into_iter().any(stage) {
        return;
    }
    drop(queue::connection());
    if stage("RUNS_ON") {
        tell("running");
        loop {
            thread::park();
        }
    }
    if stage("EXITS") {
        thread::spawn(|| {
            TURN.wait();
            match panic::catch_unwind(queue::connection) {
                Ok(_) => tell("a connection"),
                Err(panic) => tell(panic.downcast_ref::<String>().expect("a message")),
            }
            TURN.wait();
        });
        process::exit(3);
    }
}

static TURN: Barrier = Barrier::new(2);

#[at_exit(first)]
fn exiting() {
    if env::var_os("HELD").is_some() {
        tell("exiting");
    }
}

/// After all values are finished, lets a test that is still running take another turn.
#[at_exit(last)]
fn stopped() {
    if env::var_os("EXITS").is_some() {
        TURN.wait();
        TURN.wait();
    }
}

fn tell(line: &str) {
    let scratch = env::var_os("SCRATCH").expect("the parent sets it");
    let line = format!("{line}\n");
    open(&Path::new(&scratch).join("told")).write_all(line.as_bytes()).expect("written");
}
