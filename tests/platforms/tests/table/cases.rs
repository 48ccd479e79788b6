//! Owns the table: what a program is told to do, and everything that is seen of it, on every platform except where `platforms.rs` differs.
//!
//! A command is the name of a program, a way out, and what to set up before, in that order. `src/words.rs` and `src/ways_out.rs` say what
//! the words mean. `probe_abort` is `probe`, built with `panic = "abort"`; `probe_unnamed` is `probe` without names in its import table, if it
//! has one, and `probe_unnamed_c` is `probe` without the names of C's functions there.

/// A row of the table.
pub(crate) struct Case {
    pub(crate) command: &'static str,
    pub(crate) expected: Expected,
}

/// Everything that is seen of it. `{at}` is where the words register their handlers, `{declared NAME}` where that handler is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) stdout: &'static [&'static str],
    pub(crate) stderr: &'static [&'static str],
    pub(crate) ends: Ends,
}

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    Status(i32),
    Signal(i32),
    /// As by C's `abort`. The runner that started it may report this on standard error.
    Abort,
}

pub(crate) type Lines = &'static [&'static str];

const fn case(command: &'static str, stdout: Lines, stderr: Lines, status: i32) -> Case {
    Case { command, expected: Expected { stdout, stderr, ends: Ends::Status(status) } }
}

const fn ends(command: &'static str, stdout: Lines, stderr: Lines, ends: Ends) -> Case {
    Case { command, expected: Expected { stdout, stderr, ends } }
}

pub(crate) const WAYS_OUT: &[Case] = &[
    case("probe return a b c", &["main", "c", "b", "a"], &[], 0),
    case("probe err a", &["main", "a"], &["Error: \"from main\""], 1),
    case("probe panic a", &["main", "a"], &["hook: main"], 101),
    case("probe thread_panic a", &["main", "a"], &["hook: thread"], 0),
    case("probe exit:0 a", &["main", "a"], &[], 0),
    case("probe exit:42 a", &["main", "a"], &[], 42),
    case("probe thread_exit:42 a", &["main", "a"], &[], 42),
    case("probe c_exit:42 a", &["main", "a"], &[], 42),
    case("probe thread_c_exit:42 a", &["main", "a"], &[], 42),
    case("probe core_exit:42 a", &["main", "a"], &[], 42),
    case("probe thread_core_exit:42 a", &["main", "a"], &[], 42),
    case("probe return a run b", &["a", "report: 1 ran, 0 failed", "main", "b"], &[], 0),
    case("probe exit:3 guard a dropped_guard", &["dropped guard", "main", "a", "guard"], &[], 3),
    case("probe exit:3 a unregistered b", &["main", "b", "a"], &[], 3),
    ends("probe abort a", &["main"], &[], Ends::Abort),
];

pub(crate) const CAUSES: &[Case] = &[
    case("probe return cause", &["main", "cause", "Some(Exit { status: Some(0) })"], &[], 0),
    case("probe err cause", &["main", "cause", "Some(Exit { status: Some(1) })"], &["Error: \"from main\""], 1),
    case("probe panic cause", &["main", "cause", "Some(Exit { status: Some(101) })"], &["hook: main"], 101),
    case("probe exit:2 cause", &["main", "cause", "Some(Exit { status: Some(2) })"], &[], 2),
    case("probe thread_exit:2 cause", &["main", "cause", "Some(Exit { status: Some(2) })"], &[], 2),
    case("probe c_exit:2 cause", &["main", "cause", "Some(Exit { status: Some(2) })"], &[], 2),
    case("probe core_exit:2 cause", &["main", "cause", "Some(Exit { status: Some(2) })"], &[], 2),
    case(
        "probe core_exit:2 cause nested",
        &["main", "nested", "cause", "Some(Run)", "nested report: 1 ran, 0 failed"],
        &[],
        2,
    ),
    case("probe return cause run", &["cause", "Some(Run)", "report: 1 ran, 0 failed", "main"], &[], 0),
];

pub(crate) const CODE: Lines = &["at_exit: 1 handler failed:", "at_exit: code:7 at {at}: returned exit status 7"];

pub(crate) const CODE_AFTER_ERR: Lines = &["Error: \"from main\"", CODE[0], CODE[1]];

pub(crate) const CODE_AFTER_PANIC: Lines = &["hook: main", CODE[0], CODE[1]];

pub(crate) const FAILURES: &[Case] = &[
    case(
        "probe return a panic b",
        &["main", "b", "panic", "a"],
        &["hook: boom", "at_exit: 1 handler failed:", "at_exit: panic at {at}: panicked: boom"],
        101,
    ),
    case(
        "probe exit:0 err code:7",
        &["main", "code:7", "err"],
        &[
            "Error: \"bad\\nworse\"",
            "at_exit: 2 handlers failed:",
            "at_exit: code:7 at {at}: returned exit status 7",
            "at_exit: err at {at}: \"bad\\nworse\"",
        ],
        1,
    ),
    case(
        "probe return fault:9 a",
        &["main", "a", "fault:9"],
        &["Error: disk full", "at_exit: 1 handler failed:", "at_exit: fault:9 at {at}: disk full"],
        9,
    ),
    case("probe return caller_code:7", &["main", "caller_code:7"], CALLER_CODE, 7),
    case("probe thread_exit:0 code:7", &["main", "code:7"], CODE, 7),
    case("probe c_exit:0 code:7", &["main", "code:7"], CODE, 7),
    case("probe core_exit:0 code:7", &["main", "code:7"], CODE, 7),
    case("probe exit:3 code:7", &["main", "code:7"], CODE, 3),
    case("probe thread_exit:3 code:7", &["main", "code:7"], CODE, 3),
    case("probe core_exit:3 code:7", &["main", "code:7"], CODE, 3),
    case("probe err code:7", &["main", "code:7"], CODE_AFTER_ERR, 1),
    case("probe panic code:7", &["main", "code:7"], CODE_AFTER_PANIC, 101),
    case("probe return quiet code:7", &["main", "code:7"], CODE, 0),
    case("probe return code:7 run a", &["code:7", "report: 1 ran, 1 failed", "main", "a"], CODE, 0),
];

const CALLER_CODE: Lines = &["at_exit: 1 handler failed:", "at_exit: caller_code:7 at {at}: returned exit status 7"];

pub(crate) const EXITS_IN_HANDLERS: &[Case] = &[
    case("probe return a exit:43 b", &["main", "b", "exit:43", "a"], &[], 43),
    case("probe exit:42 a exit:0", &["main", "exit:0", "a"], &[], 0),
    case("probe exit:42 a caller_exit:43", &["main", "caller_exit:43", "a"], &[], 43),
    case("probe thread_exit:42 a exit:43", &["main", "exit:43", "a"], &[], 43),
    case("probe core_exit:42 exit:44 exit:43", &["main", "exit:43", "exit:44"], &[], 44),
    case("probe return exit:0 code:7", &["main", "code:7", "exit:0"], CODE, 7),
    case("probe return a exit:5 run b", &["exit:5", "a"], &[], 5),
    case("probe return a c_exit:43 b", &["main", "b", "c_exit:43", "a"], &[], 43),
    case("probe exit:42 a caller_c_exit:43 b", &["main", "b", "caller_c_exit:43", "a"], &[], 43),
    case("probe core_exit:42 a c_exit:43 b", &["main", "b", "c_exit:43", "a"], &[], 43),
    case(
        "probe exit:0 a limited_std_exit:9",
        &["main", "limited_std_exit:9", "a"],
        &["at_exit: 1 handler failed:", "at_exit: limited_std_exit:9 at {at}: exceeded its time limit of 50ms"],
        1,
    ),
];

pub(crate) const DECLARED: Lines = &[
    "Error: \"declared\"",
    "at_exit: 2 handlers failed:",
    "at_exit: exceeds at {declared exceeds}: exceeded its time limit of 50ms",
    "at_exit: fails(\"text\") at {declared fails}: \"declared\"",
];

pub(crate) const ORDER: &[Case] = &[
    case("probe return a registers b", &["main", "b", "registers", "registered", "a"], &[], 0),
    case("probe return a nested b", &["main", "b", "nested", "a", "nested report: 1 ran, 0 failed"], &[], 0),
    case("probe c_exit:42 a plants", &["main", "plants", "a", "function of C"], &[], 42),
    case("probe c_exit:42 exit:43 plants", &["main", "plants", "exit:43", "function of C"], &[], 43),
    case(
        "probe exit:3 ordered a",
        &["main", "requests", "a", "cache", "several(second, 2)", "several(first, 1)", "database", "on main", "log"],
        &[],
        3,
    ),
    case("probe return failing", &["main", "exceeds", "fails(text)"], DECLARED, 1),
    case(
        "probe return asynchronous",
        &["main", "fails_after_a_while on main", "the program's own executor", "has_an_executor", "yields(argument)"],
        &[
            "Error: \"asynchronous\"",
            "at_exit: 1 handler failed:",
            "at_exit: fails_after_a_while at {declared fails_after_a_while}: \"asynchronous\"",
        ],
        1,
    ),
];

pub(crate) const PLACES: &[Case] = &[
    case(
        "probe return where caller_where where",
        &["main", "where", "on at_exit", "caller_where", "on main", "where", "on at_exit"],
        &[],
        0,
    ),
    case("probe core_exit:3 where caller_where", &["main", "caller_where", "on main", "where", "on at_exit"], &[], 3),
    case("probe return where run", &["where", "on at_exit", "report: 1 ran, 0 failed", "main"], &[], 0),
    case("probe held_exit:3 where", &["main", "where", "on main"], &[], 3),
    case(
        "probe exit:0 use_local local",
        &[
            "thread-local used",
            "main",
            "thread-local dropped",
            "use_local",
            "thread-local used",
            "thread-local dropped",
        ],
        &[],
        0,
    ),
    case(
        "probe exit:0 caller_use_local local",
        &["thread-local used", "main", "thread-local dropped", "caller_use_local"],
        &[
            "hook: cannot access a Thread Local Storage value during or after destruction: AccessError",
            "at_exit: 1 handler failed:",
            "at_exit: caller_use_local at {at}: panicked: cannot access a Thread Local Storage value during or after \
             destruction: AccessError",
        ],
        101,
    ),
    case("probe exit:0 std caller_std", &["main", "caller_std", "49 true true", "std", "49 true true"], &[], 0),
    case("probe exit:0 spawns caller_spawns", &["main", "caller_spawns", "42", "spawns", "42"], &[], 0),
];

pub(crate) const TIME: &[Case] = &[
    case("probe return where limited_late:2000", &["main", "limited_late:2000", "where", "on at_exit"], LATE, 1),
    case("probe thread_exit:3 a limited_late:2000", &["main", "limited_late:2000", "a"], LATE, 3),
    case(
        "probe return a limited_late:2000 run",
        &["limited_late:2000", "a", "report: 2 ran, 1 failed", "main"],
        LATE,
        0,
    ),
    case(
        "probe return a caller_limited_late:100",
        &["main", "caller_limited_late:100", "goes on", "a"],
        &["at_exit: 1 handler failed:", "at_exit: caller_limited_late:100 at {at}: exceeded its time limit of 50ms"],
        1,
    ),
    case("probe return limit:50 a late:2000", &["main", "late:2000", "a"], LATE_BY_DEFAULT, 1),
    case("probe return deadline:1500 never late:4000 a", &["main", "a", "late:4000"], DEADLINE, 1),
    case("probe core_exit:0 deadline:1500 never late:4000 a", &["main", "a", "late:4000"], DEADLINE, 1),
    case("probe return deadline:1500 never caller_late:4000 a", &["main", "a", "caller_late:4000"], CALLER_DEADLINE, 1),
    case("probe return deadline:1200 a limited_late:1300", &["main", "limited_late:1300", "a"], LATE_FOR_BOTH, 1),
];

pub(crate) const LATE_FOR_BOTH: Lines =
    &["at_exit: 1 handler failed:", "at_exit: limited_late:1300 at {at}: exceeded its time limit of 50ms"];

pub(crate) const LATE: Lines =
    &["at_exit: 1 handler failed:", "at_exit: limited_late:2000 at {at}: exceeded its time limit of 50ms"];

pub(crate) const DEADLINE: Lines = &[
    "at_exit: 1 handler not run before the deadline:",
    "at_exit: never at {at}",
    "at_exit: 1 handler failed:",
    "at_exit: late:4000 at {at}: was still running at the deadline",
];

pub(crate) const LATE_BY_DEFAULT: Lines =
    &["at_exit: 1 handler failed:", "at_exit: late:2000 at {at}: exceeded its time limit of 50ms"];

pub(crate) const CALLER_DEADLINE: Lines = &[
    "at_exit: 1 handler not run before the deadline:",
    "at_exit: never at {at}",
    "at_exit: 1 handler failed:",
    "at_exit: caller_late:4000 at {at}: was still running at the deadline",
];

pub(crate) const TWO_THREADS: &[Case] = &[
    case("probe exit:4 a b std_exit_on_thread:5", &["main", "std_exit_on_thread:5", "b", "a"], &[], 4),
    case("probe return a b exit_on_thread:5", &["main", "exit_on_thread:5", "b", "a"], &[], 0),
    case("probe exit_during_run:4 a b meets", &["main", "meets", "b", "a"], &[], 4),
];

pub(crate) const SIGNALS: &[Case] = &[
    ends("probe interrupt a cause", &["main", "cause", "Some(Signal(SIGINT))", "a"], &[], Ends::Signal(2)),
    ends("probe terminate code:7 where", &["main", "where", "on at_exit", "code:7"], CODE, Ends::Signal(15)),
    case("probe interrupt a exit:9 b", &["main", "b", "exit:9", "a"], &[], 9),
];

pub(crate) const PANIC_ABORT: &[Case] = &[
    case("probe_abort return a b", &["main", "b", "a"], &[], 0),
    case("probe_abort exit:42 a exit:43 b", &["main", "b", "exit:43", "a"], &[], 43),
    case("probe_abort core_exit:42 caller_exit:43 b", &["main", "b", "caller_exit:43"], &[], 43),
    case("probe_abort exit:3 code:7", &["main", "code:7"], CODE, 3),
    ends("probe_abort panic a", &["main"], &["hook: main"], Ends::Abort),
    ends("probe_abort return a panic b", &["main", "b", "panic"], &["hook: boom"], Ends::Abort),
];

pub(crate) const LIBRARIES: &[Case] = &[
    case("host close own library:its", &["main", "its", "library: Some(Unload)", "closed", "own"], &[], 0),
    case("host close own", &["main", "library: Some(Unload)", "closed", "own"], &[], 0),
    case("host close own library:code:7", &["main", "code:7", "library: Some(Unload)", "closed", "own"], CODE, 0),
    case("host close own library:exit:9", &["main", "exit:9", "library: Some(Unload)", "own"], &[], 9),
    case("host return own library:its", &["main", "its", "library: Some(Exit { status: Some(0) })", "own"], &[], 0),
    case("host exit:3 own library:its", &["main", "its", "library: Some(Exit { status: Some(3) })", "own"], &[], 3),
    case(
        "host c_exit:3 own library:code:7",
        &["main", "code:7", "library: Some(Exit { status: Some(3) })", "own"],
        CODE,
        3,
    ),
    case("host thread_exit:3 own", &["main", "library: Some(Exit { status: Some(3) })", "own"], &[], 3),
    case(
        "host library:exit:3 own library:its",
        &["main", "its", "library: Some(Exit { status: Some(3) })", "own"],
        &[],
        3,
    ),
    case(
        "host library:core_exit:3 own library:its",
        &["main", "its", "library: Some(Exit { status: Some(3) })", "own"],
        &[],
        3,
    ),
    case(
        "host return own library:its library:run",
        &["its", "library: Some(Run)", "report: 2 ran, 0 failed", "main", "own"],
        &[],
        0,
    ),
    case(
        "host exit:3 own library:its library:meets_and_late:1000 library:run_on_thread",
        &["meets_and_late:1000", "main", "goes on", "its", "library: Some(Run)", "own"],
        &[],
        3,
    ),
    case("host return own library:exit:9 library:run", &["exit:9", "library: Some(Run)", "own"], &[], 9),
    case(
        "host return library:where",
        &["main", "where", "on at_exit", "library: Some(Exit { status: Some(0) })"],
        &[],
        0,
    ),
];

/// If a program has an import table, this one has no names in it.
pub(crate) const UNNAMED: &[Case] = &[
    case("probe_unnamed return a", &["main", "a"], &[], 0),
    case("probe_unnamed exit:3 a", &["main", "a"], &[], 3),
    case("probe_unnamed core_exit:3 a", &["main", "a"], &[], 3),
    case(
        "probe_unnamed_c return a limited_std_exit:9",
        &["main", "limited_std_exit:9", "a"],
        &["at_exit: 1 handler failed:", "at_exit: limited_std_exit:9 at {at}: exceeded its time limit of 50ms"],
        1,
    ),
    case("probe_unnamed_c exit:3 a caller_c_exit:9 b", &["main", "b", "caller_c_exit:9", "a"], &[], 9),
];

pub(crate) const ALL: &[&[Case]] = &[
    WAYS_OUT,
    CAUSES,
    FAILURES,
    EXITS_IN_HANDLERS,
    ORDER,
    PLACES,
    TIME,
    TWO_THREADS,
    SIGNALS,
    PANIC_ABORT,
    LIBRARIES,
    UNNAMED,
];
