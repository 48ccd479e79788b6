//! Owns the differences between platforms; nothing else states them. The page `docs::platforms` has these sentences, and the table these
//! expectations.

use crate::cases::{
    CALLER_DEADLINE, CODE, CODE_AFTER_ERR, CODE_AFTER_PANIC, DEADLINE, DECLARED, Ends, Expected, LATE, LATE_BY_DEFAULT,
    Lines,
};

/// One entry of the list in `docs::platforms`.
pub(crate) struct Platform {
    pub(crate) name: &'static str,
    /// The targets that it covers.
    pub(crate) targets: &'static [&'static str],
    /// Flags that the compiler must get: one target can be built as several platforms.
    pub(crate) flags: &'static str,
    pub(crate) differences: &'static [Difference],
    /// How a program that aborts ends, as seen by the process that started it.
    pub(crate) abort: Ends,
    /// Whether there are shared libraries that a program can open.
    pub(crate) has_libraries: bool,
}

/// One way in which a platform differs from the table.
pub(crate) struct Difference {
    /// The sentence in `docs::platforms`.
    pub(crate) sentence: &'static str,
    /// Commands of the table, and what is seen of them instead.
    pub(crate) cases: &'static [Cases],
}

type Cases = &'static [(&'static str, Expected)];

/// Replaces [`Platform::flags`] if the machine's own C library is this new.
pub(crate) const ONE_THREAD_IN_EXIT: &str = "glibc 2.41";

pub(crate) const PLATFORMS: &[Platform] = &[
    Platform {
        name: "Linux with glibc",
        targets: GNU,
        flags: "",
        differences: &[],
        abort: Ends::Signal(6),
        has_libraries: true,
    },
    Platform {
        name: "Linux with glibc from 2.41 on",
        targets: GNU,
        flags: ONE_THREAD_IN_EXIT,
        differences: &[Difference {
            sentence: "a handler on the exit thread that calls C's `exit` is a failure, if the process exits through C's `exit`",
            cases: &[&[("probe return a c_exit:43 b", status(&["main", "b", "c_exit:43", "a"], IN_VAIN, 1))]],
        }],
        abort: Ends::Signal(6),
        has_libraries: true,
    },
    Platform {
        name: "Linux with musl, linked statically",
        targets: MUSL,
        flags: "",
        differences: &[
            Difference {
                sentence: UNKNOWN_STATUS,
                cases: &[STATUS_OF_MAIN, STATUS_OF_PANIC, STATUS_OF_THREADS, STATUS_OF_LATE],
            },
            Difference { sentence: LIVING_LOCALS, cases: &[LOCALS] },
            Difference { sentence: NO_LIBRARIES, cases: &[OPENED, OPENED_AND_EXIT] },
        ],
        abort: Ends::Signal(6),
        has_libraries: false,
    },
    Platform {
        name: "Linux with musl, linked dynamically",
        targets: MUSL,
        flags: "-crt-static",
        differences: &[
            Difference {
                sentence: UNKNOWN_STATUS,
                cases: &[
                    STATUS_OF_MAIN,
                    STATUS_OF_PANIC,
                    STATUS_OF_THREADS,
                    STATUS_OF_LATE,
                    STATUS_OF_HOST,
                    STATUS_OF_PLACE,
                    &[(
                        "host c_exit:3 own library:code:7",
                        status(&["main", "code:7", NO_STATUS_IN_LIBRARY, "own"], CODE, 7),
                    )],
                ],
            },
            Difference { sentence: LIVING_LOCALS, cases: &[LOCALS] },
            Difference {
                sentence: "`dlclose` unloads nothing: a library's handlers run when the process exits, and a failure is its status",
                cases: &[&[
                    ("host close own", status(&["main", "closed", NO_STATUS_IN_LIBRARY, "own"], &[], 0)),
                    (
                        "host close own library:its",
                        status(&["main", "closed", "its", NO_STATUS_IN_LIBRARY, "own"], &[], 0),
                    ),
                    (
                        "host close own library:code:7",
                        status(&["main", "closed", "code:7", NO_STATUS_IN_LIBRARY, "own"], CODE, 7),
                    ),
                    (
                        "host close own library:exit:9",
                        status(&["main", "closed", "exit:9", NO_STATUS_IN_LIBRARY, "own"], &[], 9),
                    ),
                ]],
            },
        ],
        abort: Ends::Signal(6),
        has_libraries: true,
    },
    Platform {
        name: "macOS, FreeBSD, OpenBSD, Android: their code, run on Linux",
        targets: &["x86_64-unknown-linux-gnu"],
        flags: "at_exit_as_bsd",
        differences: &[Difference {
            sentence: UNKNOWN_STATUS,
            cases: &[
                STATUS_OF_MAIN,
                STATUS_OF_PANIC,
                STATUS_OF_THREADS,
                STATUS_OF_LATE,
                STATUS_OF_HOST,
                STATUS_OF_PLACE,
                &[(
                    "host c_exit:3 own library:code:7",
                    status(&["main", "code:7", NO_STATUS_IN_LIBRARY, "own"], CODE, 7),
                )],
            ],
        }],
        abort: Ends::Signal(6),
        has_libraries: true,
    },
    Platform {
        name: "NetBSD: its code, run on Linux",
        targets: &["x86_64-unknown-linux-gnu"],
        flags: "at_exit_as_bsd=\"netbsd\"",
        differences: &[
            Difference {
                sentence: UNKNOWN_STATUS,
                cases: &[STATUS_OF_MAIN, STATUS_OF_PANIC, STATUS_OF_THREADS, STATUS_OF_HOST],
            },
            Difference {
                sentence: ENDS_AT_ONCE,
                cases: &[
                    FUNCTION_OF_C,
                    &[("host c_exit:3 own library:code:7", status(&["main", "code:7", NO_STATUS_IN_LIBRARY], CODE, 7))],
                ],
            },
            Difference {
                sentence: "at an exit through C's `exit`, handlers run on the exiting thread: its thread-locals are gone, and \
                           limits and the deadline are reported when the handler returns",
                cases: &[
                    ON_MAIN_AT_EXIT,
                    TOLD_AFTERWARDS,
                    &[
                        ("host return library:where", status(&["main", "where", "on ?", NO_STATUS_IN_LIBRARY], &[], 0)),
                        (
                            "probe thread_exit:3 a limited_late:2000",
                            status(&["main", "limited_late:2000", "goes on", "a"], LATE, 1),
                        ),
                        (
                            "probe exit:0 use_local local",
                            status(
                                &["thread-local used", "main", "thread-local dropped", "use_local"],
                                &[
                                    "hook: cannot access a Thread Local Storage value during or after destruction: AccessError",
                                    "at_exit: 1 handler failed:",
                                    "at_exit: use_local at {at}: panicked: cannot access a Thread Local Storage value during or \
                                     after destruction: AccessError",
                                ],
                                101,
                            ),
                        ),
                        // Linux's std aborts; NetBSD's calls C's `exit`.
                        ("probe exit:0 a limited_std_exit:9", TWICE_IN_EXIT),
                        ("probe_unnamed_c return a limited_std_exit:9", TWICE_IN_EXIT),
                    ],
                ],
            },
        ],
        abort: Ends::Signal(6),
        has_libraries: true,
    },
    Platform {
        name: "Windows",
        targets: &["x86_64-pc-windows-gnu"],
        flags: "",
        differences: &[
            Difference {
                sentence: "signals are console events, and the process ends with status 0xC000013A",
                cases: &[&[
                    ("probe interrupt a cause", status(&["main", "cause", "Some(Signal(CTRL_C))", "a"], &[], 0x3a)),
                    ("probe terminate code:7 where", status(&["main", "where", "on at_exit", "code:7"], CODE, 0x3a)),
                ]],
            },
            Difference { sentence: EXIT_OF_STD, cases: &[STD_EXIT] },
            Difference { sentence: LIVING_LOCALS, cases: &[LOCALS] },
            Difference {
                sentence: "when the process ends, the handlers of a DLL run after those of the program, when it is detached: on \
                           the exiting thread, without limits and without the status",
                cases: &[&[
                    ("host return own library:its", status(&["main", "own", "its", NO_STATUS_IN_LIBRARY], &[], 0)),
                    ("host exit:3 own library:its", status(&["main", "own", "its", NO_STATUS_IN_LIBRARY], &[], 3)),
                    (
                        "host c_exit:3 own library:code:7",
                        status(&["main", "own", "code:7", NO_STATUS_IN_LIBRARY], CODE, 7),
                    ),
                    ("host thread_exit:3 own", status(&["main", "own", NO_STATUS_IN_LIBRARY], &[], 3)),
                    ("host return library:where", status(&["main", "where", "on ?", NO_STATUS_IN_LIBRARY], &[], 0)),
                    (
                        "host exit:3 own library:its library:meets_and_late:1000 library:run_on_thread",
                        status(
                            &["meets_and_late:1000", "main", "own", "its", NO_STATUS_IN_LIBRARY],
                            &[
                                "at_exit: meets_and_late:1000 at {at} was cut off: the process ends, and all other threads are dead",
                            ],
                            3,
                        ),
                    ),
                ]],
            },
            Difference {
                sentence: "`std::process::exit` and `atexit_core::exit` in a DLL run the handlers of that DLL, not those of the program",
                cases: &[&[
                    (
                        "host library:exit:3 own library:its",
                        status(&["main", "its", "library: Some(Exit { status: Some(3) })"], &[], 3),
                    ),
                    (
                        "host library:core_exit:3 own library:its",
                        status(&["main", "its", "library: Some(Exit { status: Some(3) })"], &[], 3),
                    ),
                    ("host return own library:exit:9 library:run", status(&["exit:9", "library: Some(Run)"], &[], 9)),
                ]],
            },
            Difference {
                sentence: "in a module without names in its import table, `std::process::exit` runs no handlers",
                cases: &[&[("probe_unnamed exit:3 a", status(&["main"], &[], 3))]],
            },
        ],
        // The low byte of STATUS_STACK_BUFFER_OVERRUN.
        abort: Ends::Status(9),
        has_libraries: true,
    },
    Platform {
        name: "WASI",
        targets: &["wasm32-wasip1"],
        flags: "",
        differences: &[
            Difference { sentence: UNKNOWN_STATUS, cases: &[STATUS_OF_MAIN] },
            Difference {
                sentence: "there are no threads: limits and the deadline are reported when the handler returns",
                cases: &[ON_MAIN_AT_EXIT, TOLD_AFTERWARDS, WITHOUT_THREADS],
            },
            Difference {
                sentence: "a panic traps, as with `panic = \"abort\"`, and no handler runs after it",
                cases: &[&[
                    ("probe panic a", abort(&["main"], &["hook: main"])),
                    ("probe panic cause", abort(&["main"], &["hook: main"])),
                    ("probe panic code:7", abort(&["main"], &["hook: main"])),
                    ("probe return a panic b", abort(&["main", "b", "panic"], &["hook: boom"])),
                ]],
            },
            Difference { sentence: EXIT_OF_STD, cases: &[STD_EXIT] },
            Difference {
                sentence: "thread-locals are alive while handlers run, and never dropped",
                cases: &[&[
                    (
                        "probe exit:0 caller_use_local local",
                        status(&["thread-local used", "main", "caller_use_local", "thread-local used"], &[], 0),
                    ),
                    (
                        "probe exit:0 use_local local",
                        status(&["thread-local used", "main", "use_local", "thread-local used"], &[], 0),
                    ),
                ]],
            },
            Difference {
                sentence: "there are no signals: `signals::install` is an error",
                cases: &[&[
                    ("probe interrupt a cause", status(&["main", NO_SIGNALS, "cause", NO_STATUS, "a"], &[], 0)),
                    (
                        "probe terminate code:7 where",
                        status(&["main", NO_SIGNALS, "where", "on main", "code:7"], CODE, 7),
                    ),
                    ("probe interrupt a exit:9 b", status(&["main", NO_SIGNALS, "b", "exit:9", "a"], &[], 9)),
                ]],
            },
            Difference {
                sentence: NO_LIBRARIES,
                cases: &[
                    OPENED,
                    &[("host thread_exit:3 own", status(&[NOT_OPENED, "main", "no thread", "own"], &[], 0))],
                ],
            },
        ],
        abort: Ends::Status(134),
        has_libraries: false,
    },
];

const GNU: &[&str] =
    &["x86_64-unknown-linux-gnu", "i686-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "s390x-unknown-linux-gnu"];

const MUSL: &[&str] = &["x86_64-unknown-linux-musl"];

const UNKNOWN_STATUS: &str =
    "the pending status is not known: `cause()` does not have it, and a failure replaces any status";

const ENDS_AT_ONCE: &str = "to change the status, the process ends by `_exit`: C's remaining exit functions, and handlers of other \
                            copies of this library that have not run yet, are skipped";

const LIVING_LOCALS: &str = "thread-locals of the exiting thread are alive while handlers run, and never dropped";

const EXIT_OF_STD: &str = "`std::process::exit` in a handler does what C's `exit` does: the other handlers run";

const NO_LIBRARIES: &str = "no library can be opened";

const IN_VAIN: Lines = &[
    "at_exit: 1 handler failed:",
    "at_exit: c_exit:43 at {at}: got stuck on a lock in the C library that the exiting thread holds, \
     of exit or of a stream: call atexit_core::exit instead",
];

const NO_STATUS: &str = "Some(Exit { status: None })";

const NO_STATUS_IN_LIBRARY: &str = "library: Some(Exit { status: None })";

const NO_SIGNALS: &str = "signals: there are no signals on this platform";

const NOT_OPENED: &str = "no library can be opened";

const fn status(stdout: Lines, stderr: Lines, status: i32) -> Expected {
    Expected { stdout, stderr, ends: Ends::Status(status) }
}

const TWICE_IN_EXIT: Expected =
    abort(&["main", "limited_std_exit:9"], &["hook: std::process::exit called re-entrantly"]);

const fn abort(stdout: Lines, stderr: Lines) -> Expected {
    Expected { stdout, stderr, ends: Ends::Abort }
}

/// The effects of an unknown status.
const STATUS_OF_MAIN: Cases = &[
    ("probe return cause", status(&["main", "cause", NO_STATUS], &[], 0)),
    ("probe err cause", status(&["main", "cause", NO_STATUS], &["Error: \"from main\""], 1)),
    ("probe exit:2 cause", status(&["main", "cause", NO_STATUS], &[], 2)),
    ("probe c_exit:2 cause", status(&["main", "cause", NO_STATUS], &[], 2)),
    ("probe exit:3 code:7", status(&["main", "code:7"], CODE, 7)),
    ("probe err code:7", status(&["main", "code:7"], CODE_AFTER_ERR, 7)),
    ("probe_abort exit:3 code:7", status(&["main", "code:7"], CODE, 7)),
];

const STATUS_OF_PANIC: Cases = &[
    ("probe panic cause", status(&["main", "cause", NO_STATUS], &["hook: main"], 101)),
    ("probe panic code:7", status(&["main", "code:7"], CODE_AFTER_PANIC, 7)),
];

const STATUS_OF_THREADS: Cases = &[
    ("probe thread_exit:2 cause", status(&["main", "cause", NO_STATUS], &[], 2)),
    ("probe thread_exit:3 code:7", status(&["main", "code:7"], CODE, 7)),
];

const STATUS_OF_LATE: Cases =
    &[("probe thread_exit:3 a limited_late:2000", status(&["main", "limited_late:2000", "a"], LATE, 1))];

const STATUS_OF_HOST: Cases = &[
    ("host return own library:its", status(&["main", "its", NO_STATUS_IN_LIBRARY, "own"], &[], 0)),
    ("host exit:3 own library:its", status(&["main", "its", NO_STATUS_IN_LIBRARY, "own"], &[], 3)),
    ("host thread_exit:3 own", status(&["main", NO_STATUS_IN_LIBRARY, "own"], &[], 3)),
    ("host library:exit:3 own library:its", status(&["main", "its", NO_STATUS_IN_LIBRARY, "own"], &[], 3)),
];

const STATUS_OF_PLACE: Cases =
    &[("host return library:where", status(&["main", "where", "on at_exit", NO_STATUS_IN_LIBRARY], &[], 0))];

const LOCALS: Cases = &[
    (
        "probe exit:0 use_local local",
        status(&["thread-local used", "main", "use_local", "thread-local used", "thread-local dropped"], &[], 0),
    ),
    (
        "probe exit:0 caller_use_local local",
        status(&["thread-local used", "main", "caller_use_local", "thread-local used"], &[], 0),
    ),
];

const STD_EXIT: Cases = &[
    ("probe exit:0 a limited_std_exit:9", status(&["main", "limited_std_exit:9", "a"], &[], 9)),
    ("probe_unnamed_c return a limited_std_exit:9", status(&["main", "limited_std_exit:9", "a"], &[], 9)),
];

/// The cases where no exit thread can be started.
const ON_MAIN_AT_EXIT: Cases = &[(
    "probe return where caller_where where",
    status(&["main", "where", "on main", "caller_where", "on main", "where", "on main"], &[], 0),
)];

const TOLD_AFTERWARDS: Cases = &[
    ("probe return failing", status(&["main", "exceeds", "goes on", "fails(text)"], DECLARED, 1)),
    (
        "probe return where limited_late:2000",
        status(&["main", "limited_late:2000", "goes on", "where", "on main"], LATE, 1),
    ),
    ("probe return limit:50 a late:2000", status(&["main", "late:2000", "goes on", "a"], LATE_BY_DEFAULT, 1)),
    ("probe return deadline:1500 never late:4000 a", status(&["main", "a", "late:4000", "goes on"], DEADLINE, 1)),
    (
        "probe return deadline:1500 never caller_late:4000 a",
        status(&["main", "a", "caller_late:4000", "goes on"], CALLER_DEADLINE, 1),
    ),
    (
        "probe return deadline:1200 a limited_late:1300",
        status(
            &["main", "limited_late:1300", "goes on"],
            &[
                "at_exit: 1 handler not run before the deadline:",
                "at_exit: a at {at}",
                "at_exit: 1 handler failed:",
                "at_exit: limited_late:1300 at {at}: exceeded its time limit of 50ms",
            ],
            1,
        ),
    ),
];

const WITHOUT_THREADS: Cases = &[
    ("probe thread_panic a", status(&["main", "no thread", "a"], &[], 0)),
    ("probe thread_exit:42 a", status(&["main", "no thread", "a"], &[], 0)),
    ("probe thread_c_exit:42 a", status(&["main", "no thread", "a"], &[], 0)),
    ("probe thread_core_exit:42 a", status(&["main", "no thread", "a"], &[], 0)),
    ("probe thread_exit:2 cause", status(&["main", "no thread", "cause", NO_STATUS], &[], 0)),
    ("probe thread_exit:0 code:7", status(&["main", "no thread", "code:7"], CODE, 7)),
    ("probe thread_exit:3 code:7", status(&["main", "no thread", "code:7"], CODE, 7)),
    ("probe thread_exit:42 a exit:43", status(&["main", "no thread", "exit:43", "a"], &[], 43)),
    ("probe core_exit:3 where caller_where", status(&["main", "caller_where", "on main", "where", "on main"], &[], 3)),
    ("probe return where run", status(&["where", "on main", "report: 1 ran, 0 failed", "main"], &[], 0)),
    (
        "probe exit:0 spawns caller_spawns",
        status(&["main", "caller_spawns", "no thread", "spawns", "no thread"], &[], 0),
    ),
    (
        "probe thread_exit:3 a limited_late:2000",
        status(&["main", "no thread", "limited_late:2000", "goes on", "a"], LATE, 1),
    ),
    (
        "probe return a limited_late:2000 run",
        status(&["limited_late:2000", "goes on", "a", "report: 2 ran, 1 failed", "main"], LATE, 0),
    ),
    ("probe core_exit:0 deadline:1500 never late:4000 a", status(&["main", "a", "late:4000", "goes on"], DEADLINE, 1)),
    ("probe exit:4 a b std_exit_on_thread:5", status(&["main", "std_exit_on_thread:5", "no thread", "b", "a"], &[], 4)),
    ("probe return a b exit_on_thread:5", status(&["main", "exit_on_thread:5", "no thread", "b", "a"], &[], 0)),
    ("probe exit_during_run:4 a b meets", status(&["main", "no thread", "meets", "b", "a"], &[], 4)),
];

/// What a host does that cannot open a library.
const OPENED: Cases = &[
    ("host close own", status(&[NOT_OPENED, "main", "own"], &[], 0)),
    ("host close own library:its", status(&[NOT_OPENED, "main", "own"], &[], 0)),
    ("host close own library:code:7", status(&[NOT_OPENED, "main", "own"], &[], 0)),
    ("host close own library:exit:9", status(&[NOT_OPENED, "main", "own"], &[], 0)),
    ("host return own library:its", status(&[NOT_OPENED, "main", "own"], &[], 0)),
    ("host exit:3 own library:its", status(&[NOT_OPENED, "main", "own"], &[], 3)),
    ("host c_exit:3 own library:code:7", status(&[NOT_OPENED, "main", "own"], &[], 3)),
    ("host library:exit:3 own library:its", status(&[NOT_OPENED, "main", "own"], &[], 0)),
    ("host library:core_exit:3 own library:its", status(&[NOT_OPENED, "main", "own"], &[], 0)),
    ("host return own library:its library:run", status(&[NOT_OPENED, "main", "own"], &[], 0)),
    ("host return own library:exit:9 library:run", status(&[NOT_OPENED, "main", "own"], &[], 0)),
    (
        "host exit:3 own library:its library:meets_and_late:1000 library:run_on_thread",
        status(&[NOT_OPENED, "main", "own"], &[], 3),
    ),
    ("host return library:where", status(&[NOT_OPENED, "main"], &[], 0)),
];

/// What is called after the hook, if anything.
const FUNCTION_OF_C: Cases = &[("probe c_exit:42 exit:43 plants", status(&["main", "plants", "exit:43"], &[], 43))];

const OPENED_AND_EXIT: Cases = &[("host thread_exit:3 own", status(&[NOT_OPENED, "main", "own"], &[], 3))];
