//! Owns the proof that neither a server nor its directory is left over, however the tests end, and that both are without the
//! library; runs the tests of `queue.rs`, and one of its own, in processes of their own, and looks for what is there after.

#[path = "queue.rs"] // said so, because otherwise its own modules would have to be in a folder `queue`
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

/// A process that runs tests, and what is left over of it.
struct Tests {
    with_library: bool,
    redis_server: PathBuf,
    /// Of its own, where its temporary files are, too.
    scratch: TempDir,
    /// The lines by which it tells how far it is.
    told: Receiver<String>,
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
        Self { with_library, redis_server, scratch, told }
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
        command.envs(variables.iter().chain((!self.with_library).then_some(&"ONCE_LOCK")).map(|name| (name, "1")));
        // Files, for a pipe would have no end while a server that is left over has it, too.
        let [stdout, stderr] = ["stdout", "stderr"].map(|name| File::create(self.file(name)).expect("made"));
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().expect("the tests start")
    }

    /// Starts those of the tests here whose names begin so.
    fn start_here(&self, tests: &str, variables: &[&str]) -> Child {
        let program = env::current_exe().expect("this program has a path");
        self.start(command(&program.to_string_lossy(), &[tests]), variables)
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

    /// Lets go of a server that is [`HELD`](tests/path/redis-server).
    fn go(&self) {
        open(&self.file("go")).write_all(b"go\n").expect("written");
    }

    /// How many servers were started, how many of them still run, and how many directories there are.
    fn servers(&self) -> [usize; 3] {
        let started = self.started();
        let alive = started.iter().filter(|pid| kill("0", pid)).count();
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
            kill("KILL", &format!("-{pid}"));
        }
    }
}

/// Opens a named pipe for both, by which it has no end, and needs nobody else to be opened.
fn open(pipe: &Path) -> File {
    OpenOptions::new().read(true).write(true).open(pipe).expect("a pipe")
}

/// Whether the process, or the group after a `-`, was there to get the signal.
fn kill(signal: &str, pid: &str) -> bool {
    run(&mut tool("sh", &["-c", r#"kill -s "$0" -- "$1""#, signal, pid])).end == End::Status(0)
}

/// Fails unless the tests, run so, start this many servers, and of these with the library nothing is left over, and all without it.
#[track_caller]
fn assert_left_over(servers: usize, run: impl Fn(&Tests)) {
    let Some(redis_server) = queue::redis_server() else { return };
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
                tests.go();
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
        tests.assert_told(if tests.with_library { CLOSED } else { "a connection" });
        let stdout = "\nrunning 1 test\n".to_owned();
        assert_eq!(tests.end(child), Seen { stdout, stderr: String::new(), end: End::Status(3) });
    });
}

/// It runs each test in a process of its own, and says which of them leaves something that has its output.
#[test]
fn nothing_is_left_over_under_nextest() {
    let Some(nextest) = nextest() else { return };
    assert_left_over(4, |tests| {
        let seen = tests.end(tests.start(nextest(&["--test", "queue"]), &[]));
        assert_eq!(seen.end, End::Status(0), "{}", seen.stderr);
        let passed = if tests.with_library { "4 passed, 0 skipped" } else { "4 passed (4 leaky), 0 skipped" };
        assert!(seen.stderr.contains(&format!("4 tests run: {passed}\n")), "{}", seen.stderr);
    });
}

#[test]
fn nothing_is_left_over_when_nextest_is_interrupted() {
    let Some(nextest) = nextest() else { return };
    assert_left_over(1, |tests| {
        let child = tests.start(nextest(&["--test", "leftovers", "staged"]), &["RUNS_ON"]);
        tests.assert_told("running");
        kill_group(&child, SIGINT);
        let seen = tests.end(child);
        assert_eq!(seen.end, End::Status(100), "{}", seen.stderr);
        assert!(seen.stderr.contains(" 1 failed"), "{}", seen.stderr);
    });
}

/// What runs tests of this package under nextest, where that is installed.
fn nextest() -> Option<impl Fn(&[&str]) -> Command> {
    if Command::new("cargo-nextest").arg("--version").output().is_err() {
        cannot_run("there is no cargo-nextest");
        return None;
    }
    let package = ["--package", "shared-redis"];
    let built = spawn::build("nextest", &[&package[..], &["--tests"]].concat(), &[]);
    let target = built.parent().expect("the target directory").to_str().expect("UTF-8").to_owned();
    Some(move |tests: &[&str]| {
        let options = ["nextest", "run", "--offline", "--color", "never", "--target-dir", &target];
        tool("cargo-nextest", &[&options, &package[..], tests].concat())
    })
}

/// Does what the variables say, once it has used the server.
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
            STOPPED.wait();
            let asked = panic::catch_unwind(queue::connection);
            tell(
                asked.map_or_else(
                    |panic| *panic.downcast::<String>().expect("a message"),
                    |_| "a connection".to_owned(),
                ),
            );
        });
        process::exit(3);
    }
}

static STOPPED: Barrier = Barrier::new(2);
static ASKED: Barrier = Barrier::new(2);

#[at_exit(first)]
fn exiting() {
    if env::var_os("HELD").is_some() {
        tell("exiting");
    }
}

/// When all values are finished, a test that still runs gets another turn.
#[at_exit(last)]
fn stopped() {
    if env::var_os("EXITS").is_some() {
        STOPPED.wait();
        ASKED.wait();
    }
}

fn tell(line: impl AsRef<str>) {
    let scratch = env::var_os("SCRATCH").expect("set by who has started this");
    let line = format!("{}\n", line.as_ref());
    open(&Path::new(&scratch).join("told")).write_all(line.as_bytes()).expect("written");
}
