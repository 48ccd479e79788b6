//! Owns the facts about the target that the tests, and the programs they start, are built for: what starts a program, what compiles one, and
//! what cannot be observed there; must not know what a program does.

use std::env;

const TARGET: &str = env!("TARGET");
const HOST: &str = env!("HOST");

/// The name of the target, if it is not cargo's default.
#[must_use]
pub fn other_target() -> Option<&'static str> {
    (TARGET != HOST).then_some(TARGET)
}

/// The environment variable in which cargo looks for a setting of this target.
fn of_cargo(what: &str) -> Option<String> {
    let target = TARGET.replace('-', "_").to_uppercase();
    env::var(format!("CARGO_TARGET_{target}_{what}")).ok()
}

/// The words that start a program of this target: cargo's runner, if there is one, and the program.
#[must_use]
pub fn words(program: &str) -> Vec<String> {
    let runner = of_cargo("RUNNER").unwrap_or_default();
    runner.split_whitespace().chain([program]).map(str::to_owned).collect()
}

/// The C compiler of this target, as the crate `cc` finds it, or else Rust's linker.
#[must_use]
pub fn c_compiler() -> String {
    let variables = [format!("CC_{}", TARGET.replace('-', "_")), "CC".to_owned()];
    let chosen = variables.iter().find_map(|variable| env::var(variable).ok());
    chosen.or_else(|| of_cargo("LINKER")).unwrap_or_else(|| "cc".to_owned())
}

/// Features that not every target has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// A shared library, which a static C library cannot open.
    SharedLibraries,
    /// A system that tells what a thread is doing.
    SystemCalls,
    /// A process without other threads and memory than the program's.
    ProcessOfItsOwn,
    /// A memory limit that has an effect.
    MemoryLimit,
    /// A descriptor that is closed when the program starts and stays closed.
    ClosedDescriptors,
    /// A program with the rights of its file, or an environment that the system does not trust.
    RightsOfFiles,
    /// A program that has the system refuse it something.
    FilteredSystemCalls,
    /// A child that may be forked while other threads are busy.
    ForkAmongThreads,
    /// Work that is done within the time that the test gives it.
    Pace,
}

/// Whether this target lacks the feature; if so, prints that with the name of the test, on the real standard error. A known lack is no failure.
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

/// Whether programs here are built for another processor.
const IS_EMULATED: bool = !same_processor(TARGET.as_bytes(), HOST.as_bytes());

/// Compares two targets by the first word of their names. x86-64 also runs programs of i686.
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

/// How often to try a race that should be tried this often: less if each try takes long.
#[must_use]
pub const fn times(times: usize) -> usize {
    if IS_EMULATED { times.div_ceil(10) } else { times }
}

/// The output of a program, without its emulator's message when a signal ends it.
pub(crate) fn said_by_program(stderr: String) -> String {
    if !IS_EMULATED {
        return stderr;
    }
    let is_own = |line: &&str| !line.starts_with("qemu: uncaught target signal ");
    stderr.split_inclusive('\n').filter(is_own).collect()
}
