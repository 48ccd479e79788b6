//! Owns the order of declared handlers over real crates: the same in every build of the same source.

use spawn::{End, assert_seen, build, command, run};

/// The output of `order_app`: the reverse of registration order, rule by rule.
const IN_ORDER: &str = "\
25 pending
registered second
registered first
order_app: binary
order_app::service of the binary: stop
order_app: library
order_app::service: stop
order_db: from_the_macro_too
order_db: from the macro, below
order_db: from the macro, above
order_db: third
order_db: second
order_db: first
order_db: three
order_db: two
order_db: one
order_net: root_after_the_modules
order_net: root_before_the_modules
order_net::zeta: handler
order_net::beta: handler
order_net::beta::inner: handler
order_net::alpha: inside_a_function
order_net::alpha: handler
order_net::alpha::positions: right
order_net::alpha::positions: left
order_log: close
";

/// The output of `linking`: the crates as its `link!` states, and its own handlers as their constraints ask.
const AS_STATED: &str = "\
registered first
in_a_hurry
registered
pulled
second_here
waits_for_pulled
first_here
squeezed
has_to_wait
linked_beta: two
linked_beta: one
registered after beta
after_beta
linked_alpha: two
linked_alpha: one
linked_gamma: two
linked_gamma: one
after_gamma
registered last of all
ahead_of_the_logger
logger
";

/// A build: its folder, its flags and its settings.
type Build = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

const BUILDS: [Build; 4] = [
    ("order-dev", &[], &[]),
    ("order-release", &["--release"], &[]),
    ("order-one-unit", &["--release"], &[("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")]),
    ("order-many-units", &["--release"], &[("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "256")]),
];

/// Here the linker loses the order of crates: any order that is not stated may change.
const LTO_BUILDS: [Build; 2] = [
    ("order-thin-lto", &["--release"], &[("CARGO_PROFILE_RELEASE_LTO", "thin")]),
    ("order-fat-lto", &["--release"], &[("CARGO_PROFILE_RELEASE_LTO", "fat")]),
];

fn check(package: &str, (folder, flags, env): Build, stdout: &str, stderr: &str) {
    let program = build(folder, &[&["-p", package], flags].concat(), env).join(package);
    assert_seen(&mut command(&program.to_string_lossy(), &[]), stdout, stderr, End::Status(0));
}

#[test]
fn handlers_run_in_the_same_order_in_every_build() {
    for build in BUILDS {
        check("order_app", build, IN_ORDER, "");
    }
}

#[test]
fn a_stated_order_holds_in_every_build() {
    for build in BUILDS.into_iter().chain(LTO_BUILDS) {
        check("linking", build, AS_STATED, "");
    }
}

#[test]
fn an_impossible_order_is_reported_and_costs_no_handler() {
    let main = "tests/crates/contradicting/src/main.rs";
    let told = format!(
        "links form a cycle: linked_beta before linked_alpha (link! at {main}:5), \
         linked_alpha before linked_beta (link! at tests/crates/contradicting/src/lib.rs:3)\n\
         asks_for_a_stranger at {main}:9 names no_handler, which is not a declared handler\n\
         contradicts_its_phase at {main}:14 asks for an order with asks_for_a_stranger that contradicts their phases\n\
         constraints form a cycle: first at {main}:19 before second at {main}:24 before third at {main}:29 \
         before first at {main}:19\n\
         constraints form a cycle: itself at {main}:34 before itself at {main}:34\n"
    );
    let at_exit = told.lines().map(|line| "at_exit: ".to_owned() + line + "\n").collect::<String>();
    let handlers = ["contradicts_its_phase", "itself", "third", "second", "first", "asks_for_a_stranger"];
    let linked = ["linked_alpha: two", "linked_alpha: one", "linked_beta: two", "linked_beta: one"];
    let ran = handlers.iter().chain(&linked).map(|&line| line.to_owned() + "\n").collect::<String>();
    let nothing = format!(
        "link! at {main}:5 names linked_nothing, which contributes no handler; \
         if it was renamed, write its_own_name as linked_nothing\n"
    );
    check("contradicting", BUILDS[0], &format!("{nothing}{told}{ran}"), &at_exit);
}

#[test]
fn the_plan_says_which_handler_runs_where_and_why() {
    let program = build("order-dev", &["-p", "linking"], &[]).join("linking");
    let seen = run(command(&program.to_string_lossy(), &[]).env("AT_EXIT_LOG", "plan"));
    assert_eq!((seen.stdout.as_str(), seen.end), (AS_STATED, End::Status(0)));
    assert_eq!(seen.stderr, PLAN);
}

const PLAN: &str = "\
at_exit: plan
#   handler                   crate         declared or registered at               phase  reason
1   closure in linking::main  linking       tests/crates/linking/src/main.rs:75     first
2   in_a_hurry                linking       tests/crates/linking/src/main.rs:50     first  declared
3   closure in linking::main  linking       tests/crates/linking/src/main.rs:73            phase
4   pulled                    linking       tests/crates/linking/src/main.rs:30            before second_here
5   second_here               linking       tests/crates/linking/src/main.rs:35            source
6   late                      linking       tests/crates/linking/src/main.rs:56            after pulled
7   first_here                linking       tests/crates/linking/src/main.rs:12            source
8   squeezed                  linking       tests/crates/linking/src/main.rs:62            after first_here
9   has_to_wait               linking       tests/crates/linking/src/main.rs:67            waits for squeezed
10  close(\"two\")              linked_beta   tests/crates/linked_beta/src/lib.rs:7          link!
11  close(\"one\")              linked_beta   tests/crates/linked_beta/src/lib.rs:6          source
12  after another             linking       tests/crates/linking/src/main.rs:76            after linked_beta::close
13  after_beta                linking       tests/crates/linking/src/main.rs:18            after linked_beta::close
14  close(\"two\")              linked_alpha  tests/crates/linked_alpha/src/lib.rs:7         link!
15  close(\"one\")              linked_alpha  tests/crates/linked_alpha/src/lib.rs:6         source
16  close(\"two\")              linked_gamma  tests/crates/linked_gamma/src/lib.rs:7         link!
17  close(\"one\")              linked_gamma  tests/crates/linked_gamma/src/lib.rs:6         source
18  after_gamma               linking       tests/crates/linking/src/main.rs:24            after renamed::close_gamma
19  closure in linking::main  linking       tests/crates/linking/src/main.rs:74     last   phase
20  ahead_of_the_logger       linking       tests/crates/linking/src/main.rs:40     last   before logger
21  logger                    linking       tests/crates/linking/src/main.rs:45     last   source
";
