//! Owns what `check_links` says over real crates: each that is forgotten is named, with the line to write, and no other.

use std::fs;
use std::path::{Path, PathBuf};

use spawn::{End, Seen, assert_seen, build, command, run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_unlinked");

const BETA: &str = "linked_beta 0.1.0 is not linked, so its handler at tests/crates/linked_beta/src/lib.rs:6 does not run: \
    write `atexit_core::link!(linked_beta);` in unlinked\n";
const GAMMA: &str = "linked_gamma 0.1.0 is not linked, so its handler at tests/crates/linked_gamma/src/lib.rs:6 does not run: \
    write `atexit_core::link!(linked_gamma as gamma);` in unlinked\n";
const EXTRA: &str = "unlinked_extra 0.1.0 is not linked, so its link! at tests/crates/unlinked_extra/src/lib.rs:3 links nothing: \
    write `atexit_core::link!(unlinked_extra);` in unlinked\n";
const NET: &str = "order_net 0.1.0 is not linked, so its handler at tests/crates/order_net/src/lib.rs:5 does not run: \
    write `atexit_core::link!(order_net);` in unlinked\n";
const LOG: &str = "order_log 0.1.0 is not linked, so its handler at tests/crates/order_log/src/lib.rs:5 does not run: \
    write `atexit_core::link!(order_log as log);` in unlinked_glue, and link unlinked_glue if nothing names it\n";
const RENAMES: &str = "unlinked_renames 0.1.0 is not linked, \
    so its handler at tests/crates/unlinked_renames/src/outer/renamed.rs:7 does not run: \
    write `use unlinked_renames as _;` in unlinked_bare, and link unlinked_bare if nothing names it\n";
const OWN: &str = "unlinked 0.1.0 is not linked, so its handler at tests/crates/unlinked/src/lib.rs:5 does not run: \
    write `atexit_core::link!(unlinked);` in the program or test that needs it\n";

const ITEMS: [&str; 5] = [
    "linked_beta atexit_core::link!(linked_beta); unlinked\n",
    "linked_gamma atexit_core::link!(linked_gamma as gamma); unlinked\n",
    "order_log atexit_core::link!(order_log as log); unlinked_glue\n",
    "unlinked_renames use unlinked_renames as _; unlinked_bare\n",
    "unlinked atexit_core::link!(unlinked); unlinked\n",
];

#[test]
fn each_crate_that_is_forgotten_is_named_with_the_line_to_write() {
    let stdout = [BETA, GAMMA, LOG, RENAMES, OWN].into_iter().chain(ITEMS).collect::<String>();
    assert_seen(&mut command(PROGRAM, &[]), &stdout, "", End::Status(0));
}

#[test]
fn an_exception_counts_as_linked() {
    let exceptions = ["linked_beta", "linked_gamma", "order_log", "unlinked_renames"];
    let stdout = [OWN, ITEMS[4]].concat();
    assert_seen(&mut command(PROGRAM, &exceptions), &stdout, "", End::Status(0));
    let exceptions = [&exceptions[..], &["unlinked"]].concat();
    assert_seen(&mut command(PROGRAM, &exceptions), "all is linked\n", "", End::Status(0));
}

#[test]
fn the_options_say_which_features_and_which_target_count() {
    let Seen { stdout, .. } = run(&mut command(PROGRAM, &["--", "--locked", "--features", "unlinked/extra"]));
    let expected = [BETA, GAMMA, EXTRA, LOG, RENAMES, OWN];
    assert_eq!(stdout.split_inclusive('\n').take(expected.len()).collect::<Vec<_>>(), expected);
    let Seen { stdout, .. } = run(&mut command(PROGRAM, &["--", "--filter-platform", "x86_64-unknown-linux-musl"]));
    let expected = [BETA, GAMMA, NET, LOG, RENAMES, OWN];
    assert_eq!(stdout.split_inclusive('\n').take(expected.len()).collect::<Vec<_>>(), expected);
}

#[test]
fn with_the_lines_that_it_asks_for_all_is_linked() {
    let features = ["--features", "unlinked/fixed"];
    let program = build("unlinked", &[&["-p", "unlinked"], &features[..]].concat(), &[]).join("unlinked");
    let mut command = command(&program.to_string_lossy(), &["--"]);
    assert_seen(command.args(features), "all is linked\n", "", End::Status(0));
}

/// A workspace of a test's own, whose package has no dependencies.
fn workspace(name: &str, package: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let lock = format!("version = 4\n\n[[package]]\nname = \"{package}\"\nversion = \"0.0.0\"\n");
    for (file, text) in files.iter().copied().chain([("Cargo.lock", &*lock)]) {
        let file = folder.join(file);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(file, text).expect("a file");
    }
    folder
}

#[test]
fn an_error_says_why_nothing_is_known() {
    let missing = Path::new(env!("CARGO_TARGET_TMPDIR")).join("missing");
    let manifest = "[package]\nname = \"broken\"\n[workspace]\n";
    let no_lock = workspace("no_lock", "another", &[("Cargo.toml", manifest), ("src/lib.rs", "")]);
    let unreadable = workspace("unreadable", "broken", &[("Cargo.toml", manifest), ("src/lib.rs", "\n\"\n")]);
    let files = [
        ("Cargo.toml", "[workspace]\nmembers = [\"member\"]\n"),
        ("member/Cargo.toml", "[package]\nname = \"member\"\n"),
        ("member/src/lib.rs", ""),
    ];
    let virtual_one = workspace("virtual", "member", &files);
    let cargo_said = |folder: &Path, words: &str| {
        let seen = run(command(PROGRAM, &[]).env("CARGO_MANIFEST_DIR", folder));
        let begins = seen.stdout.starts_with("cannot learn the dependencies: `cargo metadata` exited with an error: ");
        assert!(begins && seen.stdout.contains(words), "{seen:#?}");
    };
    cargo_said(&missing, "missing/Cargo.toml");
    cargo_said(&no_lock, "--locked");

    let told = |folder: &Path, stdout: &str| {
        assert_seen(command(PROGRAM, &[]).env("CARGO_MANIFEST_DIR", folder), stdout, "", End::Status(0));
    };
    let file = unreadable.join("src/lib.rs");
    told(&unreadable, &format!("cannot read {}: line 2: cannot parse string into token stream\n", file.display()));
    let manifest = virtual_one.join("Cargo.toml");
    told(&virtual_one, &format!("`cargo metadata` knows no package with the manifest {}\n", manifest.display()));

    let no_cargo = format!("cannot start {}: No such file or directory (os error 2)\n", missing.display());
    assert_seen(command(PROGRAM, &[]).env("CARGO", &missing), &no_cargo, "", End::Status(0));
    let unset = "CARGO_MANIFEST_DIR is not set, so the package is unknown: run this test by `cargo test`\n";
    assert_seen(command(PROGRAM, &[]).env_remove("CARGO_MANIFEST_DIR"), unset, "", End::Status(0));
}
