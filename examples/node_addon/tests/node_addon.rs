//! Owns the proof that the log is closed whichever way Node ends, with the status that Node has without the add-on; and that an ordinary
//! `static` loses the log.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use spawn::{End, Seen, build, cannot_run, interrupt, run, tool};

/// The line by which the program says that it waits for a signal.
const READY: &str = "waits";

const UNCAUGHT: &str = "Error: nobody catches it\n";
const LISTENER: &str = "process.on('exit')";
const HOOK: &str = "Node's cleanup hook\n";

/// Each way out that runs C's exit functions, with the status, what standard error has, and whether Node's own hook runs.
const EXITS: [(&str, i32, &str, &str); 5] = [
    ("return", 0, "", HOOK),
    ("exitCode", 3, "", HOOK),
    ("exit", 4, "", ""),
    ("throw", 1, UNCAUGHT, ""),
    ("reject", 1, UNCAUGHT, ""),
];

/// How a worker ends that has loaded the add-on, with its status; that of the process is 0.
const WORKERS: [(&str, i32); 3] = [("worker", 0), ("worker-exit", 5), ("worker-throw", 1)];

const SIGNALS: [(i32, &str); 2] = [(2, "SIGINT"), (15, "SIGTERM")];

/// Node on this machine. Without it, the test cannot be run.
fn has_node() -> bool {
    let found = Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        cannot_run("there is no Node.js");
    }
    found
}

/// The add-on, under a name that Node takes for one.
fn addon() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = build("node_addon", &["--manifest-path", "examples/Cargo.toml", "-p", "node-addon"], &[]);
        let addon = folder.join("audit.node");
        fs::copy(folder.join("libaudit.so"), &addon).expect("the add-on can be copied");
        addon
    })
}

/// The log of the test of this name, which does not exist yet.
fn log(test: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    if path.exists() {
        fs::remove_file(&path).expect("it can be deleted");
    }
    path
}

fn node(log: &Path, words: &[&str]) -> Command {
    let mut command = tool("node", &[concat!(env!("CARGO_MANIFEST_DIR"), "/js/main.js")]);
    command.env_remove("FORGET_LOG").env_remove("NODE_OPTIONS").arg(addon()).arg(log).args(words);
    command
}

#[track_caller]
fn assert_written(log: &Path, expected: &str) {
    assert_eq!(fs::read_to_string(log).expect("the log is there"), expected);
}

/// Fails unless it has printed nothing, and ended this way.
#[track_caller]
fn assert_quiet(seen: &Seen, end: End) {
    assert_eq!(*seen, Seen { stdout: String::new(), stderr: String::new(), end });
}

#[test]
fn at_each_exit_the_log_is_closed_after_javascript_and_the_status_stays() {
    if !has_node() {
        return;
    }
    let file = log("exits");
    for (way, status, error, hook) in EXITS {
        let seen = run(&mut node(&file, &[way]));
        let is_said = if error.is_empty() { seen.stderr.is_empty() } else { seen.stderr.contains(error) };
        assert!(seen.stdout.is_empty() && is_said && seen.end == End::Status(status), "{way}: {seen:?}");
        let closed = format!("closed at Some(Exit {{ status: Some({status}) }})\n");
        assert_written(&file, &format!("by main\n{LISTENER}, {status}\n{hook}{closed}"));
    }
}

#[test]
fn an_ordinary_static_loses_the_log_at_each_exit() {
    if !has_node() {
        return;
    }
    let file = log("forgotten");
    let workers = WORKERS.map(|(way, _)| (way, 0));
    for (way, status) in EXITS.map(|(way, status, ..)| (way, status)).into_iter().chain(workers) {
        let seen = run(node(&file, &[way]).env("FORGET_LOG", "1"));
        assert_eq!(seen.end, End::Status(status), "{way}: {seen:?}");
        assert_written(&file, "");
    }
}

#[test]
fn the_end_of_a_worker_leaves_the_log_open_until_the_process_ends() {
    if !has_node() {
        return;
    }
    let file = log("workers");
    for (way, status) in WORKERS {
        let seen = run(&mut node(&file, &[way]));
        let stdout = format!("worker: {status}, log: 0 bytes\n");
        assert_eq!(seen, Seen { stdout, stderr: String::new(), end: End::Status(0) }, "{way}");
        assert_written(&file, &format!("by a worker\n{HOOK}closed at Some(Exit {{ status: Some(0) }})\n"));
    }
}

#[test]
fn a_signal_closes_the_log_only_if_the_add_on_or_the_program_catches_it() {
    if !has_node() {
        return;
    }
    let file = log("signals");
    for (signal, name) in SIGNALS {
        assert_quiet(&interrupt(&mut node(&file, &["wait"]), READY, signal), End::Signal(signal));
        assert_written(&file, "");
        assert_quiet(&interrupt(&mut node(&file, &["catch", "wait"]), READY, signal), End::Signal(signal));
        assert_written(&file, &format!("by main\nclosed at Some(Signal({name}))\n"));
    }
    // A listener that comes after `catchSignals` takes its signal over.
    for words in [&["listen", "wait"][..], &["catch", "listen", "wait"]] {
        assert_quiet(&interrupt(&mut node(&file, words), READY, 15), End::Status(6));
        assert_written(&file, &format!("by main\n{LISTENER}, 6\nclosed at Some(Exit {{ status: Some(6) }})\n"));
    }
}

#[test]
fn abort_runs_no_handlers() {
    if !has_node() {
        return;
    }
    let file = log("abort");
    let seen = run(&mut node(&file, &["abort"]));
    assert_eq!((seen.stdout.as_str(), seen.end), ("", End::Signal(6)), "{seen:?}");
    assert_written(&file, "");
}

#[test]
fn a_log_that_cannot_be_written_is_the_status_if_that_was_0() {
    if !has_node() {
        return;
    }
    for (way, status) in [("return", 1), ("exit", 4)] {
        let seen = run(&mut node(Path::new("/dev/full"), &[way]));
        let is_named = seen.stderr.contains("\nat_exit: audit log at ") && seen.stderr.contains("StorageFull");
        assert!(is_named && seen.end == End::Status(status), "{way}: {seen:?}");
    }
}
