//! Owns the promises about a registered handler that asks for a place among others: where it runs, and what is reported if it cannot run there.

use spawn::{End, Seen, assert_seen, command, run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_constraints");

/// The place of this text in the program's source.
fn place(code: &str) -> String {
    let above = include_str!("programs/constraints.rs").lines().take_while(|line| !line.contains(code)).count();
    format!("tests/programs/constraints.rs:{}", above + 1)
}

/// Plays a scene that prints these words to standard output, and this to standard error; `{at}` is where it makes its handlers.
#[track_caller]
fn check(scene: &str, stdout: &str, stderr: &[&str]) {
    let stdout = stdout.split(", ").map(|line| line.to_owned() + "\n").collect::<String>();
    let at = place("Handler::new(move || println!");
    let stderr =
        stderr.iter().map(|line| "at_exit: ".to_owned() + &line.replace("{at}", &at) + "\n").collect::<String>();
    assert_seen(&mut command(PROGRAM, &[scene]), &stdout, &stderr, End::Status(0));
    let quiet = run(command(PROGRAM, &[scene]).env("AT_EXIT_LOG", "off"));
    assert_eq!(quiet, Seen { stdout, stderr: String::new(), end: End::Status(0) });
}

#[test]
fn after_puts_a_handler_just_below_those_it_names() {
    check("after", "main, d, early, e, b, top, flush two, flush one, c, a, open, logger", &[]);
    let several = "main, early, registered, registered, c, top, b, flush two, flush one, a, open, d, logger";
    check("after_several", several, &[]);
}

#[test]
fn before_holds_by_itself() {
    check("before", "main, early, a, registered, top, b, flush two, flush one, open, logger", &[]);
}

#[test]
fn a_contradiction_of_the_phases_is_reported_and_the_rest_holds() {
    let stdout = "main, registered, d, early, registered, c, a, top, flush two, flush one, b, open, logger";
    let stderr = [
        "a at {at} asks to run before constraints::early, which is in an earlier phase",
        "b at {at} asks to run after constraints::logger, which is in a later phase",
        "d at {at} asks to run after constraints::registered, which is in a later phase",
    ];
    check("phases", stdout, &stderr);
}

#[test]
fn after_wins_over_before_and_that_is_reported() {
    let stderr = [
        "a at {at} asks to run before constraints::top and after constraints::flush, \
         but constraints::top does not run after constraints::flush",
        "b at {at} asks to run before constraints::flush and after constraints::flush, \
         but constraints::flush does not run after constraints::flush",
        "d at {at} asks to run before constraints::open and after constraints::open, \
         but constraints::open does not run after constraints::open",
    ];
    check("opposites", "main, early, top, flush two, flush one, c, b, a, open, d, logger", &stderr);
}

#[test]
fn a_function_that_is_not_a_handler_is_reported() {
    let stranger = "constraints::no_handler::stranger, which is neither declared nor pending";
    let closure = "constraints::no_handler::{{closure}}, which is neither declared nor pending";
    let itself = place("name(\"d\").after(registered)");
    let stderr = [
        &format!("a at {{at}} asks to run after {stranger}"),
        &format!("b at {{at}} asks to run before {stranger}"),
        &format!("c at {{at}} asks to run after {closure}"),
        &format!("c at {{at}} asks to run before {closure}"),
        &format!("d at {itself} asks to run after constraints::registered, which is neither declared nor pending"),
    ];
    let stdout = "main, early, registered, registered, c, a, top, b, flush two, flush one, open, logger";
    check("no_handler", stdout, &stderr.map(String::as_str));
}

#[test]
fn a_declared_function_that_has_run_counts_as_a_handler() {
    check("over", "early, top, flush two, flush one, open, logger, main, b, a", &[]);
}

#[test]
fn a_handler_can_put_others_below_those_still_pending() {
    check("inside", "main, early, c, b, top, flush two, flush one, a, open, logger", &[]);
}

#[test]
fn late_handlers_are_ordered_among_the_late_ones() {
    let stderr = [
        "c at {at} asks to run before constraints::open, but came too late for the run that is under way",
        "d at {at} asks to run after constraints::registered, which came too late for the run that is under way",
    ];
    check("late", "main, early, d, top, e, flush two, flush one, open, logger, c, a, registered, b", &stderr);
    let too_late = "not run, registered too late by other threads: 1";
    check("too_late", "main, early, top, flush two, flush one, open, logger", &[too_late]);
}

#[test]
fn the_handler_and_those_it_names_can_be_unregistered() {
    check("taken_back", "main, early, e, c, b, flush two, flush one, d, open, logger", &[]);
}

#[test]
fn a_forked_child_keeps_the_order() {
    let child = "main, early, registered, top, flush two, flush one, child, a, open, logger";
    let parent = "main, early, registered, top, flush two, flush one, b, a, open, logger";
    check("forked", &format!("{child}, {parent}"), &[]);
}

#[test]
fn a_plan_says_which_constraint_places_a_handler() {
    let seen = run(&mut command(PROGRAM, &["planned"]));
    assert_eq!(seen, Seen { stdout: PLAN.to_owned(), stderr: String::new(), end: End::Status(0) });
}

const PLAN: &str = "\
#   handler       crate        declared or registered at          phase  reason
1   early         constraints  tests/programs/constraints.rs:53   first
2   registered    constraints  tests/programs/constraints.rs:186         phase
3   registered    constraints  tests/programs/constraints.rs:182         registered earlier
4   b             constraints  tests/programs/constraints.rs:60          after constraints::registered
5   c             constraints  tests/programs/constraints.rs:60          after constraints::top
6   flush(\"two\")  constraints  tests/programs/constraints.rs:43          declared
7   flush(\"one\")  constraints  tests/programs/constraints.rs:42          source
8   a             constraints  tests/programs/constraints.rs:60          after constraints::flush
9   open          constraints  tests/programs/constraints.rs:37          source
10  logger        constraints  tests/programs/constraints.rs:32   last   phase
  h0 -> h1 [label=\"  phase\"];
  h1 -> h2 [label=\"  registered earlier\"];
  h2 -> h3;
  h3 -> h4 [label=\"  after constraints::top\"];
  h4 -> h5 [label=\"  declared\"];
  h5 -> h6;
  h6 -> h7;
  h7 -> h8;
  h8 -> h9 [label=\"  phase\"];
  h2 -> h3 [label=\"  after constraints::registered\"];
  h3 -> h9 [label=\"  before constraints::logger\"];
  h6 -> h7 [label=\"  after constraints::flush\"];
  h7 -> h8 [label=\"  before constraints::open\"];
main
";
