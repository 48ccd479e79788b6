//! Owns what is known of the target that the tests, and the programs they start, are built for: what starts a program, what compiles one,
//! and what cannot be seen there; must not know what a program does.

use std::env;

const TARGET: &str = env!("TARGET");
const HOST: &str = env!("HOST");

/// The name of the target, where it is another one than cargo builds for unasked.
#[must_use]
pub fn other_target() -> Option<&'static str> {
    (TARGET != HOST).then_some(TARGET)
}

/// What cargo calls something of this target in the environment.
fn of_cargo(what: &str) -> Option<String> {
    let target = TARGET.replace('-', "_").to_uppercase();
    env::var(format!("CARGO_TARGET_{target}_{what}")).ok()
}

/// The words that start a program of this target: cargo's runner, if it has one, and the program.
#[must_use]
pub fn words(program: &str) -> Vec<String> {
    let runner = of_cargo("RUNNER").unwrap_or_default();
    runner.split_whitespace().chain([program]).map(str::to_owned).collect()
}

/// The compiler for C of this target, as the crate `cc` finds it, or else what Rust links with.
#[must_use]
pub fn c_compiler() -> String {
    let variables = [format!("CC_{}", TARGET.replace('-', "_")), "CC".to_owned()];
    let chosen = variables.iter().find_map(|variable| env::var(variable).ok());
    chosen.or_else(|| of_cargo("LINKER")).unwrap_or_else(|| "cc".to_owned())
}

/// What cannot be tried on every target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// A shared library, which a static C library cannot open.
    SharedLibraries,
    /// That the system tells of a thread what the program made it do.
    SystemCalls,
    /// That the process has no threads and no memory but the program's.
    ProcessOfItsOwn,
    /// A limit of memory that counts.
    MemoryLimit,
    /// That a descriptor which is closed when the program starts stays so.
    ClosedDescriptors,
    /// A program that has rights of its file's, or an environment that the system does not trust.
    RightsOfFiles,
    /// A program that has the system refuse it something.
    FilteredSystemCalls,
    /// A child that may be forked while other threads are busy.
    ForkAmongThreads,
    /// That what the test gives a time to is done by then.
    Pace,
}

/// Whether this target lacks it, which is said with the name of the test, on the real standard error. It is no failure: it is known here.
#[must_use]
pub fn lacks(needs: Needs) -> bool {
    let reason = match needs {
        Needs::SharedLibraries => IS_STATIC.then_some("a program with a static C library opens no shared one"),
        Needs::SystemCalls => {
            IS_EMULATED.then_some("in /proc stand the system calls of the emulator, with the numbers of the host")
        }
        Needs::ProcessOfItsOwn => IS_EMULATED.then_some("threads and memory are counted with those of the emulator"),
        Needs::MemoryLimit => IS_EMULATED.then_some("the emulator does not pass a limit of memory on"),
        Needs::ClosedDescriptors => {
            IS_EMULATED.then_some("the emulator opens files of its own before the program starts")
        }
        Needs::RightsOfFiles => IS_EMULATED.then_some("the rights of a file are those of the emulator's"),
        Needs::FilteredSystemCalls => IS_EMULATED.then_some("the emulator lets no program filter its system calls"),
        Needs::ForkAmongThreads => {
            IS_EMULATED.then_some("the emulator has locks of its own, which a child may find taken")
        }
        Needs::Pace => IS_EMULATED.then_some("an emulator is too slow for the times that this takes or allows"),
    };
    if let Some(reason) = reason {
        crate::say("LEFT OUT", reason);
    }
    reason.is_some()
}

const IS_STATIC: bool = cfg!(target_feature = "crt-static");

/// What runs here was made for another processor.
const IS_EMULATED: bool = !same_processor(TARGET.as_bytes(), HOST.as_bytes());

/// Of two targets, by the first word of their names. x86-64 runs programs of i686, too.
const fn same_processor(target: &[u8], host: &[u8]) -> bool {
    if target[0] == b'i' && host[0] == b'x' {
        return true;
    }
    let mut at = 0;
    while target[at] == host[at] && target[at] != b'-' {
        at += 1;
    }
    target[at] == host[at]
}

/// How often a race is tried that is to be tried so often: less where each try takes long.
#[must_use]
pub const fn times(times: usize) -> usize {
    if IS_EMULATED { times.div_ceil(10) } else { times }
}

/// What a program said, without what its emulator says when it ends by a signal.
pub(crate) fn said_by_program(stderr: String) -> String {
    if !IS_EMULATED {
        return stderr;
    }
    let is_own = |line: &&str| !line.starts_with("qemu: uncaught target signal ");
    stderr.split_inclusive('\n').filter(is_own).collect()
}
