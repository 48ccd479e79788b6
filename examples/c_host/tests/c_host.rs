//! Owns the proof that the journal is closed whichever way a C program ends, and however it got the library; and that an ordinary `static`
//! loses the journal.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use spawn::{End, Seen, assert_seen, build, cc, command, interrupt, run};

/// The line by which the program says that it waits for a signal.
const READY: &str = "C: waits";

const STATIC: &str = "static";
const LINKED: &str = "linked";
const OPENED: &str = "opened";
const PROGRAMS: [&str; 3] = [STATIC, LINKED, OPENED];

/// Linked with the static library in the usual way, which leaves out what nothing calls.
const INCOMPLETE: &str = "incomplete";

/// Each way out that runs C's exit functions, with the status.
const EXITS: [(&str, i32); 3] = [("return", 3), ("exit", 4), ("thread", 5)];

/// Each way out that runs none.
const ABRUPT: [(&str, End); 2] = [("_exit", End::Status(6)), ("abort", End::Signal(6))];

const SIGNALS: [i32; 2] = [2, 15]; // SIGINT, SIGTERM

/// The folder with the programs. Each module of the library is compiled on its own, and optimized, as in a large library: in a small one
/// they end up together, and the linker happens to leave nothing out.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let options = ["opt-level=2", "codegen-units=256"].map(|option| format!("profile.dev.package.c-host.{option}"));
        let [optimized, apart] = &options;
        let package = ["--manifest-path", "examples/Cargo.toml", "-p", "c-host"];
        let args = [&package[..], &["--config", optimized, "--config", apart]].concat();
        let folder = build("c_host", &args, &[]);
        let library = |file| folder.join(file).into_os_string().into_string().expect("a path in UTF-8");
        let (archive, shared) = (library("libjournal.a"), library("libjournal.so"));
        let program = |name, with: &[&str]| {
            let source = concat!(env!("CARGO_MANIFEST_DIR"), "/c/host.c");
            let system = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl"];
            cc(&folder.join(name), ["-Wall", "-Wextra", "-Werror", source].iter().chain(with).chain(&system));
        };
        program(STATIC, &["-Wl,--whole-archive", &archive, "-Wl,--no-whole-archive"]);
        program(INCOMPLETE, &[&archive]);
        program(
            LINKED,
            &[&format!("-L{}", folder.display()), "-ljournal", &format!("-Wl,-rpath,{}", folder.display())],
        );
        program(OPENED, &[&format!("-DLIBRARY=\"{shared}\"")]);
        folder
    })
}

/// A journal of the test of this name, which does not exist yet.
fn journal(test: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    if path.exists() {
        fs::remove_file(&path).expect("it can be deleted");
    }
    path
}

fn host(program: &str, journal: &Path, words: &[&str]) -> Command {
    let mut command = command(&built().join(program).to_string_lossy(), &[]);
    command.env_remove("FORGET_JOURNAL").arg(journal).args(words);
    command
}

#[track_caller]
fn assert_written(journal: &Path, expected: &str) {
    assert_eq!(fs::read_to_string(journal).expect("the journal is there"), expected);
}

#[test]
fn at_each_exit_the_journal_is_closed_between_the_exit_functions_of_c() {
    let file = journal("exits");
    for program in PROGRAMS {
        for (way, status) in EXITS {
            let stdout = format!(
                "C: later atexit function\njournal: lines: 2, Some(Exit {{ status: Some({status}) }})\n\
                 C: earlier atexit function\n"
            );
            assert_seen(&mut host(program, &file, &[way]), &stdout, "", End::Status(status));
            let closed = format!("closed at Some(Exit {{ status: Some({status}) }})\n");
            assert_written(&file, &format!("by main\nby an atexit function\n{closed}"));
        }
    }
}

#[test]
fn an_ordinary_static_loses_the_journal_at_each_exit() {
    let file = journal("forgotten");
    for program in PROGRAMS {
        for (way, status) in EXITS {
            let seen = run(host(program, &file, &[way]).env("FORGET_JOURNAL", "1"));
            assert_eq!((seen.stderr.as_str(), seen.end), ("", End::Status(status)));
            assert_written(&file, "");
        }
    }
    let seen = run(host(OPENED, &file, &["close"]).env("FORGET_JOURNAL", "1"));
    assert_eq!((seen.stderr.as_str(), seen.end), ("", End::Status(3)));
    assert_written(&file, "");
}

#[test]
fn underscore_exit_and_abort_run_no_handlers() {
    let file = journal("abrupt");
    for program in PROGRAMS {
        for (way, end) in ABRUPT {
            assert_seen(&mut host(program, &file, &[way]), "", "", end);
            assert_written(&file, "");
        }
    }
}

#[test]
fn a_signal_runs_handlers_only_if_the_library_catches_it() {
    let file = journal("signals");
    for program in PROGRAMS {
        for signal in SIGNALS {
            let seen = interrupt(&mut host(program, &file, &["wait"]), READY, signal);
            assert_eq!(seen, Seen { stdout: String::new(), stderr: String::new(), end: End::Signal(signal) });
            assert_written(&file, "");

            let seen = interrupt(&mut host(program, &file, &["catch", "wait"]), READY, signal);
            let cause = if signal == 2 { "Some(Signal(SIGINT))" } else { "Some(Signal(SIGTERM))" };
            let stdout = format!("journal: lines: 1, {cause}\n");
            assert_eq!(seen, Seen { stdout, stderr: String::new(), end: End::Signal(signal) });
            assert_written(&file, &format!("by main\nclosed at {cause}\n"));
        }
    }
}

#[test]
fn dlclose_closes_the_journal_unless_the_library_catches_signals() {
    let file = journal("closed");
    let stdout = "journal: lines: 1, Some(Unload)\nC: dlclose has returned\nC: later atexit function\n\
                  C: earlier atexit function\n";
    assert_seen(&mut host(OPENED, &file, &["close"]), stdout, "", End::Status(3));
    assert_written(&file, "by main\nclosed at Some(Unload)\n");

    let stdout = "C: dlclose has returned\nC: later atexit function\n\
                  journal: lines: 1, Some(Exit { status: Some(3) })\nC: earlier atexit function\n";
    assert_seen(&mut host(OPENED, &file, &["catch", "close"]), stdout, "", End::Status(3));
    assert_written(&file, "by main\nclosed at Some(Exit { status: Some(3) })\n");
}

#[test]
fn without_a_call_of_the_library_a_declared_handler_runs_where_the_library_was_loaded() {
    let (c, rust) = (["C: later atexit function\n", "C: earlier atexit function\n"], |status: &str| {
        format!("journal: lines: 0, Some(Exit {{ status: {status} }})\n")
    });
    for (program, stdout) in [
        (STATIC, [c[0], c[1], &rust("Some(4)")].concat()),
        (LINKED, [c[0], c[1], &rust("None")].concat()),
        (OPENED, [c[0], &rust("Some(4)"), c[1]].concat()),
    ] {
        assert_seen(&mut host(program, Path::new("-"), &["exit"]), &stdout, "", End::Status(4));
    }
}

#[test]
fn a_static_library_that_is_not_linked_whole_loses_a_declared_handler() {
    let file = journal("incomplete");
    let stdout = "C: later atexit function\nC: earlier atexit function\n";
    assert_seen(&mut host(INCOMPLETE, &file, &["exit"]), stdout, "", End::Status(4));
    assert_written(&file, "by main\nby an atexit function\nclosed at Some(Exit { status: Some(4) })\n");
}
