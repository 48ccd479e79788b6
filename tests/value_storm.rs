//! Owns the proof that each value is finished once, and never while in use, whatever threads do with it; must not know how.

use spawn::{End, assert_seen, command};

const VALUE_STORM: &str = env!("CARGO_BIN_EXE_value_storm");

#[test]
fn each_value_is_finished_once_and_never_while_in_use() {
    for seed in 0..100_usize {
        let stdout = "all are finished\n".repeat(1 + seed % 2); // the odd ones run all handlers first
        let arguments = [seed, seed * seed].map(|number| number.to_string());
        let arguments = arguments.each_ref().map(String::as_str);
        assert_seen(&mut command(VALUE_STORM, &arguments), &stdout, "", End::Status(0));
    }
}
