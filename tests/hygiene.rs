//! Owns what expansions may demand of the crates that they stand in: nothing. The crates under `tests/crates` compile, or this does not.

use spawn::{End, assert_seen, build, command};

#[test]
fn strict_crates_of_both_editions_compile_in_silence_and_run() {
    let folder = build("hygiene", &["-p", "strict_2021", "-p", "strict_2024"], &[]);
    let expected = "\
main
inner
logging
never
asynchronous
of_c
several(1, two, [3.0])
stacked(two)
stacked(one)
plain
logging::close
";
    for program in ["strict_2021", "strict_2024"] {
        assert_seen(&mut command(&folder.join(program).to_string_lossy(), &[]), expected, "", End::Status(5));
    }
}

#[test]
fn a_renamed_dependency_is_named_by_an_option() {
    let program = build("hygiene", &["-p", "renamed"], &[]).join("renamed");
    assert_seen(&mut command(&program.to_string_lossy(), &[]), "re-exported 2\nrenamed\n", "", End::Status(0));
}
