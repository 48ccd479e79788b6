//! Owns the target under test: its name, how its programs are built and started, and which platform it belongs to.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::import_names;
use crate::platforms::{ONE_THREAD_IN_EXIT, PLATFORMS, Platform};

pub(crate) struct Target {
    pub(crate) platform: &'static Platform,
    triple: String,
    /// The words that start a program; none if programs start by themselves.
    runner: Vec<String>,
    folder: PathBuf,
}

impl Target {
    /// The target that the environment names, with its programs.
    ///
    /// `TEST_TARGET` is its name, by default that of this machine, and `TEST_RUSTFLAGS` are the flags of the compiler. Settings that cargo has
    /// for the target, such as its linker and its runner, come from cargo's own variables.
    pub(crate) fn get() -> &'static Self {
        static TARGET: OnceLock<Target> = OnceLock::new();
        TARGET.get_or_init(|| {
            let this_machine = this_machine();
            let triple = env::var("TEST_TARGET").unwrap_or_else(|_| this_machine.clone());
            let flags = env::var("TEST_RUSTFLAGS").unwrap_or_default();
            let is_new = triple == this_machine && spawn::one_thread_in_exit();
            let platform = platform(&triple, &format!("{flags} {}", if is_new { ONE_THREAD_IN_EXIT } else { "" }));
            let folder = build(&triple, &flags, platform);
            let runner = format!("CARGO_TARGET_{}_RUNNER", triple.replace('-', "_").to_uppercase());
            let runner = env::var(runner).unwrap_or_default().split_whitespace().map(str::to_owned).collect();
            let target = Self { platform, triple, runner, folder };
            target.warm_up();
            target
        })
    }

    /// Starts a program with these arguments.
    pub(crate) fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut words: Vec<&str> = self.runner.iter().map(String::as_str).collect();
        let program = self.program(program);
        words.push(&program);
        words.extend(args);
        spawn::command(words[0], &words[1..])
    }

    fn program(&self, name: &str) -> String {
        self.folder.join(format!("{name}{}", suffix(&self.triple))).to_string_lossy().into_owned()
    }

    /// The library that is opened at run time.
    pub(crate) fn library(&self) -> String {
        let name = if self.triple.contains("windows") {
            "platforms_library.dll"
        } else if self.triple.contains("apple") {
            "libplatforms_library.dylib"
        } else {
            "libplatforms_library.so"
        };
        self.folder.join(name).to_string_lossy().into_owned()
    }

    /// An emulator may start servers that outlive the first program, and would keep its pipes open.
    fn warm_up(&self) {
        let mut command = self.command("probe", &["return"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().expect("a program of the target starts");
    }
}

fn this_machine() -> String {
    let output = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("-vV").output();
    let output = String::from_utf8(output.expect("rustc starts").stdout).expect("UTF-8");
    output.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host").to_owned()
}

/// The one with the most flags, because some require none.
fn platform(triple: &str, flags: &str) -> &'static Platform {
    let fits = |platform: &&Platform| platform.targets.contains(&triple) && flags.contains(platform.flags);
    let platform = PLATFORMS.iter().filter(fits).max_by_key(|platform| platform.flags.len());
    platform.unwrap_or_else(|| panic!("{triple} belongs to no platform"))
}

fn suffix(triple: &str) -> &'static str {
    if triple.contains("windows") {
        ".exe"
    } else if triple.starts_with("wasm") {
        ".wasm"
    } else {
        ""
    }
}

/// Builds all programs, and returns their folder.
fn build(triple: &str, flags: &str, platform: &Platform) -> PathBuf {
    let build = |flags: &str, args: &[&str]| {
        let args = [&["--target", triple][..], args].concat();
        // If another test has built the procedural macros.
        spawn::build("unload", &args, &[("RUSTFLAGS", flags)])
    };
    // It has the same name as the other one, so it is moved.
    let folder = build(&format!("{flags} -Cpanic=abort"), &["-p", "platforms", "--bin", "probe"]);
    let named = |name: &str| folder.join(format!("{name}{}", suffix(triple)));
    copy(&named("probe"), &named("probe_abort"));
    let library: &[&str] = if platform.has_libraries { &["-p", "platforms_library"] } else { &[] };
    let folder = build(flags, &[&["-p", "platforms"], library].concat());
    for (name, library) in [("probe_unnamed", ""), ("probe_unnamed_c", "msvcrt")] {
        copy(&named("probe"), &named(name));
        if triple.contains("windows") {
            let mut program = fs::read(named("probe")).expect("a program can be read");
            import_names::take_out(&mut program, library);
            fs::write(named(name), program).expect("a program can be written");
        }
    }
    folder
}

/// The file that was there may be running.
fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_file(to);
    spawn::copy_program(from, to);
}
