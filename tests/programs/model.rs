//! Plays a script of calls made from the seed in its first argument, and ends in a way that the seed chooses, too.
//!
//! tests/model.rs includes this file, to play scripts in its own process and to predict the output of the program.
#![cfg_attr(test, allow(dead_code, reason = "checked as a test of its own, this is a program without a `main`"))]

#[cfg(not(test))]
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use atexit_core::{ExitGuard, Handler, Registration, cause, clear, guard, pending, register, run, unregister};

#[cfg(not(test))]
fn main() -> ExitCode {
    let seed = std::env::args().nth(1).and_then(|seed| seed.parse().ok()).expect("a seed");
    let (script, way) = of_seed(seed);
    play(&script);
    leave(way)
}

pub(crate) type Script = Vec<Step>;

/// A call of the library.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Register(Part),
    /// On another thread, which ends with this step.
    RegisterElsewhere(Part),
    RegisterFunction(Function),
    Unregister(usize),
    UnregisterFunction(Function),
    IsPending(usize),
    Clear,
    Pending,
    Cause,
    Run,
    Guard(Part),
    DropGuard(usize),
    CancelGuard(usize),
}

/// A handler.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) phase: Phase,
    /// It runs after the pending handlers of this one.
    pub(crate) after: Option<Function>,
    /// Its captures do not fit in the library's inline storage.
    pub(crate) large: bool,
    pub(crate) caller_thread: bool,
    /// What it does.
    pub(crate) body: Script,
    /// What dropping its captures does.
    pub(crate) dropped: Script,
    pub(crate) ending: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    First,
    Unmarked,
    Last,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Returns,
    Fails,
    /// Its captures are dropped while it unwinds.
    Panics,
    /// By `exit`, unless the thread is already unwinding.
    Exits(i32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Alpha,
    Beta,
}

/// How the program ends, and the status it asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Return(u8),
    Exit(i32),
    ExitOnThread(i32),
    ExitOfC(i32),
    ExitOfLibrary(i32),
    Panic,
}

// ---- Scripts -----------------------------------------------------------------------------------------------------

/// A script is the meaning of these bytes, whatever they are.
pub(crate) fn of_bytes(bytes: &[u8], exits: bool) -> Script {
    let mut source = Source { bytes: bytes.iter(), exits };
    std::iter::from_fn(|| source.step(0)).collect()
}

pub(crate) fn of_seed(seed: u64) -> (Script, Way) {
    let mut state = seed;
    let mut next = || {
        // The generator known as SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).to_le_bytes()[0]
    };
    let status = next() % 4;
    let way = match next() % 6 {
        0 => Way::Return(status),
        1 => Way::Exit(status.into()),
        2 => Way::ExitOnThread(status.into()),
        3 => Way::ExitOfC(status.into()),
        4 => Way::ExitOfLibrary(status.into()),
        _ => Way::Panic,
    };
    let bytes: Vec<u8> = (0..2 * usize::from(next())).map(|_| next()).collect();
    (of_bytes(&bytes, true), way)
}

struct Source<'a> {
    bytes: std::slice::Iter<'a, u8>,
    /// Handlers may end by `exit`.
    exits: bool,
}

impl Source<'_> {
    fn next(&mut self) -> Option<u8> {
        self.bytes.next().copied()
    }

    fn step(&mut self, depth: usize) -> Option<Step> {
        let kind = self.next()? % 24;
        Some(match kind {
            0..=7 => Step::Register(self.part(depth)?),
            8 | 9 => Step::RegisterElsewhere(self.part(depth)?),
            10 | 11 => Step::RegisterFunction(self.function()?),
            12 | 13 => Step::Unregister(self.next()?.into()),
            14 => Step::UnregisterFunction(self.function()?),
            15 => Step::IsPending(self.next()?.into()),
            16 => Step::Clear,
            17 => Step::Pending,
            18 => Step::Cause,
            19 => Step::Run,
            20 | 21 => Step::Guard(self.part(depth)?),
            22 => Step::DropGuard(self.next()?.into()),
            _ => Step::CancelGuard(self.next()?.into()),
        })
    }

    fn function(&mut self) -> Option<Function> {
        Some(if self.next()? % 2 == 0 { Function::Alpha } else { Function::Beta })
    }

    fn part(&mut self, depth: usize) -> Option<Part> {
        let options = self.next()?;
        let phase = match options % 4 {
            0 => Phase::First,
            1 => Phase::Last,
            _ => Phase::Unmarked,
        };
        let after = match self.next()? % 8 {
            0 => Some(Function::Alpha),
            1 => Some(Function::Beta),
            _ => None,
        };
        let ending = match (options >> 4) % 8 {
            0 => Ending::Fails,
            1 => Ending::Panics,
            2 if self.exits => Ending::Exits(i32::from(options >> 7) * 5),
            _ => Ending::Returns,
        };
        let (large, caller_thread) = (options & 4 != 0, options & 8 != 0 && options & 64 != 0);
        let (body, dropped) = (self.inner(depth)?, self.inner(depth)?);
        Some(Part { phase, after, large, caller_thread, body, dropped, ending })
    }

    fn inner(&mut self, depth: usize) -> Option<Script> {
        const DEEPEST: usize = 3;
        let count = if depth < DEEPEST { (self.next()? % 8).saturating_sub(4) } else { 0 };
        Some((0..count).map_while(|_| self.step(depth + 1)).collect())
    }
}

// ---- The stage ---------------------------------------------------------------------------------------------------

/// What the steps of a script share.
struct Stage {
    /// What the steps report, instead of printing it.
    heard: Option<Vec<String>>,
    count: usize,
    registrations: Vec<(usize, Registration)>,
    guards: Vec<Option<(usize, ExitGuard)>>,
}

static STAGE: Mutex<Stage> = Mutex::new(Stage { heard: None, count: 0, registrations: Vec::new(), guards: Vec::new() });

fn stage() -> MutexGuard<'static, Stage> {
    STAGE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn say(line: String) {
    let mut stage = stage();
    if let Some(heard) = &mut stage.heard {
        heard.push(line);
    } else {
        drop(stage);
        println!("{line}");
    }
}

fn next_number() -> usize {
    let mut stage = stage();
    stage.count += 1;
    stage.count - 1
}

/// Reports that it is dropped, and does what it was told to do then.
struct Captured {
    number: usize,
    script: Script,
}

impl Drop for Captured {
    fn drop(&mut self) {
        say(format!("dropped {}", self.number));
        play(&self.script);
    }
}

fn alpha() {
    say("alpha".to_owned());
}

fn beta() {
    say("beta".to_owned());
}

/// The code of a handler.
fn perform(number: usize, part: &Part, captured: Captured) -> Result<(), &'static str> {
    say(format!("runs {number}"));
    play(&part.body);
    if part.ending == Ending::Panics {
        let _dropped_while_unwinding = captured;
        std::panic::resume_unwind(Box::new("without a word from the panic hook"));
    }
    drop(captured);
    match part.ending {
        Ending::Fails => Err("failed"),
        Ending::Exits(code) if !thread::panicking() => atexit_core::exit(code),
        _ => Ok(()),
    }
}

fn enlist(part: &Part) {
    let number = next_number();
    let captured = Captured { number, script: part.dropped.clone() };
    let owned = Box::new(part.clone());
    let handler = if part.large {
        let ballast = [number; 100];
        Handler::new(move || perform(ballast[99], &owned, captured))
    } else {
        let small = Box::new((captured, owned));
        Handler::new(move || {
            let (captured, part) = *small;
            perform(number, &part, captured)
        })
    };
    let handler = match part.phase {
        Phase::First => handler.first(),
        Phase::Unmarked => handler,
        Phase::Last => handler.last(),
    };
    let handler = match part.after {
        None => handler,
        Some(Function::Alpha) => handler.after(alpha),
        Some(Function::Beta) => handler.after(beta),
    };
    let handler = if part.caller_thread { handler.caller_thread() } else { handler };
    let registration = handler.name(number.to_string()).register();
    stage().registrations.push((number, registration));
}

fn chosen(index: usize) -> Option<(usize, Registration)> {
    let stage = stage();
    let count = stage.registrations.len();
    stage.registrations.get(index.checked_rem(count)?).copied()
}

fn chosen_guard(index: usize) -> Option<(usize, ExitGuard)> {
    let mut stage = stage();
    let count = stage.guards.len();
    stage.guards.get_mut(index.checked_rem(count)?)?.take()
}

pub(crate) fn play(script: &[Step]) {
    for step in script {
        play_step(step);
    }
}

fn play_step(step: &Step) {
    match step {
        Step::Register(part) => enlist(part),
        Step::RegisterElsewhere(part) => {
            let part = part.clone();
            thread::spawn(move || enlist(&part)).join().expect("no panic");
        }
        Step::RegisterFunction(function) => {
            let number = next_number();
            let registration = match function {
                Function::Alpha => register(alpha),
                Function::Beta => register(beta),
            };
            stage().registrations.push((number, registration));
        }
        Step::Unregister(index) => {
            if let Some((number, registration)) = chosen(*index) {
                let was_pending = registration.unregister();
                say(format!("unregister {number}: {was_pending}"));
            }
        }
        Step::UnregisterFunction(Function::Alpha) => say(format!("unregister alpha: {}", unregister(alpha))),
        Step::UnregisterFunction(Function::Beta) => say(format!("unregister beta: {}", unregister(beta))),
        Step::IsPending(index) => {
            if let Some((number, registration)) = chosen(*index) {
                say(format!("{number} is pending: {}", registration.is_pending()));
            }
        }
        Step::Clear => {
            let count = clear();
            say(format!("clear: {count}"));
        }
        Step::Pending => say(format!("pending: {}", pending())),
        Step::Cause => say(format!("cause: {:?}", cause())),
        Step::Run => {
            let report = run();
            let failed: Vec<_> = report.failures().iter().map(|failure| failure.handler().label()).collect();
            say(format!("run: {}, failed: [{}]", report.ran(), failed.join(", ")));
        }
        Step::Guard(part) => {
            let number = next_number();
            let captured = Captured { number, script: part.dropped.clone() };
            let body = part.body.clone();
            let guard = guard(move || {
                say(format!("runs {number}"));
                play(&body);
                drop(captured);
            });
            stage().guards.push(Some((number, guard)));
        }
        Step::DropGuard(index) => {
            if let Some((number, guard)) = chosen_guard(*index) {
                drop(guard);
                say(format!("guard {number} dropped"));
            }
        }
        Step::CancelGuard(index) => {
            if let Some((number, guard)) = chosen_guard(*index) {
                guard.cancel();
                say(format!("guard {number} cancelled"));
            }
        }
    }
}

/// Plays a script until nothing is pending, and returns its reports.
#[cfg(test)]
pub(crate) fn hear(script: &[Step]) -> Vec<String> {
    clear();
    *stage() = Stage { heard: Some(Vec::new()), count: 0, registrations: Vec::new(), guards: Vec::new() };
    play(script);
    while pending() > 0 {
        play_step(&Step::Run);
    }
    stage().heard.take().unwrap_or_default()
}

#[cfg(not(test))]
fn leave(way: Way) -> ExitCode {
    match way {
        Way::Return(status) => ExitCode::from(status),
        Way::Exit(status) => std::process::exit(status),
        Way::ExitOnThread(status) => {
            thread::spawn(move || std::process::exit(status));
            loop {
                thread::park();
            }
        }
        // SAFETY: ISO C; no other thread exits.
        Way::ExitOfC(status) => unsafe { libc::exit(status) },
        Way::ExitOfLibrary(status) => atexit_core::exit(status),
        Way::Panic => std::panic::resume_unwind(Box::new("without a word from the panic hook")),
    }
}
