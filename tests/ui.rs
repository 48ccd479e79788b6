//! Owns the proof of what compiles, and of the errors where it does not; must not know what handlers do.
//!
//! Each folder under `ui/` is about one subject. A `//~ ERROR` comment is on the line of its error, or with one `^` for each line further
//! down, or with a `|` if it is about the same line as the comment above.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Errors in our own words, the same with every compiler.
const OURS: [&str; 4] = ["argument", "item", "option", "path"];

/// Errors in the compiler's words, or with its words around ours, compared with this version only.
const RUSTC: [&str; 7] = ["call", "expanded", "function", "growth", "mismatch", "outcome", "value"];
const RUSTC_VERSION: &str = "rustc 1.95.";

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    let is_comparable = rustc_version().starts_with(RUSTC_VERSION);
    if !is_comparable {
        spawn::cannot_run(&format!("{RUSTC:?} are compared with {RUSTC_VERSION}x only"));
    }
    for subject in OURS.iter().chain(RUSTC.iter().filter(|_| is_comparable)) {
        cases.compile_fail(format!("tests/ui/{subject}/*.rs"));
    }
}

#[test]
fn every_error_is_where_the_comment_says_and_there_is_no_other() {
    for path in OURS.iter().chain(&RUSTC).flat_map(|subject| sources(subject)) {
        let source = fs::read_to_string(&path).unwrap();
        let stderr = fs::read_to_string(path.with_extension("stderr")).unwrap();
        let mut found = complaints(&stderr);
        let mut missing = comments(&source);
        missing.retain(|(line, message)| {
            let complaint = found.iter().position(|(at, said)| at == line && said.starts_with(message));
            complaint.map(|complaint| found.remove(complaint)).is_none()
        });
        let path = path.display();
        assert!(missing.is_empty() && found.is_empty(), "{path}: not complained: {missing:#?}, no comment: {found:#?}");
    }
}

fn rustc_version() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("rustc runs");
    String::from_utf8(output.stdout).expect("rustc prints UTF-8")
}

fn sources(subject: &str) -> Vec<PathBuf> {
    let folder = Path::new("tests/ui").join(subject);
    let paths = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// The line that each comment is about, and the start of its message.
fn comments(source: &str) -> Vec<(usize, &str)> {
    let mut comments: Vec<(usize, &str)> = Vec::new();
    for (number, line) in (1..).zip(source.lines()) {
        let Some((_, comment)) = line.split_once("//~") else { continue };
        let (place, message) = comment.split_once("ERROR ").expect("`//~` is followed by `ERROR`");
        let line = match place.trim() {
            "|" => comments.last().expect("a comment above").0,
            carets => number - carets.len(),
        };
        comments.push((line, message));
    }
    comments
}

/// The line of the case that each error points to first, and its message.
fn complaints(stderr: &str) -> Vec<(usize, &str)> {
    let mut lines = stderr.lines();
    let mut complaints = Vec::new();
    while let Some(line) = lines.next() {
        let Some(message) = line.strip_prefix("error").and_then(|rest| rest.split_once(": ")) else { continue };
        // For a place in the library there is no line; the code it was built for is below it.
        let place = lines.by_ref().find_map(|line| line.trim().strip_prefix("--> ")?.rsplit(':').nth(1));
        complaints.push((place.expect("`--> path:line:column` below the message").parse().unwrap(), message.1));
    }
    complaints
}
