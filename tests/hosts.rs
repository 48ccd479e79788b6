//! Owns the promises to programs that were not written for this library: those with an allocator or threads of their own.

use spawn::target::{Needs, lacks, times};
use spawn::{End, assert_seen, command, run};

const HOSTS: &str = env!("CARGO_BIN_EXE_hosts");

fn check(scene: &str, stdout: &str, end: End) {
    assert_seen(&mut command(HOSTS, &[scene]), stdout, "", end);
}

#[test]
fn an_allocator_that_handles_forks_and_this_library_do_not_deadlock() {
    if lacks(Needs::ForkAmongThreads) {
        return;
    }
    // It learns of forks before this library, or after it.
    for late in [None, Some("1")] {
        let played = |scene| run(command(HOSTS, &[scene]).envs(late.map(|late| ("LATE", late))));
        let seen = played("forks");
        let stdout = "3\nguarded\nin a run of a handler: 9\nin a handler: 4\n";
        assert_eq!((seen.stdout.as_str(), seen.stderr.as_str(), seen.end), (stdout, "", End::Status(0)), "{late:?}");
        let seen = played("forks_while_others_register");
        assert_eq!((seen.stdout.as_str(), seen.end), ("100 children\n", End::Status(0)), "{late:?}");
    }
}

#[test]
fn a_child_that_cannot_start_threads_runs_handlers_and_ends() {
    check("cannot_start_threads_in_the_child", "handler\n2 ran\nregistered later\n3\nhandler\n", End::Status(0));
}

#[test]
fn an_allocator_may_call_the_library() {
    for call in ["registers", "takes_back", "configures", "looks", "runs"] {
        let seen = run(&mut command(HOSTS, &["uses_everything", call]));
        let hangs = seen.stderr.lines().filter(|line| line.ends_with("exceeded its time limit of 10ms")).count();
        assert_eq!((seen.stdout.as_str(), seen.end, hangs), ("", End::Status(3), 1), "{call}: {seen:?}");
    }
}

#[test]
fn a_handler_has_a_stack_like_that_of_main() {
    check("needs_stack", "3000\n", End::Status(0));
}

#[test]
fn a_handler_has_the_stack_that_is_configured() {
    check("needs_more_stack", "20000\n", End::Status(0));
}

#[test]
fn a_stack_takes_memory_only_as_it_is_used() {
    if lacks(Needs::ProcessOfItsOwn) {
        return;
    }
    let peak = |scene: &str| {
        let seen = run(&mut command(HOSTS, &[scene]));
        let (kib, thread) = seen.stdout.trim().split_once(' ').expect("how many KiB on which thread");
        assert_eq!((thread, seen.stderr.as_str(), seen.end), ("at_exit", "", End::Status(0)));
        kib.parse::<i64>().expect("a number")
    };
    let [usual, large] = ["has_a_usual_stack", "has_a_large_stack"].map(peak);
    assert!((usual - large).abs() < 1024, "{usual} KiB with 8 MiB of stack, {large} KiB with 1 GiB");
}

#[test]
fn a_stack_that_is_too_large_loses_no_handler() {
    let refused = format!(
        "at_exit: no thread with a stack of {} bytes could be started, so handlers ran on the exiting thread\n",
        usize::MAX
    );
    for (scene, thread, stderr) in [("has_no_stack", "at_exit", ""), ("has_an_impossible_stack", "main", &refused)] {
        let seen = run(&mut command(HOSTS, &[scene]));
        assert!(seen.stdout.ends_with(&format!(" {thread}\n")), "{seen:?}");
        assert_eq!((seen.stderr.as_str(), seen.end), (stderr, End::Status(0)));
    }
}

#[test]
fn the_last_thread_ends_the_process() {
    for _ in 0..times(50) {
        let program = &mut command(env!("CARGO_BIN_EXE_last_thread"), &[]);
        assert_seen(program, "main is gone\nwatched handler\nhandler\n", "", End::Status(0));
    }
}

#[test]
fn a_summary_names_fifty_handlers_and_the_last_one_and_counts_the_rest() {
    let seen = run(&mut command(HOSTS, &["fails_often"]));
    assert_eq!(seen.end, End::Status(1));
    let lines: Vec<_> = seen.stderr.lines().collect();
    let (errors, summary) = lines.split_at(51);
    assert_eq!(errors[..50], (50..100).rev().map(|number| format!("Error: {number}")).collect::<Vec<_>>());
    assert_eq!(errors[50], "at_exit: further errors are not shown; the summary counts them");
    assert_eq!((summary.len(), summary[0]), (53, "at_exit: 100 handlers failed:"), "{seen:?}");
    let messages =
        |lines: &[&str]| lines.iter().map(|line| line.rsplit(": ").next().unwrap_or("").to_owned()).collect::<Vec<_>>();
    let first: Vec<String> = (50..100).rev().map(|number| number.to_string()).collect();
    assert_eq!(messages(&summary[1..51]), first);
    assert_eq!(messages(&summary[51..]), ["and 49 more", "0"]);
}
