//! Owns a library with handlers that is loaded before `main`, because the program is linked with it or because it is preloaded; and, for
//! comparison, one that is opened. On every way out, its handlers run as those of a program do.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use spawn::{End, Seen, assert_seen, build, cc, command, run};

/// The folder with all programs and libraries, except those of [`dynamic`].
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = build("linked", &["-p", "shared"], &[]);
        let file = |name| folder.join(name).into_os_string().into_string().expect("a path in UTF-8");
        let (host, opener, shared) = (source("host.c"), source("opener.c"), file("libshared.so"));
        let find = ["-Wl,--no-as-needed".to_owned(), format!("-L{}", file("")), format!("-Wl,-rpath,{}", file(""))];
        let program = |name, with: &[&str]| {
            let libraries = with.iter().copied().chain(["-ldl", "-lpthread"]).map(str::to_owned);
            cc(&folder.join(name), find.iter().cloned().chain([host.clone()]).chain(libraries));
        };
        let library = |name, with: &[&str]| {
            let with = ["-shared", "-fPIC"].iter().chain(with).map(|&word| word.to_owned());
            cc(&folder.join(name), find.iter().cloned().chain(with));
        };
        let path = format!("-DPATH=\"{shared}\"");
        library("libneeds.so", &["-x", "c", "/dev/null", "-lshared"]);
        library("libopener.so", &[&path, &opener]);
        library("libcloser.so", &[&path, "-DCLOSES", &opener]);
        program("host", &[]);
        program("linked", &["-lshared"]);
        program("linked_by_path", &[&shared]);
        program("needs", &["-lneeds"]);
        program("opener", &["-lopener"]);
        program("closer", &["-lcloser"]);
        folder
    })
}

fn source(name: &str) -> String {
    format!("{}/tests/programs/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn program(name: &str) -> Command {
    command(&built().join(name).to_string_lossy(), &[])
}

/// The program whose library is a Rust `dylib`, and the folders of the libraries that it needs.
fn dynamic() -> Command {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let flags = [("RUSTFLAGS", "-Cprefer-dynamic")];
    let folder = BUILT.get_or_init(|| build("dynamic", &["-p", "dynamic_program", "-p", "dynamic_plugin"], &flags));
    let rustc = Command::new("rustc").args(["--print", "target-libdir"]).output().expect("rustc starts");
    let std = String::from_utf8_lossy(&rustc.stdout);
    let mut program = command(&folder.join("dynamic_program").to_string_lossy(), &[]);
    program.env("LD_LIBRARY_PATH", format!("{}:{}", folder.display(), std.trim()));
    program
}

/// What the last word makes the program do, and with which status.
const WAYS_OUT: [(&str, i32); 4] = [("return", 0), ("exit", 0), ("exit3", 3), ("thread", 3)];

/// What a handler of the library does, set by `SHARED`; see there.
const DEEDS: [&str; 5] = ["", "fail", "hang", "exit", "use thread-locals"];

/// The expected outcome of a program that ends with this status and does `deed` at exit. `told`: handlers and library know the status.
/// `started`: one more handler was registered; then the exiting thread, if it is `main`'s, has thread-locals.
fn exit_seen((way, status): (&str, i32), deed: &str, told: bool, started: bool) -> Seen {
    let failed = |what: &str| format!("at_exit: 1 handler failed:\nat_exit: {what}\n");
    let or = |failure| if status == 0 { failure } else { status };
    let (stderr, end) = match deed {
        "fail" => (failed("fails at tests/crates/shared/src/lib.rs:54: returned exit status 7"), or(7)),
        "hang" => (failed("hangs at tests/crates/shared/src/lib.rs:71: exceeded its time limit of 20ms"), or(1)),
        "exit" => (String::new(), 9),
        _ => (String::new(), status),
    };
    let locals = deed == "use thread-locals";
    let dropped = "thread-local dropped\n";
    let cause = if told { format!("Some({status})") } else { "None".into() };
    let stdout = [
        "host\n",
        if locals && started && way != "thread" { dropped } else { "" },
        if started { "registered\n" } else { "" },
        if locals { "and another thread\n" } else { "" },
        &format!("Some(Exit {{ status: {cause} }}) on the exit thread\n"),
        if locals { dropped } else { "" },
    ];
    Seen { stdout: stdout.concat(), stderr, end: End::Status(end) }
}

/// On every way out, whatever happens there, with and without a call into the library before.
fn assert_exits(program: impl Fn() -> Command, first_word: &str, is_opened: bool) {
    for started in [false, true] {
        for way in WAYS_OUT {
            for deed in DEEDS {
                let mut command = program();
                command.env("SHARED", deed).arg(first_word).args(started.then_some("shared_start")).arg(way.0);
                let Seen { stdout, stderr, end } = exit_seen(way, deed, started || is_opened, started);
                assert_seen(&mut command, &stdout, &stderr, end);
            }
        }
    }
}

#[test]
fn a_library_that_the_program_is_linked_with_exits_like_a_program() {
    assert_exits(|| program("linked"), "-", false);
    assert_exits(|| program("linked_by_path"), "-", false);
}

#[test]
fn so_does_one_that_another_library_needs() {
    assert_exits(|| program("needs"), "-", false);
}

#[test]
fn so_does_one_that_is_preloaded() {
    let preloaded = || {
        let mut program = program("host");
        program.env("LD_PRELOAD", built().join("libshared.so"));
        program
    };
    assert_exits(preloaded, "-", false);
}

#[test]
fn so_does_a_rust_dylib() {
    assert_exits(dynamic, "-", false);
}

#[test]
fn a_plug_in_that_shares_a_rust_dylib_leaves_no_code_behind() {
    let mut program = dynamic();
    let plugin = Path::new(program.get_program()).with_file_name("libdynamic_plugin.so");
    let Seen { stdout, stderr, end } = exit_seen(("exit3", 3), "", true, false);
    assert_seen(program.arg(format!("plugin={}", plugin.display())).arg("exit3"), &stdout, &stderr, end);
}

#[test]
fn so_does_one_that_is_opened() {
    assert_exits(|| program("host"), &built().join("libshared.so").to_string_lossy(), true);
}

#[test]
fn so_does_one_that_another_library_opens_before_main() {
    assert_exits(|| program("opener"), "-", false);
    assert_exits(|| program("closer"), "-", false); // in a destructor, when the loader no longer unloads anything
}

/// The expected output until `dlclose` returns. The process goes on: a failure is reported, and does not become its status.
fn assert_unload(program: &mut Command, words: [&str; 2], stdout: [&str; 2], status: i32) {
    let stdout = format!("{}Some(Unload) on the calling thread\n{}", stdout[0], stdout[1]);
    let failed = exit_seen(("", 0), "fail", false, false).stderr;
    assert_seen(program.env("SHARED", "fail").args(words), &stdout, &failed, End::Status(status));
}

#[test]
fn closing_it_is_an_unload() {
    let shared = built().join("libshared.so");
    assert_unload(&mut program("host"), [&shared.to_string_lossy(), "close"], ["host\n", "closed\n"], 0);
    for (way, status) in WAYS_OUT {
        for opened_before_main in ["opener", "closer"] {
            let mut program = program(opened_before_main);
            assert_unload(program.arg("-"), ["opener_close", way], ["", "host\n"], status);
        }
    }
}

#[test]
fn an_unload_leaks_stdouts_buffer_and_nothing_else() {
    let mut program = program("host");
    program.env("SHARED", "say nothing").args([&*built().join("libshared.so").to_string_lossy(), "measure"]);
    let seen = run(&mut program);
    let left = seen.stdout.strip_prefix("host\n").and_then(|rest| rest.trim().parse::<usize>().ok());
    // The buffer is std's: the library's copy of std allocates it when asked to flush, and never frees it.
    assert!(left.is_some_and(|left| left <= 200 * (1024 + 16)), "{seen:?}");
    assert_eq!((seen.stderr.as_str(), seen.end), ("", End::Status(0)));
}

#[test]
fn closing_it_in_an_exit_function_is_an_exit() {
    let shared = built().join("libshared.so");
    let shared = shared.to_string_lossy();
    let Seen { stdout, stderr, end } = exit_seen(("return", 0), "fail", true, true);
    let mut registered = program("host");
    registered.env("SHARED", "fail").args([&*shared, "shared_start", "at_exit"]);
    assert_seen(&mut registered, &(stdout + "closed\n"), &stderr, end);
    // If none was registered after that function, the loader's lock is held, and the status is not known.
    let stdout = "host\nSome(Exit { status: None }) on the calling thread\nclosed\n";
    for (deed, stderr, status) in [("", "", 0), ("fail", &*stderr, 7), ("exit", "", 9)] {
        let mut program = program("host");
        assert_seen(program.env("SHARED", deed).args([&*shared, "at_exit"]), stdout, stderr, End::Status(status));
    }
}
