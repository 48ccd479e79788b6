//! Owns what expansions may demand of the crates that contain them, which is nothing: the crates under `tests/crates` compile, or this fails.
//! Also owns what `.ci/rooms` reports about the sources of the core.

use std::fs;
use std::path::Path;

use spawn::{End, assert_seen, build, command};

#[test]
fn strict_crates_of_both_editions_compile_without_warnings_and_run() {
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
fn an_option_names_a_renamed_dependency() {
    let program = build("hygiene", &["-p", "renamed"], &[]).join("renamed");
    assert_seen(&mut command(&program.to_string_lossy(), &[]), "re-exported 2\nrenamed\n", "", End::Status(0));
}

/// Small source trees, and everything that `.ci/rooms` says about each.
const TREES: &[Tree] = &[
    Tree {
        name: "clean",
        files: &[
            (
                "lib.rs",
                "\
                    mod guard;
                    #[path = \"private.rs\"]
                    pub mod __private;
                    pub use guard::{X, guard};
                    macro_rules! m { () => { $crate::guard() } }
                ",
            ),
            (
                "private.rs",
                "\
                    pub use crate::handler::callback::call;
                    macro_rules! m { () => { $crate::__private::call() } }
                ",
            ),
            (
                "docs.rs",
                "\
                    use crate::Report;
                    fn f() { crate::run(); }
                ",
            ),
            (
                "guard.rs",
                "\
                    use crate::{log, registration::X};
                    pub use super::runner::state::State;
                ",
            ),
            (
                "registration.rs",
                "\
                    pub use crate::plan::{self, table as t};
                    use std::{fmt, sync::Mutex};
                ",
            ),
            // Other rooms know it, and so do the files above it in its own room.
            (
                "runner/mod.rs",
                "\
                    mod call;
                    pub(crate) mod state;
                    pub use call::Call;
                    pub use self::state::State;
                ",
            ),
            (
                "runner/call.rs",
                "\
                    use super::state::{self, State};
                    use crate::log;
                    fn f() { log::f(state::X) }
                ",
            ),
            (
                "runner/state.rs",
                "\
                    pub(in crate::runner) struct State;
                    pub(super) fn f() -> ::std::io::Result<()> {}
                    #[cfg(test)]
                    mod tests {
                        use super::*;
                        fn f() { super::f(); self::f() }
                    }
                ",
            ),
            (
                "plan/mod.rs",
                "\
                    mod dot;
                    mod table;
                ",
            ),
            ("plan/dot.rs", "use crate::plan::table;\n"),
            (
                "plan/table.rs",
                "\
                    use crate::{config, registry::{self, Place as P}};
                    use super::*;
                    fn f() { ::dot::f() }
                ",
            ),
            (
                "handler/callback.rs",
                "\
                    use crate::sys;
                    unsafe fn f() {}
                ",
            ),
            // The system's file knows the file that chooses it.
            (
                "sys/mod.rs",
                "\
                    #[cfg_attr(unix, path = \"linux.rs\")]
                    #[cfg_attr(windows, path = \"windows.rs\")]
                    mod system;
                    pub use system::f;
                    pub struct Status;
                ",
            ),
            (
                "sys/linux.rs",
                "\
                    use super::{Status, posix};
                    unsafe fn f() {}
                ",
            ),
            (
                "sys/windows.rs",
                "\
                    use crate::sys::Status;
                    #[cfg(windows)]
                    fn f() {}
                ",
            ),
            (
                "sys/posix.rs",
                "\
                    use super::Status;
                    fn f() -> bool { cfg!(target_os = \"linux\") }
                ",
            ),
        ],
        complaints: &[],
    },
    Tree {
        name: "words",
        files: &[(
            "log.rs",
            r##"//! Says what [`run`](crate::run) did on unix; must not know crate::runner.
/* unsafe { crate::exit::f() } /* cfg(unix) */ crate::Report */
/// unsafe, cfg!(windows)
fn f<'a>(x: &'a str) -> char {
    let _ = ("unsafe { crate::exit::f() } \" #[cfg(unix)]", 'u', '"', b'\'', "$crate", 'ä','"',"unsafe");
    let _ = r#"use crate::guard; " unsafe"#;
    let _ = b"unsafe \\";
    let (unsafe_code, unix, windows) = (0, 1, 2);
    '\u{22}'
}
#[cfg(all(feature = "unix", panic = "unwind"))]
#[cfg_attr(test, doc = "target_os", path = "windows.rs")]
#[cfg(not(any(test, doc, debug_assertions, miri)))]
#[cfg(target_pointer_width = "64")]
mod unix {}
"##,
        )],
        complaints: &[],
    },
    Tree {
        name: "use",
        files: &[
            (
                "plan.rs",
                "\
                    //! Owns
                    use std::fmt;
                    use crate::runner::Run;
                    use crate::exit as out;
                    fn f() { out::f() }
                ",
            ),
            (
                "runner.rs",
                "\
                    pub use atexit_core::exit::f;
                    use crate::{
                        // of exit
                        exit::g,
                    };
                    use super::guard;
                ",
            ),
            ("sys/linux.rs", "pub(crate) use super::super::handler::Handler;\n"),
        ],
        complaints: &[
            "plan.rs:3: plan must not use runner",
            "plan.rs:4: plan must not use exit",
            "runner.rs:1: runner must not use exit",
            "runner.rs:4: runner must not use exit",
            "runner.rs:6: runner must not use guard",
            "sys/linux.rs:1: sys must not use handler",
        ],
    },
    Tree {
        name: "nested",
        files: &[(
            "registry/mod.rs",
            "\
                    use crate::{
                        handler::{self, info::{Info, Label}},
                        log, plan::{
                            self,
                            dot::{f, g},
                        },
                        sys::{signal, sync::*}, runner::*,
                    };
                ",
        )],
        complaints: &[
            "registry/mod.rs:3: registry must not use plan",
            "registry/mod.rs:7: registry must not use runner",
        ],
    },
    Tree {
        name: "inline",
        files: &[
            (
                "order/graph.rs",
                "\
                    fn f(x: &[crate::log::Level]) -> <crate::plan::X as Y>::Z {
                        super::super::runner::f();
                        ::atexit_core::exit::f(0..crate::guard::N, crate::r#registration::f())
                    }
                ",
            ),
            (
                "log.rs",
                "\
                    #[cfg(test)]
                    mod tests {
                        fn f() { super::super::config::f(); crate::order::f() }
                        mod within {
                            use super::super::super::runner;
                            fn f() { super::super::g() }
                        }
                    }
                ",
            ),
            (
                "report.rs",
                "\
                    use crate as all;
                    fn f() { all::log::f() }
                ",
            ),
        ],
        complaints: &[
            "log.rs:3: log must not use config",
            "log.rs:5: log must not use runner",
            "order/graph.rs:1: order must not use log",
            "order/graph.rs:1: order must not use plan",
            "order/graph.rs:2: order must not use runner",
            "order/graph.rs:3: order must not use exit",
            "order/graph.rs:3: order must not use guard",
            "order/graph.rs:3: order must not use registration",
            "report.rs:1: report must name the room of crate",
            "report.rs:2: report must not use log",
        ],
    },
    Tree {
        name: "root",
        files: &[
            (
                "lib.rs",
                "\
                    #[path = \"private.rs\"]
                    pub(crate) mod __private;
                    mod guard;
                    mod plan;
                ",
            ),
            ("private.rs", "use crate::guard;\n"),
            ("docs.rs", ""),
            ("plan.rs", ""),
            (
                "guard.rs",
                "\
                    use crate::{Report, plan::{self, X}};
                    use super::*;
                    use atexit_core::register;
                    fn f() -> crate::Cause {
                        crate::plan();
                        crate::exit(1);
                        crate::link!(a);
                        crate::plan::plan()
                    }
                    use crate::{__private::call, docs};
                ",
            ),
            (
                "runner/mod.rs",
                "\
                    macro_rules! m {
                        () => { $crate::sys::f() };
                    }
                ",
            ),
        ],
        complaints: &[
            "guard.rs:1: guard must name the room of crate::Report",
            "guard.rs:2: guard must name the room of crate::*",
            "guard.rs:3: guard must name the room of crate::register",
            "guard.rs:4: guard must name the room of crate::Cause",
            "guard.rs:5: guard must name the room of crate::plan",
            "guard.rs:6: guard must name the room of crate::exit",
            "guard.rs:7: guard must name the room of crate::link",
            "guard.rs:10: guard must not use docs",
            "guard.rs:10: guard must not use private",
            "runner/mod.rs:2: $crate belongs in lib.rs or private.rs",
        ],
    },
    Tree {
        name: "level",
        files: &[
            ("report.rs", "use crate::order::Rank;\n"),
            ("order/mod.rs", "use crate::report;\n"),
            ("config.rs", "use crate::{log, registry};\n"),
            ("registry/mod.rs", "use crate::{config::Config, order, report};\n"),
        ],
        complaints: &[
            "config.rs:1: config must not use registry",
            "order/mod.rs:1: order must not use report",
            "registry/mod.rs:1: registry must not use config",
            "report.rs:1: report must not use order",
        ],
    },
    Tree {
        name: "cycle",
        files: &[
            // Two sibling files, by every kind of path.
            (
                "runner/call.rs",
                "\
                    //! Owns
                    use super::state::State;
                ",
            ),
            ("runner/state.rs", "fn f() { crate::runner::call::f() }\n"),
            // A file and its parent.
            (
                "plan/mod.rs",
                "\
                    mod dot;
                    mod table;
                    pub struct Plan;
                    fn f() { dot::f() }
                    pub use dot::Dot;
                ",
            ),
            ("plan/dot.rs", "use super::Plan;\n"),
            ("plan/table.rs", "use super::{Plan, dot};\n"),
            // Three files; one sees the next through its parent's imports.
            (
                "exit/mod.rs",
                "\
                    mod fork;
                    mod hook;
                    mod signals;
                ",
            ),
            (
                "exit/fork.rs",
                "\
                    use super::*;
                    fn f() { hook::f() }
                ",
            ),
            (
                "exit/hook.rs",
                "\
                    #[cfg(test)]
                    mod tests {
                        use super::super::signals;
                    }
                ",
            ),
            (
                "exit/signals.rs",
                "\
                    use crate::exit::{self};
                    use exit::fork::f;
                ",
            ),
            // Files that share a contract must not form a cycle either.
            (
                "sys/mod.rs",
                "\
                    #[cfg_attr(unix, path = \"bsd.rs\")]
                    mod system;
                    mod posix;
                    pub use system::f;
                ",
            ),
            ("sys/bsd.rs", "use super::{Status, posix::f};\n"),
            ("sys/posix.rs", "use super::{Status, system};\n"),
        ],
        complaints: &[
            "exit/fork.rs:2: a cycle: exit/fork.rs:2 uses exit/hook.rs, exit/hook.rs:3 uses exit/signals.rs, exit/signals.rs:2 uses exit/fork.rs",
            "plan/dot.rs:1: a cycle: plan/dot.rs:1 uses plan/mod.rs, plan/mod.rs:4 uses plan/dot.rs",
            "runner/call.rs:2: a cycle: runner/call.rs:2 uses runner/state.rs, runner/state.rs:1 uses runner/call.rs",
            "sys/bsd.rs:1: a cycle: sys/bsd.rs:1 uses sys/posix.rs, sys/posix.rs:1 uses sys/bsd.rs",
        ],
    },
    Tree {
        name: "unknown",
        files: &[
            ("attic/mod.rs", "use crate::guard;\n"),
            ("attic/box.rs", ""),
            ("cellar.rs", ""),
            ("guard.rs", "use crate::attic;\n"),
        ],
        complaints: &[
            "attic/box.rs:1: attic is not in the table of .ci/rooms",
            "cellar.rs:1: cellar is not in the table of .ci/rooms",
        ],
    },
    Tree {
        name: "unsafe",
        files: &[
            ("handler/callback.rs", "unsafe fn f() {}\n"),
            (
                "handler/mod.rs",
                "\
                    //! unsafe
                    #[unsafe(no_mangle)]
                    fn f() {
                        unsafe { g() }
                    }
                ",
            ),
            ("lib.rs", "unsafe extern \"C\" {}\n"),
            ("runner/callback.rs", "fn f(x: &str, y: unsafe fn()) {}\n"),
            ("sys/signal.rs", "unsafe fn f() {}\n"),
        ],
        complaints: &[
            "handler/mod.rs:2: unsafe belongs in sys/ or handler/callback.rs",
            "handler/mod.rs:4: unsafe belongs in sys/ or handler/callback.rs",
            "lib.rs:1: unsafe belongs in sys/ or handler/callback.rs",
            "runner/callback.rs:1: unsafe belongs in sys/ or handler/callback.rs",
        ],
    },
    Tree {
        name: "systems",
        files: &[
            (
                "exit/mod.rs",
                "\
                    #[cfg(unix)]
                    mod fork;
                    #[cfg(all(
                        feature = \"signals\",
                        not(windows),
                    ))]
                    mod signals;
                ",
            ),
            (
                "lib.rs",
                "\
                    #![cfg_attr(target_family = \"wasm\", allow(dead_code))]
                    #[cfg_attr(test, cfg_attr(not(target_env = \"gnu\"), ignore))]
                    fn f() {}
                ",
            ),
            (
                "log.rs",
                "\
                    const N: u8 = if cfg!(any(target_os = \"linux\", target_arch = \"wasm32\")) { 1 } else { 2 };
                    #[cfg(target_vendor = \"apple\")]
                    fn f() {}
                ",
            ),
        ],
        complaints: &[
            "exit/mod.rs:1: cfg of unix belongs in sys/",
            "exit/mod.rs:5: cfg of windows belongs in sys/",
            "lib.rs:1: cfg of target_family belongs in sys/",
            "lib.rs:2: cfg of target_env belongs in sys/",
            "log.rs:1: cfg of target_arch belongs in sys/",
            "log.rs:1: cfg of target_os belongs in sys/",
            "log.rs:2: cfg of target_vendor belongs in sys/",
        ],
    },
];

/// Sources that stand in for those of the core.
struct Tree {
    /// The folder that they are written to.
    name: &'static str,
    /// The path of each below it, and its text.
    files: &'static [(&'static str, &'static str)],
    /// In order, without the folder.
    complaints: &'static [&'static str],
}

#[test]
fn rooms_use_each_other_in_one_direction() {
    for tree in TREES {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rooms").join(tree.name);
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("what an earlier test left can be removed");
        }
        for (path, text) in tree.files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder can be made");
            fs::write(path, text).expect("a file can be written");
        }
        let folder = folder.to_string_lossy();
        let expected =
            tree.complaints.iter().fold(String::new(), |all, complaint| all + &folder + "/" + complaint + "\n");
        let status = i32::from(!tree.complaints.is_empty());
        assert_seen(&mut spawn::tool("bash", &[".ci/rooms", &folder]), &expected, "", End::Status(status));
    }
}

#[test]
fn finding_no_sources_is_an_error() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rooms").join("none");
    fs::create_dir_all(&folder).expect("a folder can be made");
    let folder = folder.to_string_lossy();
    let complaint = format!("rooms: no sources in {folder}\n");
    assert_seen(&mut spawn::tool("bash", &[".ci/rooms", &folder]), "", &complaint, End::Status(1));
}
