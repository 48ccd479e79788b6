//! Owns what happens at exit when the system refuses something: memory, descriptors, space on a device, a reader of a pipe, or sense in
//! the environment.

use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use spawn::c_library::cause_in_exit;
use spawn::target::{Needs, lacks};
use spawn::{End, Seen, assert_seen, build, cc, command, copy_program, run};

const FAULTS: &str = env!("CARGO_BIN_EXE_faults");

/// Where a stream of a program goes that cannot take its output.
#[derive(Clone, Copy, Debug)]
enum Sink {
    /// A device without space.
    Full,
    /// A stream that nobody reads, which is as good as a pipe.
    Broken,
}

const SINKS: [Sink; 2] = [Sink::Full, Sink::Broken];

impl Sink {
    fn open(self) -> Stdio {
        match self {
            Self::Full => File::options().write(true).open("/dev/full").expect("a device of every Linux").into(),
            Self::Broken => OwnedFd::from(UnixStream::pair().expect("two descriptors").1).into(),
        }
    }
}

#[derive(Clone, Copy)]
enum Stream {
    Stdout,
    Stderr,
}

/// Runs a program with one stream connected to the sink, and returns the output of the other one, and how the program ended.
fn run_into(sink: Sink, stream: Stream, command: &mut Command) -> (String, End) {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = match stream {
        Stream::Stdout => command.stdout(sink.open()).output(),
        Stream::Stderr => command.stderr(sink.open()).output(),
    };
    let output = output.expect("it starts");
    let seen = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&seen).into_owned(), output.status.into())
}

#[test]
fn a_registration_without_memory_aborts_as_std_does() {
    if lacks(Needs::MemoryLimit) {
        return;
    }
    let seen = run(&mut command(FAULTS, &["no_memory"]));
    assert!(seen.stderr.starts_with("memory allocation of ") && seen.stderr.contains(" bytes failed"), "{seen:?}");
    assert_eq!((seen.stdout.as_str(), seen.end), ("", End::Signal(libc::SIGABRT)));
}

#[test]
fn no_memory_during_a_run_ends_the_process_and_not_in_a_circle() {
    if lacks(Needs::MemoryLimit) {
        return;
    }
    let seen = run(&mut command(FAULTS, &["no_memory_during_the_run"]));
    assert!(seen.stderr.starts_with("memory allocation of ") && seen.stderr.contains(" bytes failed"), "{seen:?}");
    assert_eq!((seen.stdout.as_str(), seen.end), ("younger\n", End::Signal(libc::SIGABRT)));
}

#[test]
fn handlers_that_were_registered_in_time_need_no_memory() {
    if lacks(Needs::MemoryLimit) {
        return;
    }
    let stdout = "used up\nwas looked at\n".to_owned() + &"older\n".repeat(100);
    assert_seen(&mut command(FAULTS, &["memory_used_up_by_a_handler"]), &stdout, "", End::Status(0));
}

/// The place of this text in `faults`.
fn at(text: &str) -> String {
    let line = include_str!("programs/faults.rs").lines().take_while(|line| !line.contains(text)).count() + 1;
    format!("tests/programs/faults.rs:{line}")
}

#[test]
fn where_no_thread_can_be_started_no_handler_is_lost() {
    let exit = format!("on main: {}", cause_in_exit(0));
    let stdout = format!("younger {exit}\nregistered {exit}\ncaller {exit}\nolder {exit}\n");
    let stderr = format!(
        "at_exit: 2 handlers failed:\nat_exit: panics at {}: panicked: boom\n\
         at_exit: slow at {}: exceeded its time limit of 1ns\n",
        at(r#"name("panics")"#),
        at(r#"name("slow")"#)
    );
    assert_seen(&mut command(FAULTS, &["no_thread"]), &stdout, &stderr, End::Status(5));

    // Nothing watches the deadline, but it is checked between two handlers.
    let stdout = format!("younger {exit}\n");
    let stderr = format!(
        "at_exit: 1 handler not run before the deadline:\nat_exit: older at {}\nat_exit: 1 handler failed:\n\
         at_exit: sleeps at {}: was still running at the deadline\n",
        at(r#"Handler::new(|| say_where("older")).name("older")"#),
        at("let sleeps = ")
    );
    assert_seen(&mut command(FAULTS, &["no_thread_to_watch"]), &stdout, &stderr, End::Status(1));

    let run = "on main: Some(Run)";
    let stdout = format!("younger {run}\nolder {run}\n2 ran\nat exit {exit}\n");
    assert_seen(&mut command(FAULTS, &["no_thread_for_run"]), &stdout, "", End::Status(0));
}

#[test]
fn where_no_thread_can_be_started_signals_are_refused_or_have_theirs() {
    let refused = "refused: the thread that waits for signals cannot be started: Resource temporarily unavailable (os error 11)\n";
    let stdout = format!("{refused}handler on main: {}\n", cause_in_exit(0));
    assert_seen(&mut command(FAULTS, &["no_thread_for_signals"]), &stdout, "", End::Status(0));

    let stdout = "caller on at_exit_signals: Some(Signal(SIGTERM))\nolder on at_exit_signals: Some(Signal(SIGTERM))\n";
    assert_seen(&mut command(FAULTS, &["no_thread_after_signals"]), stdout, "", End::Signal(15));
}

#[test]
fn neither_handlers_nor_signals_need_descriptors() {
    assert_seen(&mut command(FAULTS, &["no_descriptors"]), "younger\nolder\n", "", End::Status(0));
    assert_seen(&mut command(FAULTS, &["no_descriptors_for_signals"]), "handler\n", "", End::Signal(15));
}

#[test]
fn a_stderr_that_takes_nothing_loses_no_handler() {
    for sink in SINKS {
        let seen = run_into(sink, Stream::Stderr, command(FAULTS, &["fails"]).env("AT_EXIT_LOG", "trace"));
        assert_eq!(seen, (String::new(), End::Status(43)), "{sink:?}");
    }
    // The same without any stream.
    assert_seen(&mut command(FAULTS, &["closed"]), "", "", End::Status(43));
}

#[test]
fn a_stdout_that_takes_nothing_fails_the_handlers_that_print() {
    for sink in SINKS {
        let (stderr, end) = run_into(sink, Stream::Stdout, &mut command(FAULTS, &["prints"]));
        let lines: Vec<_> = stderr.lines().collect();
        assert_eq!((lines.len(), lines.first(), end), (3, Some(&"at_exit: 2 handlers failed:"), End::Status(101)));
        assert!(lines[1..].iter().all(|line| line.contains("panicked: failed printing to stdout: ")), "{stderr}");
    }
}

#[test]
fn output_that_the_program_left_in_stdouts_buffer_fails_no_handler() {
    assert_seen(&mut command(FAULTS, &["partial_line"]), "a line without an end", "", End::Status(41));
    for sink in SINKS {
        let seen = run_into(sink, Stream::Stdout, &mut command(FAULTS, &["partial_line"]));
        assert_eq!(seen, (String::new(), End::Status(41)), "{sink:?}");
    }
}

#[test]
fn an_unknown_level_is_reported_and_the_default_applies() {
    let hidden = ("\x1b[A\u{202e}".as_bytes(), "\"\\u{1b}[A\\u{202e}\"");
    for (level, shown) in [(&b"loud"[..], "\"loud\""), (b"lo\xffud", "\"lo\\xFFud\""), (b"Plan", "\"Plan\""), hidden] {
        let stderr = format!("at_exit: AT_EXIT_LOG is {shown}, which is none of off, error, plan, trace\n");
        let mut prints = command(FAULTS, &["prints"]);
        assert_seen(prints.env("AT_EXIT_LOG", OsStr::from_bytes(level)), "younger\nolder\n", &stderr, End::Status(0));
    }
    assert_seen(command(FAULTS, &["prints"]).env("AT_EXIT_LOG", ""), "younger\nolder\n", "", End::Status(0));
}

/// Any user except root.
const NOBODY: u32 = 65534;

#[test]
fn a_process_with_other_rights_than_its_starter_ignores_the_environment() {
    // SAFETY: POSIX; it cannot fail.
    let is_root = unsafe { libc::geteuid() } == 0;
    // Nobody else can make such a program; below, the C library's answer is different.
    if !is_root || lacks(Needs::RightsOfFiles) {
        return;
    }
    // With the bit set, the same program, started by the same user, has root's rights.
    let scratch = std::env::temp_dir().join(format!("at_exit_rights_{}", std::process::id()));
    copy_program(Path::new(FAULTS), &scratch);
    let seen = [0o755, 0o4755].map(|mode| {
        std::fs::set_permissions(&scratch, Permissions::from_mode(mode)).expect("root may");
        let mut prints = command(&scratch.to_string_lossy(), &["prints"]);
        run(prints.env("AT_EXIT_LOG", "trace").uid(NOBODY).gid(NOBODY).current_dir("/"))
    });
    std::fs::remove_file(&scratch).expect("it is ours");
    assert!(seen[0].stderr.contains("at_exit: started "), "{seen:?}");
    assert_eq!(seen[1], Seen { stdout: "younger\nolder\n".into(), stderr: String::new(), end: End::Status(0) });
}

#[test]
fn so_does_one_whose_environment_the_system_does_not_trust() {
    if lacks(Needs::SharedLibraries) {
        return;
    }
    let library = build("faults", &["-p", "plugin"], &[]).join("libsecure.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/secure.c");
    cc(&library, ["-shared", "-fPIC", source, "-ldl"]);
    for level in ["trace", "loud"] {
        let mut prints = command(FAULTS, &["prints"]);
        prints.env("AT_EXIT_LOG", level);
        assert_ne!(run(&mut prints).stderr, "");
        assert_seen(prints.env("LD_PRELOAD", &library), "younger\nolder\n", "", End::Status(0));
    }
}

/// If `main` is Rust's, SIGPIPE is ignored unless the program restores the default. Then it kills every writer to such a pipe,
/// except the library.
#[test]
fn reporting_a_failure_kills_no_process_by_sigpipe() {
    let mut default = command(FAULTS, &["default_sigpipe"]);
    let seen = run_into(Sink::Broken, Stream::Stderr, &mut default);
    assert_eq!(seen, ("younger\nolder\n".to_owned(), End::Status(1)));
    let seen = run_into(Sink::Broken, Stream::Stderr, default.env("AT_EXIT_LOG", "off"));
    assert_eq!(seen, ("younger\nolder\n".to_owned(), End::Status(1)));
}

#[test]
fn a_host_that_is_not_rust_may_have_a_stderr_that_takes_nothing() {
    if lacks(Needs::SharedLibraries) {
        return;
    }
    let folder = build("faults", &["-p", "plugin"], &[]);
    let host = folder.join("host_of_faults");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/host.c");
    cc(&host, [source, "-ldl"]);
    let host = |sink: Sink| {
        let mut host = command(&host.to_string_lossy(), &[]);
        host.arg(folder.join("libplugin.so")).args(["plugin_start", "return"]);
        run_into(sink, Stream::Stderr, &mut host)
    };
    let stdout = "host\nregistered\ndeclared: Some(Exit { status: Some(0) }) on at_exit\nand a line without an end";
    assert_eq!(host(Sink::Full), (stdout.to_owned(), End::Status(7)));
    // Nothing ignores SIGPIPE there.
    assert_eq!(host(Sink::Broken), (stdout.to_owned(), End::Status(7)));
}
