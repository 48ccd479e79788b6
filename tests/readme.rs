//! Owns the proof that README.md shows code of programs that exist and stays short, and that the docs can be searched for what people type.

use std::fs;
use std::path::{Path, PathBuf};

/// Every block of Rust is taken from an example, whose own tests run it. A blank line leaves something out.
#[test]
fn the_code_in_the_readme_is_that_of_the_examples() {
    let sources: Vec<String> =
        sources(&root().join("examples")).iter().map(|path| lines(&fs::read_to_string(path).expect("UTF-8"))).collect();
    let readme = readme();
    let blocks: Vec<&str> = readme.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 7, "only {} blocks are found", blocks.len());
    for block in blocks {
        for part in block.split("\n\n") {
            let part = lines(part);
            assert!(sources.iter().any(|source| source.contains(&part)), "no example has these lines:\n{part}");
        }
    }
}

#[test]
fn the_readme_is_read_in_a_few_minutes() {
    let lines = readme().lines().count();
    assert!((130..=170).contains(&lines), "README.md has {lines} lines");
}

#[test]
fn a_search_of_the_docs_finds_what_people_type() {
    const WORDS: [&str; 12] = [
        "atexit",
        "cleanup",
        "ctrl_c",
        "defer",
        "destructor",
        "drop",
        "finalizer",
        "on_exit",
        "priority",
        "shutdown",
        "sigterm",
        "timeout",
    ];
    let folders = ["atexit-core/src", "atexit-macros/src"].map(|folder| sources(&root().join(folder)));
    let texts: Vec<String> = folders.iter().flatten().map(|path| fs::read_to_string(path).expect("UTF-8")).collect();
    for word in WORDS {
        let alias = format!("#[doc(alias = \"{word}\")]");
        assert!(texts.iter().any(|text| text.contains(&alias)), "nothing has the alias {word}");
    }
}

/// Removes the indentation.
fn lines(code: &str) -> String {
    code.lines().flat_map(|line| [line.trim(), "\n"]).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("UTF-8")
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut found = Vec::new();
    for path in entries.filter(|path| !path.ends_with("target")) {
        if path.is_dir() {
            found.append(&mut sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
