//! Owns the plan, and what is wrong with it, as a program looks at them; must not know how handlers are ordered or run.

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;

mod dot;
pub(crate) mod iter;
mod table;

use crate::handler::declaration::{DeclaredHandler, Description, Phase, Placed};
use crate::handler::facts::Label;
use crate::handler::info::HandlerInfo;
use crate::log;
use crate::order::crates::CrateKey;
use crate::order::problem::Problem;
use crate::order::why::Why;
use crate::order::{self, Notes};
use crate::registry::{self, Reasons};

/// The order in which the pending handlers would run now. Made by [`plan`].
///
/// Displayed, it is a table with a line for each handler; [`Plan::dot`] draws it.
#[derive(Clone, Debug)]
pub struct Plan {
    handlers: Vec<PlannedHandler>,
    /// Who is to run ahead of whom, by which constraint.
    constraints: Vec<(usize, usize, Why)>,
}

/// A pending handler and its place in the [`Plan`].
#[derive(Clone, Debug)]
pub struct PlannedHandler {
    info: HandlerInfo,
    crate_name: String,
    phase: Phase,
    why: Why,
}

impl PlannedHandler {
    /// Its label and where it was declared or registered.
    #[must_use]
    pub fn handler(&self) -> &HandlerInfo {
        &self.info
    }

    /// Its name, or else its function's and its arguments.
    #[must_use]
    pub fn label(&self) -> &str {
        self.info.label()
    }

    /// The source file of the attribute or of the call that registered it.
    #[must_use]
    pub fn file(&self) -> &'static str {
        self.info.file()
    }

    /// The line in [`file`](Self::file), from 1.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.info.line()
    }

    /// The crate that declared it; for a registered one, the crate that its function or closure is from. Empty for a function pointer.
    #[must_use]
    pub fn crate_name(&self) -> &str {
        &self.crate_name
    }

    /// Whether it is among the first, the last, or the others.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Why it runs after the handler above it, which is where it stands by itself.
    #[must_use]
    pub fn why(&self) -> &Why {
        &self.why
    }

    fn place(&self) -> String {
        format!("{}:{}", self.file(), self.line())
    }
}

/// Says in which order the pending handlers would run now, and why.
///
/// With `AT_EXIT_LOG=plan` in the environment, the table is printed to standard error before each run.
///
/// ```
/// use atexit_core::Handler;
///
/// Handler::new(|| ()).name("close the log").last().register();
/// Handler::new(|| ()).name("flush").register();
/// let plan = atexit_core::plan();
/// let labels: Vec<_> = plan.iter().map(|planned| planned.label()).collect();
/// assert_eq!(labels, ["flush", "close the log"]);
/// print!("{plan}");
/// # atexit_core::clear();
/// ```
#[must_use]
pub fn plan() -> Plan {
    let (standings, reasons) = registry::look(|handler| {
        let is_ours = !handler.facts().are_of_another_process();
        is_ours.then(|| (handler.label(), handler.facts().phase, handler.as_declared()))
    });
    let (labels, standings): (Vec<Label>, Vec<Standing>) =
        standings.into_iter().map(|(label, phase, declared)| (label, Standing::of(phase, declared))).unzip();
    let planned = labels.iter().enumerate().map(|(at, label)| PlannedHandler {
        info: label.info(),
        crate_name: label.crate_name().to_owned(),
        phase: standings[at].phase,
        why: standings[at].moved(&reasons).unwrap_or_else(|| why(&standings[..at], &standings[at])),
    });
    Plan { handlers: planned.collect(), constraints: constraints(&standings) }
}

/// What decides where a handler stands.
struct Standing {
    phase: Phase,
    /// `None`: it was registered by a call.
    placed: Option<Placed>,
    description: Option<Description>,
}

impl Standing {
    fn of(phase: Phase, declared: Option<DeclaredHandler>) -> Self {
        Self {
            phase,
            placed: declared.map(|declared| declared.placed),
            description: declared.map(|declared| declared.declared.describe()),
        }
    }

    /// The constraint that moved it, if one did.
    fn moved(&self, reasons: &Reasons) -> Option<Why> {
        match self.placed? {
            Placed::ByConstraint(number) => reasons.get(number).cloned(),
            Placed::BySource { .. } => None,
        }
    }

    fn crate_key(&self) -> Option<CrateKey> {
        self.description.as_ref().map(|description| CrateKey::of(&description.site))
    }
}

fn why(above: &[Standing], this: &Standing) -> Why {
    let is_same_crate = |above: &Standing| above.crate_key() == this.crate_key();
    // Who was moved here from another crate says nothing about the order of crates.
    let was_moved = |above: &Standing| matches!(above.placed, Some(Placed::ByConstraint(_))) && !is_same_crate(above);
    let Some(above) = above.iter().rfind(|above| !was_moved(above)).or(above.last()) else { return Why::Topmost };
    match (above.placed, this.placed) {
        _ if above.phase != this.phase => Why::Phase,
        (_, None) => Why::RegisteredEarlier,
        (None, Some(_)) => Why::Declared,
        _ if is_same_crate(above) => Why::Source,
        (_, Some(Placed::BySource { stated: true })) => Why::Link,
        _ => Why::Linker,
    }
}

fn constraints(standings: &[Standing]) -> Vec<(usize, usize, Why)> {
    let described =
        || standings.iter().enumerate().filter_map(|(at, standing)| Some((at, standing.description.as_ref()?)));
    let mut registrations: HashMap<TypeId, Vec<usize>> = HashMap::new();
    for (at, description) in described() {
        registrations.entry(description.identity).or_default().push(at);
    }
    let mut edges = Vec::new();
    for (at, description) in described() {
        let befores = description.before.iter().map(|target| (target, true));
        let afters = description.after.iter().map(|target| (target, false));
        for (&(identity, path), is_before) in befores.chain(afters) {
            let meant = registrations.get(&identity).map_or(&[][..], Vec::as_slice);
            // Of several registrations the nearest on either side: what holds for it holds for those beyond.
            let (above, below) = meant.split_at(meant.partition_point(|&other| other < at));
            let below = below.iter().find(|&&other| other != at);
            edges.extend(above.last().into_iter().chain(below).map(|&other| {
                if is_before { (at, other, Why::Before { path }) } else { (other, at, Why::After { path }) }
            }));
        }
    }
    edges
}

impl Plan {
    /// How many handlers are pending.
    #[must_use]
    pub fn len(&self) -> usize {
        self.handlers.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.handlers.is_empty()
    }
}

/// All that [`check`] found; displayed with a line for each problem, for the first hundred of them and the last. Its `Debug` is the same, for
/// that is what a test shows which returns it, or unwraps it.
#[derive(Clone, PartialEq, Eq)]
pub struct PlanError {
    problems: Vec<Problem>,
}

impl PlanError {
    /// What is wrong, at least one thing.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&log::shown_problems(&self.problems).join("\n"))
    }
}

impl fmt::Debug for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for PlanError {}

/// Looks whether what the declared handlers and the links of this program ask for can be had: for a test in its final crate.
///
/// It looks at everything that is linked in, also at what has run or was cleared: in a test of a library that is what this test links.
///
/// # Errors
///
/// All [`Problem`]s at once. At exit, each but [`Problem::NoHandlers`] is a line on standard error.
///
/// ```
/// // In the body of a test:
/// atexit_core::check()?;
/// # Ok::<(), atexit_core::PlanError>(())
/// ```
pub fn check() -> Result<(), PlanError> {
    let mut notes = Notes::new();
    order::arrange(&registry::declared(), registry::links(), &mut notes);
    let problems = notes.problems;
    if problems.is_empty() { Ok(()) } else { Err(PlanError { problems }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_test_shows_are_the_problems_line_by_line() {
        let info = |label: &str, line| HandlerInfo::new(label, "src/main.rs", line);
        let problems = vec![
            Problem::NotAHandler { handler: info("close", 3), path: "db::flush" },
            Problem::Contradiction { handler: info("open", 8), path: "close" },
        ];
        let error = PlanError { problems };
        let shown = "close at src/main.rs:3 names db::flush, which is no declared handler\n\
                     open at src/main.rs:8 asks for an order with close that contradicts their phases";
        assert_eq!(format!("{error:?}"), shown);
        assert_eq!(format!("{error:#?}"), shown);
        assert_eq!(error.to_string(), shown);
    }
}
