//! Owns the proof that a program with two versions of the library fails to build: it would have two sets of handlers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use spawn::{End, assert_seen, build, cannot_run, command, try_build};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

const MESSAGE: &str = "two_versions_of_atexit_core_in_one_program__see_cargo_tree_duplicates";

/// Its feature `newer` adds the second version.
const MANIFEST: &str = r#"
[package]
name = "two_versions"
edition = "2024"

[features]
newer = ["dep:newer"]

[dependencies]
older = { package = "atexit-core", path = "ROOT/atexit-core" }
newer = { package = "atexit-core", path = "../atexit-core", optional = true }
"#;

/// It only declares a handler with the second version.
const MAIN: &str = r#"
fn main() {
    older::register(|| println!("older"));
}

#[cfg(feature = "newer")]
#[newer::at_exit(crate = newer)]
fn handler() {}
"#;

/// A build, in a folder shared with the order tests: its folder, its flags and its settings.
type Build = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

const PLAIN: Build = ("order-dev", &[], &[]);

/// This linker merges two `static`s of the same name.
const THIN: Build = ("order-thin-lto", &["--release"], &[("CARGO_PROFILE_RELEASE_LTO", "thin")]);

/// This linker compares the names of sections that are kept, and only those.
const MOLD: Build = ("mold-dev", &[], &[("RUSTFLAGS", "-Clink-arg=-fuse-ld=mold")]);

#[test]
fn two_versions_in_one_program_are_a_linker_error() {
    let manifest = write_workspace().join("two_versions/Cargo.toml");
    let args = ["--manifest-path", manifest.to_str().expect("UTF-8")];
    let has_mold = Command::new("mold").arg("--version").output().is_ok();
    if !has_mold {
        cannot_run("there is no mold");
    }
    for (folder, flags, env) in [PLAIN, THIN].into_iter().chain(has_mold.then_some(MOLD)) {
        let args = [&args, flags, &["--features", "newer"]].concat();
        let said = try_build(folder, &args, env).expect_err("two versions");
        assert!(said.contains(MESSAGE), "{folder}: {said}");
    }
    let (folder, _, env) = PLAIN;
    let program = build(folder, &args, env).join("two_versions");
    assert_seen(&mut command(&program.to_string_lossy(), &[]), "older\n", "", End::Status(0));
}

/// Writes a workspace with the program and a newer version of the library, and returns its folder.
fn write_workspace() -> PathBuf {
    let root = Path::new(ROOT);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("two_versions");
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
        _ => {}
    }
    for copied in ["atexit-core", "atexit-macros"] {
        copy(&root.join(copied), &folder.join(copied));
    }
    copy(&root.join("Cargo.lock"), &folder.join("Cargo.lock"));
    write(&folder.join("Cargo.toml"), &newer_workspace(&read(&root.join("Cargo.toml"))));
    write(&folder.join("two_versions/Cargo.toml"), &MANIFEST.replace("ROOT", ROOT));
    write(&folder.join("two_versions/src/main.rs"), MAIN);
    folder
}

/// The parts of this repository's manifest that apply to all packages, for the other workspace and a newer version.
fn newer_workspace(manifest: &str) -> String {
    let shared = manifest.split("[workspace.package]").nth(1).expect("what packages share");
    let shared = shared.split("\n[package]").next().unwrap_or_default();
    let members = "[workspace]\nresolver = \"3\"\nmembers = [\"atexit-core\", \"atexit-macros\", \"two_versions\"]\n";
    let version = env!("CARGO_PKG_VERSION");
    format!("{members}\n[workspace.package]{}", shared.replace(&format!("{version}\""), "99.0.0\""))
}

/// Copies a file, or a folder with everything in it.
fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        for entry in fs::read_dir(from).expect("a folder") {
            let name = entry.expect("read").file_name();
            copy(&from.join(&name), &to.join(&name));
        }
    } else {
        fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        fs::copy(from, to).expect("copied");
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("read")
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, text).expect("written");
}
