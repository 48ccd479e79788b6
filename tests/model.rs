//! Owns the comparison of the library with a model of it, a `Vec` and the rules in plain words: for any calls in any order, also inside
//! handlers and while their captures are dropped.

use std::sync::{Mutex, PoisonError};

use proptest::prelude::*;
use spawn::c_library::TELLS_STATUS;
use spawn::{End, assert_seen, command};

#[path = "programs/model.rs"]
mod program;

use program::{Ending, Function, Part, Phase, Script, Step, Way};

/// A pending handler of the model.
struct Pending<'a> {
    number: usize,
    what: What<'a>,
    /// Another thread registered it during a run.
    late: bool,
}

#[derive(Clone, Copy)]
enum What<'a> {
    Handler(&'a Part),
    Guard(&'a Part),
    Function(Function),
}

impl What<'_> {
    fn phase(self) -> Phase {
        match self {
            Self::Handler(part) => part.phase,
            Self::Guard(_) | Self::Function(_) => Phase::Unmarked,
        }
    }
}

/// Why a script stops.
enum Stop {
    /// `exit` has ended the handler that it belongs to.
    Handler,
    /// The process has ended, with this status.
    Process(i32),
}

/// A run in progress.
struct Run {
    cause: String,
    ran: usize,
    /// The handlers that failed, and the status of the last failure.
    failed: Vec<usize>,
    failure: Option<i32>,
    exit: Option<i32>,
}

#[derive(Default)]
struct Model<'a> {
    /// In registration order.
    pending: Vec<Pending<'a>>,
    /// The nested runs.
    runs: Vec<Run>,
    /// How many handlers are unwinding.
    unwinding: usize,
    /// The run at exit takes late handlers once more.
    further_round: bool,
    count: usize,
    registrations: Vec<usize>,
    guards: Vec<Option<usize>>,
    said: Vec<String>,
}

impl<'a> Model<'a> {
    fn say(&mut self, line: String) {
        self.said.push(line);
    }

    fn add(&mut self, what: What<'a>, late: bool) -> usize {
        let number = self.count;
        self.count += 1;
        let named = if let What::Handler(Part { after, .. }) = what { *after } else { None };
        let lowest = self.pending.iter().position(|other| {
            let is_named = matches!(other.what, What::Function(function) if Some(function) == named);
            is_named && other.late == late && other.what.phase() == what.phase()
        });
        self.pending.insert(lowest.unwrap_or(self.pending.len()), Pending { number, what, late });
        number
    }

    fn take(&mut self, number: usize) -> Option<Pending<'a>> {
        let at = self.pending.iter().position(|pending| pending.number == number)?;
        Some(self.pending.remove(at))
    }

    /// All of them in running order.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<_> = self.pending.iter().rev().collect();
        order.sort_by_key(|pending| (pending.late, pending.what.phase() as u8)); // stable
        order.iter().map(|pending| pending.number).collect()
    }

    fn next(&mut self) -> Option<Pending<'a>> {
        if self.further_round && self.pending.iter().all(|pending| pending.late) {
            self.further_round = self.pending.is_empty();
            self.pending.iter_mut().for_each(|pending| pending.late = false);
        }
        let next =
            self.order().into_iter().find(|number| self.pending.iter().any(|p| p.number == *number && !p.late))?;
        self.take(next)
    }

    fn play(&mut self, script: &'a [Step]) -> Result<(), Stop> {
        script.iter().try_for_each(|step| self.step(step))
    }

    fn step(&mut self, step: &'a Step) -> Result<(), Stop> {
        match step {
            Step::Register(part) | Step::RegisterElsewhere(part) => {
                let late = matches!(step, Step::RegisterElsewhere(_)) && !self.runs.is_empty();
                let number = self.add(What::Handler(part), late);
                self.registrations.push(number);
            }
            Step::RegisterFunction(function) => {
                let number = self.add(What::Function(*function), false);
                self.registrations.push(number);
            }
            Step::Unregister(index) => {
                if let Some(number) = self.chosen(*index) {
                    let taken = self.take(number);
                    let was_pending = taken.is_some();
                    taken.map_or(Ok(()), |taken| self.forget(&taken))?;
                    self.say(format!("unregister {number}: {was_pending}"));
                }
            }
            Step::UnregisterFunction(function) => {
                let before = self.pending.len();
                self.pending.retain(|pending| !matches!(pending.what, What::Function(other) if other == *function));
                self.say(format!("unregister {}: {}", name(*function), before - self.pending.len()));
            }
            Step::IsPending(index) => {
                if let Some(number) = self.chosen(*index) {
                    let is_pending = self.pending.iter().any(|pending| pending.number == number);
                    self.say(format!("{number} is pending: {is_pending}"));
                }
            }
            Step::Clear => self.clear()?,
            Step::Pending => self.say(format!("pending: {}", self.pending.len())),
            Step::Cause => {
                let cause = self.runs.last().map_or("None".to_owned(), |run| format!("Some({})", run.cause));
                self.say(format!("cause: {cause}"));
            }
            Step::Run => {
                let run = self.run("Run".to_owned())?;
                if let Some(code) = run.exit {
                    return self.exit(code);
                }
                let failed: Vec<_> = run.failed.iter().map(ToString::to_string).collect();
                self.say(format!("run: {}, failed: [{}]", run.ran, failed.join(", ")));
            }
            Step::Guard(part) => {
                let number = self.add(What::Guard(part), false);
                self.guards.push(Some(number));
            }
            Step::DropGuard(index) => {
                if let Some(number) = self.chosen_guard(*index) {
                    let taken = self.take(number);
                    taken.map_or(Ok(()), |taken| self.perform(&taken).map(drop))?;
                    self.say(format!("guard {number} dropped"));
                }
            }
            Step::CancelGuard(index) => {
                if let Some(number) = self.chosen_guard(*index) {
                    let taken = self.take(number);
                    taken.map_or(Ok(()), |taken| self.forget(&taken))?;
                    self.say(format!("guard {number} cancelled"));
                }
            }
        }
        Ok(())
    }

    fn chosen(&self, index: usize) -> Option<usize> {
        self.registrations.get(index.checked_rem(self.registrations.len())?).copied()
    }

    fn chosen_guard(&mut self, index: usize) -> Option<usize> {
        let count = self.guards.len();
        self.guards.get_mut(index.checked_rem(count)?)?.take()
    }

    /// All are removed before the first of them drops its captures, and one that does not return from that stops no other.
    fn clear(&mut self) -> Result<(), Stop> {
        let order = self.order();
        let taken: Vec<_> = order.iter().filter_map(|number| self.take(*number)).collect();
        let mut stopped = Ok(());
        for pending in &taken {
            match self.forget(pending) {
                Err(Stop::Process(status)) => return Err(Stop::Process(status)),
                dropped => stopped = stopped.and(dropped),
            }
        }
        stopped?;
        self.say(format!("clear: {}", taken.len()));
        Ok(())
    }

    /// Drops the captures.
    fn forget(&mut self, pending: &Pending<'a>) -> Result<(), Stop> {
        match pending.what {
            What::Handler(part) | What::Guard(part) => {
                self.say(format!("dropped {}", pending.number));
                self.play(&part.dropped)
            }
            What::Function(_) => Ok(()),
        }
    }

    /// Does what a handler does, and returns the status of its failure.
    fn perform(&mut self, pending: &Pending<'a>) -> Result<Option<i32>, Stop> {
        let (part, ending) = match pending.what {
            What::Function(function) => {
                self.say(name(function).to_owned());
                return Ok(None);
            }
            What::Handler(part) => (part, part.ending),
            What::Guard(part) => (part, Ending::Returns),
        };
        self.say(format!("runs {}", pending.number));
        let mut result = self.play(&part.body);
        if matches!(result, Err(Stop::Process(_))) {
            return result.map(|()| None);
        }
        let unwinds = result.is_err() || ending == Ending::Panics;
        self.unwinding += usize::from(unwinds);
        let dropped = self.forget(pending);
        self.unwinding -= usize::from(unwinds);
        result = result.and(dropped);
        result?;
        match ending {
            Ending::Exits(code) if self.unwinding == 0 => self.exit(code).map(|()| None),
            Ending::Exits(_) | Ending::Returns => Ok(None),
            Ending::Fails => Ok(Some(1)),
            Ending::Panics => Ok(Some(101)),
        }
    }

    fn run(&mut self, cause: String) -> Result<Run, Stop> {
        self.runs.push(Run { cause, ran: 0, failed: Vec::new(), failure: None, exit: None });
        while let Some(next) = self.next() {
            let failure = match self.perform(&next) {
                Err(Stop::Process(status)) => return Err(Stop::Process(status)),
                Err(Stop::Handler) => None,
                Ok(failure) => failure,
            };
            let run = self.runs.last_mut().expect("pushed");
            run.ran += 1;
            if failure.is_some() {
                run.failed.push(next.number);
                run.failure = failure;
            }
        }
        let run = self.runs.pop().expect("pushed");
        if self.runs.is_empty() {
            self.pending.iter_mut().for_each(|pending| pending.late = false);
        }
        Ok(run)
    }

    /// A call of `exit`.
    fn exit(&mut self, code: i32) -> Result<(), Stop> {
        match self.runs.last_mut() {
            Some(run) => {
                run.exit = Some(code);
                Err(Stop::Handler)
            }
            None => Err(Stop::Process(self.end(code, true))),
        }
    }

    /// The end of the process: the status it was about to have, and the one it gets. `is_told`: handlers and library know it.
    fn end(&mut self, status: i32, is_told: bool) -> i32 {
        self.further_round = true;
        match self.run(format!("Exit {{ status: {:?} }}", is_told.then_some(status))) {
            Err(Stop::Process(status)) => status,
            Err(Stop::Handler) => status,
            Ok(run) => match run.exit.or(is_told.then_some(status)) {
                None => run.failure.unwrap_or(status),
                Some(0) => run.failure.unwrap_or(0),
                Some(failure) => failure,
            },
        }
    }
}

fn name(function: Function) -> &'static str {
    match function {
        Function::Alpha => "alpha",
        Function::Beta => "beta",
    }
}

fn expected(script: &Script) -> Vec<String> {
    let mut model = Model::default();
    let played = model.play(script);
    assert!(played.is_ok(), "no script that is played here ends a process");
    while !model.pending.is_empty() {
        assert!(model.step(&Step::Run).is_ok(), "as above");
    }
    model.said
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_calls_do_what_the_model_says(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        static TURN: Mutex<()> = Mutex::new(()); // a process has only one set of handlers
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: only std reads the environment of this process, and it has a lock for it.
        unsafe { std::env::set_var("AT_EXIT_LOG", "off") }; // thousands of handlers fail here
        let script = program::of_bytes(&bytes, false);
        prop_assert_eq!(program::hear(&script), expected(&script), "{:#?}", script);
    }
}

#[test]
fn any_calls_and_the_end_of_the_process_do_what_the_model_says() {
    for seed in 0..400 {
        let (script, way) = program::of_seed(seed);
        let mut model = Model::default();
        let status = match model.play(&script) {
            Err(Stop::Process(status)) => status,
            Err(Stop::Handler) => unreachable!("there is no handler around the script"),
            Ok(()) => match way {
                Way::Return(status) => model.end(status.into(), TELLS_STATUS),
                Way::Exit(status) | Way::ExitOnThread(status) | Way::ExitOfC(status) => model.end(status, TELLS_STATUS),
                Way::ExitOfLibrary(status) => model.end(status, true),
                Way::Panic => model.end(101, TELLS_STATUS),
            },
        };
        let stdout = model.said.iter().fold(String::new(), |said, line| said + line + "\n");
        let mut program = command(env!("CARGO_BIN_EXE_model"), &[&seed.to_string()]);
        assert_seen(program.env("AT_EXIT_LOG", "off"), &stdout, "", End::Status(status));
    }
}
