//! Owns what happens to handlers when the process forks.

use spawn::c_library::TELLS_STATUS;
use spawn::target::times;
use spawn::{End, assert_seen, command};

const FORKS: &str = env!("CARGO_BIN_EXE_forks");

#[track_caller]
fn check(scene: &str, stderr: &str, status: i32) {
    assert_seen(&mut command(FORKS, &[scene]), "", stderr, End::Status(status));
}

#[test]
fn a_child_inherits_pending_handlers() {
    let child = "child: registered in the child\nchild: younger\nchild: older\n";
    check("inherited", &format!("{child}parent: the child exited with 3\nparent: younger\nparent: older\n"), 0);
}

#[test]
fn a_child_that_does_not_reach_c_exit_runs_nothing() {
    check("ends_at_once", "parent: the child exited with 3\nparent: handler\n", 0);
    check("becomes_another_program", "parent: the child exited with 0\nparent: handler\n", 0);
}

#[test]
fn a_handler_of_this_process_is_forgotten_in_the_child_and_its_captures_are_not_dropped() {
    let parent = "parent: everywhere\nparent: registered\nparent: captures dropped\nparent: declared\n";
    check("this_process", &format!("child: everywhere\nparent: the child exited with 0\n{parent}"), 0);
}

#[test]
fn a_daemon_registers_after_its_last_fork_and_its_launcher_leaves_by_exit_at_once() {
    let daemon = "child: registered\nchild: too early\n";
    check("daemon", daemon, 0);
    let launcher = "parent: too early\nparent: declared\n";
    check("daemon_of_a_launcher_that_exits", &(launcher.to_owned() + daemon), 0);
}

#[test]
fn nobody_waits_for_the_loader_at_an_exit() {
    let stderr = "child: handler\nparent: the child exited with 3\nparent: handler\n";
    check("while_the_loader_is_locked", stderr, 0);
}

#[test]
fn a_guard_belongs_to_its_process() {
    check("guarded", "child: dropped its copy\nparent: the child exited with 0\nparent: guarded\n", 0);
}

#[test]
fn a_child_forked_by_a_handler_runs_the_rest() {
    let status = if TELLS_STATUS { 3 } else { 0 };
    let child = format!("child: the handler goes on\nchild: the rest\nparent: the child exited with {status}\n");
    check("in_handler", &format!("{child}parent: the handler goes on\nparent: the rest\n"), 3);
    check(
        "in_handler_of_run",
        "child: the rest\nparent: the child exited with 0\nparent: the rest\nparent: 3 ran\n",
        0,
    );
}

#[test]
fn a_child_has_none_of_its_parents_threads() {
    let rest = "child: the rest\nparent: the child exited with 0\nparent: the rest\n";
    check("on_caller", &format!("parent: before the fork\n{rest}"), 0);
    let places = "child: on the caller\nchild: the rest\nparent: the child exited with 0\n";
    check("between_places", &format!("{places}parent: on the caller\nparent: the rest\n"), 0);
    for _ in 0..times(50) {
        check("with_limits", rest, 0);
    }
}

#[test]
fn a_handler_of_the_parent_is_not_pending_in_the_child() {
    let parent = "parent: the child exited with 0\nparent: guarded\nparent: captures dropped\n";
    check("cleared", &format!("child: 0 pending\n{parent}"), 0);
}

#[test]
fn a_child_with_its_parents_number_is_another_process() {
    let exited = "parent: the child exited with 0\n";
    let registered = "parent: everywhere\nparent: registered\nparent: captures dropped\nparent: declared\n";
    let cases = [
        ("this_process", format!("child: everywhere\n{exited}{registered}")),
        ("guarded", format!("child: dropped its copy\n{exited}parent: guarded\n")),
        ("cleared", format!("child: 0 pending\n{exited}parent: guarded\nparent: captures dropped\n")),
        ("on_caller", format!("parent: before the fork\nchild: the rest\n{exited}parent: the rest\n")),
        ("with_limits", format!("child: the rest\n{exited}parent: the rest\n")),
        ("during_run", format!("child: the rest\n{exited}parent: the rest\n")),
    ];
    for (scene, stderr) in cases {
        let Some(mut command) = spawn::command_as_process_1(FORKS, &[scene, "to_process_1"]) else { return };
        assert_seen(&mut command, "", &stderr, End::Status(0));
    }
}

#[test]
fn a_child_does_not_wait_for_another_threads_run() {
    check("during_run", "child: the rest\nparent: the child exited with 0\nparent: the rest\n", 0);
}

#[test]
fn a_child_does_not_wait_for_another_threads_exit() {
    let parent = "parent: the child exited with 3\nparent: the handler ends\nparent: the rest\n";
    check("while_exiting", &format!("child: the rest\n{parent}"), 0);
}

#[test]
fn no_child_hangs_while_other_threads_register() {
    check("while_others_register", "40 children\n", 0);
}
