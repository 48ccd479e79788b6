//! Owns a library with handlers in a program that is not Rust: they run when it is unloaded, or at the exit of its host.

use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;

use spawn::{End, Seen, build, command, run};

/// The folder of the C host, of the Rust host and of the plug-in.
fn built() -> &'static (PathBuf, PathBuf) {
    static BUILT: OnceLock<(PathBuf, PathBuf)> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = build("unload", &["-p", "plugin", "-p", "rust_host"], &[]);
        let host = folder.join("host");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/host.c");
        let compiled = Command::new("cc").arg("-o").arg(&host).args([source, "-ldl"]).status();
        assert!(compiled.as_ref().is_ok_and(ExitStatus::success), "cc, which Rust links with: {compiled:?}");
        (host, folder.join("libplugin.so"))
    })
}

/// Runs the C host with these words after the path of the plug-in.
fn host(words: &[&str]) -> Seen {
    let (host, plugin) = built();
    run(command(&host.to_string_lossy(), &[]).arg(plugin).args(words))
}

const FAILED: &str =
    "at_exit: 1 handler failed:\nat_exit: fails at tests/crates/plugin/src/lib.rs:15: returned exit status 7\n";

#[test]
fn unloading_runs_the_handlers_on_the_calling_thread() {
    let seen = host(&["plugin_start", "close"]);
    let stdout = "host\nregistered\ndeclared: Some(Unload) on the calling thread\nand a line without an endclosed\n";
    // The process goes on: a failure is told, and is not its status.
    assert_eq!((seen.stdout.as_str(), seen.stderr.as_str(), seen.end), (stdout, FAILED, End::Status(0)));
}

#[test]
fn at_the_exit_of_the_host_they_run_on_an_exit_thread() {
    let seen = host(&["plugin_start", "return"]);
    let stdout = |status: i32| {
        format!(
            "host\nregistered\ndeclared: Some(Exit {{ status: Some({status}) }}) on at_exit\nand a line without an end"
        )
    };
    assert_eq!((seen.stdout, seen.stderr.as_str(), seen.end), (stdout(0), FAILED, End::Status(7)));
    let seen = host(&["plugin_start", "exit"]);
    assert_eq!((seen.stdout, seen.stderr.as_str(), seen.end), (stdout(3), FAILED, End::Status(3)));
}

#[test]
fn a_library_can_be_loaded_and_unloaded_many_times() {
    let seen = host(&["again"]);
    let once = "declared: Some(Unload) on the calling thread\nand a line without an end";
    let expected = format!("host\n{}closed\n", once.repeat(21));
    assert_eq!((seen.stdout, seen.stderr, seen.end), (expected, FAILED.repeat(21), End::Status(0)));
}

#[test]
fn exit_inside_a_handler_ends_the_host() {
    for way in ["close", "return"] {
        let seen = host(&["plugin_exit", way]);
        assert_eq!((seen.end, seen.stdout.contains("closed")), (End::Status(9), false), "{way}: {seen:?}");
    }
}

#[test]
fn thread_locals_work_in_a_plug_in_at_the_exit_of_its_host() {
    let seen = host(&["plugin_locals", "return"]);
    // That of the exiting thread is dropped first, then a handler on the exit thread has its own.
    let stdout = "host\nthread-local dropped\nthread-local used, and another thread\n";
    assert!(seen.stdout.starts_with(stdout) && seen.stdout.ends_with("thread-local dropped\n"), "{seen:?}");
    assert_eq!(seen.end, End::Status(7));
}

#[test]
fn two_copies_of_the_library_do_not_disturb_each_other() {
    let (_, plugin) = built();
    let host = |way| run(command(&plugin.with_file_name("rust_host").to_string_lossy(), &[]).arg(plugin).arg(way));
    let plugins = |cause| format!("registered\ndeclared: Some({cause}) on ");
    let own = "host: registered\nhost: declared\n";

    let seen = host("unload");
    let unloaded = plugins("Unload") + "the calling thread\nand a line without an endhost: unloaded, 2 pending\n";
    assert_eq!((seen.stdout, seen.stderr.as_str()), (format!("host: 2 pending\n{unloaded}{own}"), FAILED));
    assert_eq!(seen.end, End::Status(0));

    let seen = host("keep");
    let exited = plugins("Exit { status: Some(0) }") + "at_exit\nand a line without an end";
    assert_eq!((seen.stdout, seen.stderr.as_str()), (format!("host: 2 pending\n{exited}{own}"), FAILED));
    assert_eq!(seen.end, End::Status(7));
}
