//! Owns the program's exact output: the order by every rule, its table, and the source of its picture.

use std::fs;
use std::path::Path;

use spawn::{End, assert_seen, command};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ordering");

const RUN: &str = "\
web::stop_listening: marked `first`
ordering, registered later: so it runs earlier
ordering, registered by a handler: so it runs next
ordering, registered: before all declared handlers
ordering::stop_clock: before the crates in `link!`
web::finish_requests: in a module, from bottom to top
web::remove_socket: in a module, from bottom to top
web::workers::join: after its parent module, before `connections`
cache::stop_fetching: moved up by `before = web::close_connections`
web::connections::close: sibling modules in reverse alphabetical order
cache::write_back(\"counters\"): before `acme_db`; attributes from bottom to top
cache::write_back(\"pages\"): before `acme_db`; attributes from bottom to top
ordering::count_hits: moved down by `after = cache::write_back`
acme_db::close: after `cache`, which depends on this crate
ordering::back_up: moved down by `after = db::close`
ordering::tell_operator: waits for `back_up`, which says `before = tell_operator`
telemetry::traces: from one macro, by the position of the name
telemetry::metrics: from one macro, by the position of the name
ordering::say_goodbye: marked `last`, but before `telemetry`
telemetry::flush: marked `last`
";

const PLAN: &str = "\
#   handler                    crate      declared or registered at               phase  reason
1   stop_listening             web        examples/ordering/web/src/lib.rs:12     first
2   registered later           ordering   examples/ordering/app/src/main.rs:58           phase
3   closure in ordering::main  ordering   examples/ordering/app/src/main.rs:57           registered earlier
4   stop_clock                 ordering   examples/ordering/app/src/main.rs:47           declared
5   finish_requests            web        examples/ordering/web/src/lib.rs:23            link!
6   remove_socket              web        examples/ordering/web/src/lib.rs:18            source
7   join                       web        examples/ordering/web/src/workers.rs:5         source
8   stop_fetching              cache      examples/ordering/cache/src/lib.rs:19          before web::close_connections
9   close                      web        …/ordering/web/src/connections.rs:6            source
10  write_back(\"counters\")     cache      examples/ordering/cache/src/lib.rs:11          link!
11  write_back(\"pages\")        cache      examples/ordering/cache/src/lib.rs:10          source
12  count_hits                 ordering   examples/ordering/app/src/main.rs:24           after cache::write_back
13  close                      acme_db    examples/ordering/db/src/lib.rs:13             link!
14  back_up                    ordering   examples/ordering/app/src/main.rs:31           after db::close
15  tell_operator              ordering   examples/ordering/app/src/main.rs:36           waits for back_up
16  traces                     telemetry  …/ordering/telemetry/src/lib.rs:15             link!
17  metrics                    telemetry  …/ordering/telemetry/src/lib.rs:15             source
18  say_goodbye                ordering   examples/ordering/app/src/main.rs:42    last   phase
19  flush                      telemetry  …/ordering/telemetry/src/lib.rs:21      last   link!
";

#[test]
fn handlers_run_by_every_rule() {
    assert_seen(&mut command(PROGRAM, &[]), RUN, "", End::Status(0));
}

#[test]
fn the_table_is_printed_instead_of_running_the_handlers() {
    assert_seen(&mut command(PROGRAM, &["plan"]), PLAN, "", End::Status(0));
}

#[test]
fn the_table_is_printed_before_the_handlers_run() {
    let stderr = format!("at_exit: plan\n{PLAN}");
    assert_seen(command(PROGRAM, &[]).env("AT_EXIT_LOG", "plan"), RUN, &stderr, End::Status(0));
}

#[test]
fn the_picture_is_drawn_from_the_printed_graph() {
    let committed = read("docs/ordering/ordering.dot"); // if it differs: docs/ordering/draw
    assert_seen(&mut command(PROGRAM, &["dot"]), &committed, "", End::Status(0));
}

#[test]
fn the_readme_shows_the_output() {
    let readme = read("examples/ordering/README.md");
    assert!(readme.contains(RUN), "not in README.md:\n{RUN}");
    assert!(readme.contains(PLAN), "not in README.md:\n{PLAN}");
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
