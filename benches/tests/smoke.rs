//! Owns the proof that every benchmark works: each runs once with tiny counts. The figures do not matter here.

use std::process::Command;

#[test]
fn every_benchmark_runs() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    let _ = std::fs::remove_dir_all(&folder);
    let mut command = Command::new(env!("CARGO_BIN_EXE_benches"));
    let output = command.args(["--smoke", "--plot"]).arg(&folder).output().expect("it starts");
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{table}{}", String::from_utf8_lossy(&output.stderr));
    for block in ["registering one", "running one", "removing one", "memory of", "ordering one", "a whole process"] {
        assert!(table.contains(block), "no {block} in\n{table}");
    }
    for picture in ["registering", "running", "removing"] {
        assert!(folder.join(picture).with_extension("svg").is_file(), "no picture of {picture}");
    }
}
