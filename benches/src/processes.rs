//! Owns the time of whole processes, from start to end; must not know what is in them.

use std::env::consts::EXE_SUFFIX;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Builds the programs: `cargo run` has built only this one.
pub(crate) fn build() {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--package", env!("CARGO_PKG_NAME"), "--bins"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo can be started");
    assert!(status.success(), "the programs do not build");
}

/// Whether the programs have been built before, perhaps of older code.
pub(crate) fn are_built() -> bool {
    program("empty").exists()
}

/// The path of the program with this name, in this program's folder.
fn program(name: &str) -> PathBuf {
    let this = std::env::current_exe().expect("this program has a path");
    this.with_file_name(format!("{name}{EXE_SUFFIX}"))
}

/// The microseconds that the program takes.
pub(crate) fn measure(name: &str) -> f64 {
    let mut command = Command::new(program(name));
    command.stdin(Stdio::null()).stdout(Stdio::null()).env_remove("AT_EXIT_LOG");
    let start = Instant::now();
    let status = command.status().expect("the program can be started");
    let elapsed = start.elapsed();
    assert!(status.success(), "{name} fails");
    elapsed.as_secs_f64() * 1e6
}
