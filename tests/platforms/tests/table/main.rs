//! Owns one table of cases for every platform: programs are built for a target, started by its runner, and everything seen of them is compared.
//! `target.rs` says how a target is chosen.

mod cases;
mod import_names;
mod platforms;
mod target;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use cases::{Case, Ends, Expected};
use platforms::{PLATFORMS, Platform};
use spawn::{End, Seen};
use target::Target;

/// The cases mostly wait.
const AT_A_TIME: usize = 4;

/// Runs all cases, and fails with all that differ.
fn check(cases: &[Case]) {
    let target = Target::get();
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // It panics if the program hangs, and says so.
                    let found = catch_unwind(|| differs(target, case));
                    let found = found.unwrap_or_else(|_| Some(format!("=== {} hangs\n", case.command)));
                    wrong.lock().expect("no panic").extend(found);
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    let platform = target.platform.name;
    assert!(wrong.is_empty(), "{platform}: {} of {} cases differ\n\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Says what was expected, and what was seen instead.
fn differs(target: &Target, case: &Case) -> Option<String> {
    let expected = target.platform.expected(case);
    let mut words = case.command.split(' ');
    let program = words.next().expect("a command has a first word");
    let library = target.library();
    let args: Vec<&str> = (program == "host").then_some(library.as_str()).into_iter().chain(words).collect();
    let seen = spawn::run(&mut target.command(program, &args));
    let (stdout, stderr) = (text(expected.stdout), text(expected.stderr));
    let (end, is_abort) = match expected.ends {
        Ends::Abort => (target.platform.abort, true),
        end => (end, false),
    };
    // The runner may report that the program aborted.
    let says_so = if is_abort { seen.stderr.starts_with(&stderr) } else { seen.stderr == stderr };
    let is_same = seen.stdout == stdout && says_so && ends(seen.end) == end;
    (!is_same).then(|| {
        let expected = format!("{end:?}\n{stdout}--- stderr\n{stderr}");
        let Seen { stdout, stderr, end } = seen;
        format!("=== {}\nexpected {expected}=== saw {:?}\n{stdout}--- stderr\n{stderr}", case.command, ends(end))
    })
}

fn ends(end: End) -> Ends {
    match end {
        End::Status(status) => Ends::Status(status),
        End::Signal(signal) => Ends::Signal(signal),
    }
}

fn text(lines: &[&str]) -> String {
    const WORDS: &str = include_str!("../../src/words.rs");
    const DECLARED: &str = include_str!("../../src/bin/probe/declared.rs");
    let line = |source: &str, part: &str| source.lines().take_while(|line| !line.contains(part)).count();
    let mut text = String::new();
    for line_of_text in lines {
        let at = format!("tests/platforms/src/words.rs:{}", line(WORDS, "Handler::new(move ||") + 1);
        let mut replaced = line_of_text.replace("{at}", &at);
        if let Some((before, rest)) = line_of_text.split_once("{declared ") {
            let (name, after) = rest.split_once('}').expect("the place of a handler ends");
            let number = line(DECLARED, &format!("fn {name}("));
            replaced = format!("{before}tests/platforms/src/bin/probe/declared.rs:{number}{after}");
        }
        writeln!(text, "{replaced}").expect("a string can be written to");
    }
    text
}

impl Platform {
    /// What is expected of this case here.
    fn expected(&self, case: &Case) -> Expected {
        let mut others = self.differences.iter().flat_map(|difference| difference.cases).copied().flatten();
        others.find(|(command, _)| *command == case.command).map_or(case.expected, |(_, other)| *other)
    }
}

#[test]
fn handlers_run_whichever_way_a_process_exits() {
    check(cases::WAYS_OUT);
}

#[test]
fn a_handler_learns_why_it_runs() {
    check(cases::CAUSES);
}

#[test]
fn a_failure_stops_no_other_handler_and_becomes_the_status() {
    check(cases::FAILURES);
}

#[test]
fn an_exit_in_a_handler_loses_no_other() {
    check(cases::EXITS_IN_HANDLERS);
}

#[test]
fn handlers_run_in_the_stated_order() {
    check(cases::ORDER);
}

#[test]
fn handlers_run_where_std_works() {
    check(cases::PLACES);
}

#[test]
fn limits_and_the_deadline_are_kept() {
    check(cases::TIME);
}

#[test]
fn threads_that_exit_at_once_run_every_handler_once() {
    check(cases::TWO_THREADS);
}

#[test]
fn a_signal_runs_the_handlers() {
    check(cases::SIGNALS);
}

#[test]
fn exit_in_a_handler_works_with_panic_abort_too() {
    check(cases::PANIC_ABORT);
}

#[test]
fn a_library_runs_its_handlers_when_it_is_unloaded_or_its_host_exits() {
    check(cases::LIBRARIES);
}

#[test]
fn handlers_run_without_names_in_the_import_table() {
    check(cases::UNNAMED);
}

#[test]
fn each_difference_is_of_one_case_and_listed_once() {
    for platform in PLATFORMS {
        let mut seen = HashSet::new();
        for difference in platform.differences {
            for (command, other) in difference.cases.iter().copied().flatten() {
                let mut cases = cases::ALL.iter().copied().flatten();
                let case = cases.find(|case| case.command == *command);
                let place = format!("{}: {}: {command}", platform.name, difference.sentence);
                assert!(case.is_some_and(|case| case.expected != *other), "{place} is no case, or is as everywhere");
                assert!(seen.insert(command), "{place} differs twice");
            }
        }
    }
}

#[test]
fn the_documentation_says_what_differs() {
    let mut list = String::new();
    for platform in PLATFORMS.iter().filter(|platform| !platform.differences.is_empty()) {
        writeln!(list, "- **{}**", platform.name).expect("a string can be written to");
        for difference in platform.differences {
            writeln!(list, "  - {}", difference.sentence).expect("a string can be written to");
        }
    }
    let page = include_str!("../../../../atexit-core/src/docs/platforms.md");
    assert!(page.contains(&format!("\n{list}\n")), "the page of platforms must have\n\n{list}");
}
