//! Owns the proof that a program can fork, and its children end, with any allocator.

use spawn::{End, assert_seen, command};

#[track_caller]
fn forks_with(program: &str) {
    for scene in ["command_of_a_user", "pre_exec", "in_a_handler", "in_a_run", "while_others_register"] {
        assert_seen(&mut command(program, &[scene]), "guarded\n", "", End::Status(0));
    }
}

#[test]
fn with_that_of_the_c_library() {
    forks_with(env!("CARGO_BIN_EXE_glibc"));
}

#[test]
fn with_jemalloc() {
    forks_with(env!("CARGO_BIN_EXE_jemalloc"));
}

#[test]
fn with_mimalloc() {
    forks_with(env!("CARGO_BIN_EXE_mimalloc"));
}
