//! Owns a library with handlers in a program that loads it: they run when it is unloaded, or when its host exits.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use spawn::target::{Needs, lacks};
use spawn::{End, Seen, build, cc, command, run};

/// The folder of the C host, of the Rust host and of the plug-in.
fn built() -> &'static (PathBuf, PathBuf) {
    static BUILT: OnceLock<(PathBuf, PathBuf)> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = build("unload", &["-p", "extension", "-p", "plugin", "-p", "rust_host"], &[]);
        let host = folder.join("host");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/host.c");
        cc(&host, [source, "-ldl", "-lpthread"]);
        (host, folder.join("libplugin.so"))
    })
}

/// Runs the C host with these words after the path of the plug-in.
fn host(words: &[&str]) -> Seen {
    let (host, plugin) = built();
    run(command(&host.to_string_lossy(), &[]).arg(plugin).args(words))
}

const FAILED: &str =
    "at_exit: 1 handler failed:\nat_exit: fails at tests/crates/plugin/src/lib.rs:18: returned exit status 7\n";

#[test]
fn unloading_runs_the_handlers_on_the_calling_thread() {
    let seen = host(&["plugin_start", "close"]);
    let stdout = "host\nregistered\ndeclared: Some(Unload) on the calling thread\nand a line without an endclosed\n";
    // The process goes on: a failure is reported, and does not become its status.
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
    let seen = host(&["plugin_start", "exit3"]);
    assert_eq!((seen.stdout, seen.stderr.as_str(), seen.end), (stdout(3), FAILED, End::Status(3)));
}

#[test]
fn a_library_can_be_loaded_and_unloaded_many_times() {
    if lacks(Needs::Pace) {
        return;
    }
    let seen = host(&["many"]);
    let once = "declared: Some(Unload) on the calling thread\nand a line without an end";
    let expected = format!("host\n{}closed\n", once.repeat(201));
    assert_eq!((seen.stdout, seen.stderr, seen.end), (expected, FAILED.repeat(201), End::Status(0)));
}

#[test]
fn values_are_finished_when_their_library_is_unloaded_or_its_host_exits() {
    let stdout = |cause: &str, place: &str| {
        format!(
            "value made\nhost\nlate one made\ndeclared: Some({cause}) on {place}\nand a line without an end\
             late one dropped on {place}\nvalue closed on {place}\nvalue dropped on {place}\n"
        )
    };
    let seen = host(&["plugin_values", "close"]);
    let expected = stdout("Unload", "the calling thread") + "closed\n";
    assert_eq!((seen.stdout, seen.stderr.as_str(), seen.end), (expected, FAILED, End::Status(0)));
    let seen = host(&["plugin_values", "return"]);
    let expected = stdout("Exit { status: Some(0) }", "at_exit");
    assert_eq!((seen.stdout, seen.stderr.as_str(), seen.end), (expected, FAILED, End::Status(7)));
}

#[test]
fn a_value_that_is_borrowed_when_its_library_is_unloaded_blocks_nothing() {
    let seen = host(&["plugin_borrows", "close"]);
    let borrowed = "is still borrowed by 1 ExitRef, so it is not finished";
    assert!(seen.stderr.contains("at_exit: borrowed at tests/crates/plugin/src/lib.rs:"), "{seen:?}");
    assert!(seen.stderr.ends_with(&format!(": {borrowed}\n")), "{seen:?}");
    assert_eq!((seen.stdout.ends_with("closed\n"), seen.end), (true, End::Status(0)), "{seen:?}");
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
    // The exiting thread's is dropped first, then a handler on the exit thread has its own.
    let stdout = "host\nthread-local dropped\nthread-local used, and another thread\n";
    assert!(seen.stdout.starts_with(stdout) && seen.stdout.ends_with("thread-local dropped\n"), "{seen:?}");
    assert_eq!(seen.end, End::Status(7));
}

#[test]
fn a_plug_in_that_used_thread_locals_stays_loaded_and_its_handlers_run_at_exit() {
    let seen = host(&["plugin_locals", "close"]);
    let stdout = "host\nclosed\nthread-local dropped\nthread-local used, and another thread\n\
                  declared: Some(Exit { status: Some(0) }) on at_exit\nand a line without an endthread-local dropped\n";
    assert_eq!((seen.stdout.as_str(), seen.stderr.as_str(), seen.end), (stdout, FAILED, End::Status(7)));
}

#[test]
fn host_names_are_resolved_at_the_hosts_exit_and_while_the_library_is_unloaded() {
    let stdout = |cause: &str, place: &str| {
        format!("host\nlocalhost is here: true\ndeclared: Some({cause}) on {place}\nand a line without an end")
    };
    let seen = host(&["plugin_resolves", "exit3"]);
    let expected = stdout("Exit { status: Some(3) }", "at_exit");
    assert_eq!((seen.stdout, seen.stderr.as_str(), seen.end), (expected, FAILED, End::Status(3)));
    let seen = host(&["plugin_resolves", "close"]);
    let expected = stdout("Unload", "the calling thread") + "closed\n";
    assert_eq!((seen.stdout, seen.stderr.as_str(), seen.end), (expected, FAILED, End::Status(0)));
}

#[test]
fn tracing_and_tokio_work_in_a_library_when_its_host_exits() {
    let extension = built().1.with_file_name("libextension.so");
    let used = " INFO host: extension: connected, and waited\n INFO host: extension: Ok(())\n";
    for (way, closed, status) in [("return", "", 0), ("exit3", "", 3), ("close", "closed\n", 0)] {
        let seen = run(command(&built().0.to_string_lossy(), &[]).arg(&extension).args(["extension_start", way]));
        let stdout = format!(
            "{used}host\n{closed} INFO handler: extension: connected, and waited\n \
             INFO handler{{cause=Some(Exit {{ status: Some({status}) }})}}: extension: logs\n"
        );
        assert_eq!((seen.stdout, seen.stderr.as_str(), seen.end), (stdout, "", End::Status(status)), "{way}");
    }
}

#[test]
fn a_library_that_is_unloaded_leaves_the_handlers_of_a_copy_alone() {
    let (_, plugin) = built();
    let copy = plugin.with_file_name("libcopy_of_plugin.so");
    fs::copy(plugin, &copy).expect("a copy");
    let seen = host(&["plugin_start", &copy.to_string_lossy(), "plugin_start", "close"]);
    let stdout = "host\n\
                  registered\ndeclared: Some(Unload) on the calling thread\nand a line without an endclosed\n\
                  registered\ndeclared: Some(Exit { status: Some(0) }) on at_exit\nand a line without an end";
    assert_eq!((seen.stdout.as_str(), seen.stderr, seen.end), (stdout, FAILED.repeat(2), End::Status(7)));
}

#[test]
fn a_signal_runs_the_handlers_of_the_copy_that_caught_it() {
    let (_, plugin) = built();
    let seen = run(command(&plugin.with_file_name("rust_host").to_string_lossy(), &[]).arg(plugin).arg("signal"));
    let stdout = "host: 2 pending\nhost: registered\nhost: declared\n";
    assert_eq!((seen.stdout.as_str(), seen.stderr.as_str(), seen.end), (stdout, "", End::Signal(15)));
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
