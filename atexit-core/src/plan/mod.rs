//! Owns the plan, and what is wrong with it, as a program sees them; must not know how handlers are ordered or run.
//!
//! Every program links the table, which `AT_EXIT_LOG=plan` asks for. The rest is `#[inline]`: only a program that calls it compiles it.

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

mod dot;
pub(crate) mod iter;
pub(crate) mod table;

use crate::handler::PendingHandler;
use crate::handler::constraints::{Constraint, Constraints};
use crate::handler::declaration::{DeclaredHandler, Description, Phase, Placed};
use crate::handler::facts::Label;
use crate::handler::info::HandlerInfo;
use crate::handler::text::text;
use crate::log;
use crate::order::crates::CrateKey;
use crate::order::problem::Problem;
use crate::order::why::Why;
use crate::order::{Notes, Reading};
use crate::registry;

/// The order in which the pending handlers would run now.
///
/// Made by [`plan()`]. Displayed, it is a table with a line for each handler, each ended by a newline; [`Plan::dot`] draws it.
#[derive(Clone, Debug)]
pub struct Plan {
    handlers: Vec<PlannedHandler>,
    /// Which handler is to run before which other one, and by which constraint.
    constraints: Vec<(usize, usize, Why)>,
}

/// A pending handler and its place in the [`Plan`].
///
/// # Examples
///
/// ```
/// atexit_core::Handler::new(|| println!("flushed")).name("flush").register();
/// for planned in &atexit_core::plan() {
///     println!("{} of the crate {}, {}", planned.label(), planned.crate_name(), planned.why());
/// }
/// ```
#[derive(Clone, Debug)]
pub struct PlannedHandler {
    info: HandlerInfo,
    crate_name: &'static str,
    phase: Phase,
    why: Why,
}

impl PlannedHandler {
    /// The handler: its label and where it was declared or registered.
    #[must_use]
    pub fn handler(&self) -> &HandlerInfo {
        &self.info
    }

    /// Its name, or its function's name and arguments if it has none.
    #[must_use]
    pub fn label(&self) -> &str {
        self.info.label()
    }

    /// The source file of the attribute or of the call that registered it.
    #[must_use]
    pub fn file(&self) -> &'static str {
        self.info.file()
    }

    /// The line in [`file`](Self::file), counted from 1.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.info.line()
    }

    /// The crate that declared it; for a registered handler, the crate of its function or closure.
    ///
    /// Empty for a function pointer, which does not tell its crate, and for a value in a `static`.
    #[must_use]
    pub fn crate_name(&self) -> &str {
        self.crate_name
    }

    /// Whether it is marked `first`, `last`, or neither.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Why it runs where it does, after the handler above it.
    #[must_use]
    pub fn why(&self) -> &Why {
        &self.why
    }

    fn place(&self) -> String {
        text(format_args!("{}:{}", self.file(), self.line()))
    }
}

/// Returns the order in which the pending handlers would run now, with the reason for each place.
///
/// With `AT_EXIT_LOG=plan` in the environment, the table is printed to standard error before each run that has handlers.
///
/// # Examples
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
#[doc(alias = "order")]
#[inline]
pub fn plan() -> Plan {
    let (standings, notes) = standings();
    let mut handlers = Vec::with_capacity(standings.len());
    for (at, standing) in standings.iter().enumerate() {
        handlers.push(standing.planned(&standings[..at], &notes));
    }
    Plan { handlers, constraints: constraints(&standings) }
}

/// Shows the plan of what is pending now, handler by handler.
#[inline]
fn show(see: &mut dyn FnMut(&PlannedHandler)) {
    let (standings, notes) = standings();
    for (at, standing) in standings.iter().enumerate() {
        see(&standing.planned(&standings[..at], &notes));
    }
}

/// What decides the order of the pending handlers, in that order.
fn standings() -> (Vec<Standing>, Notes) {
    let mut standings = Vec::new();
    let notes = registry::look(&mut standings, Standing::see);
    for standing in &mut standings {
        if let Some(handler) = standing.declared {
            standing.of_crate = Some(CrateKey::of(&handler.declared.site()));
        }
    }
    (standings, notes)
}

/// What decides where a handler stands.
struct Standing {
    label: Label,
    phase: Phase,
    /// `None`: it was registered by a call.
    declared: Option<DeclaredHandler>,
    /// The crate of a declared one. Not there at first, because to describe it allocates.
    of_crate: Option<CrateKey>,
    /// The function of a registered one.
    identity: Option<TypeId>,
    /// Those of a registered one.
    constraints: Option<Arc<Constraints>>,
}

impl Standing {
    /// Reads what can be read without allocating, unless the handler does not run in this process.
    fn see(handler: &PendingHandler, standings: &mut Vec<Self>) {
        let facts = handler.facts();
        if facts.are_of_another_process() {
            return;
        }
        let declared = handler.as_declared();
        let identity = if declared.is_some() { None } else { handler.identity() };
        let (label, constraints) = (handler.label(), handler.constraints().cloned());
        standings.push(Self { label, phase: facts.phase, declared, of_crate: None, identity, constraints });
    }

    fn planned(&self, above: &[Self], notes: &Notes) -> PlannedHandler {
        let why = match self.moved(notes) {
            Some(constraint) => constraint,
            None => why(above, self),
        };
        PlannedHandler { info: self.label.info(), crate_name: self.label.crate_name(), phase: self.phase, why }
    }

    /// The constraint that put a registered handler where it stands.
    fn decisive(&self) -> Option<&Constraint> {
        self.constraints.as_ref()?.decisive.get()
    }

    /// The reason, if a constraint moved it.
    fn moved(&self, notes: &Notes) -> Option<Why> {
        match (self.declared, self.decisive()) {
            (Some(DeclaredHandler { placed: Placed::ByConstraint(number), .. }), _) => notes.reason(number).cloned(),
            (_, Some(Constraint { path, .. })) => Some(Why::After { path }),
            _ => None,
        }
    }

    fn was_moved(&self) -> bool {
        let is_declared_so = self.declared.is_some_and(|handler| matches!(handler.placed, Placed::ByConstraint(_)));
        is_declared_so || self.decisive().is_some()
    }

    fn description(&self) -> Option<Description> {
        Some(self.declared?.declared.describe())
    }

    #[inline]
    fn function(&self) -> Option<TypeId> {
        match self.description() {
            Some(description) => Some(description.identity),
            None => self.identity,
        }
    }

    /// The constraints that it asks for.
    #[inline]
    fn wanted(&self) -> Vec<Constraint> {
        let mut wanted = Vec::new();
        if let Some(description) = self.description() {
            wanted.extend(description.constraints);
        }
        if let Some(constraints) = &self.constraints {
            wanted.extend(&constraints.all);
        }
        wanted
    }

    /// Whether both are declared in the same crate, or none is declared.
    #[inline(never)] // one copy, to keep programs small
    fn is_beside(&self, other: &Self) -> bool {
        self.of_crate == other.of_crate
    }
}

fn why(above: &[Standing], this: &Standing) -> Why {
    let Some(mut nearest) = above.last() else { return Why::Topmost };
    for other in above.iter().rev() {
        // A handler that was moved here from another crate says nothing about the order of crates.
        if !other.was_moved() || other.is_beside(this) {
            nearest = other;
            break;
        }
    }
    match (nearest.declared, this.declared) {
        _ if nearest.phase != this.phase => Why::Phase,
        (_, None) => Why::RegisteredEarlier,
        (None, Some(_)) => Why::Declared,
        _ if nearest.is_beside(this) => Why::Source,
        (_, Some(DeclaredHandler { placed: Placed::BySource { stated: true }, .. })) => Why::Link,
        _ => Why::Linker,
    }
}

#[inline]
fn constraints(standings: &[Standing]) -> Vec<(usize, usize, Why)> {
    let mut handlers: HashMap<TypeId, Vec<usize>> = HashMap::new();
    for (at, standing) in standings.iter().enumerate() {
        if let Some(function) = standing.function() {
            handlers.entry(function).or_default().push(at);
        }
    }
    let mut edges = Vec::new();
    for (at, standing) in standings.iter().enumerate() {
        let is_declared = standing.declared.is_some();
        for Constraint { is_before, identity, path } in standing.wanted() {
            let of_function = handlers.get(&identity).map_or(&[][..], Vec::as_slice);
            // A declared handler names declared handlers only.
            let is_meant = |&&other: &&usize| other != at && (!is_declared || standings[other].declared.is_some());
            // A registered one names only older ones. Those on the wrong side do not count: nothing tells whether they are older.
            let counts = |is_above: bool| is_declared || is_above != is_before;
            // Of several registrations, only the nearest on either side: what holds for it holds for those beyond.
            let (above, below) = of_function.split_at(of_function.partition_point(|&other| other < at));
            let above = above.iter().rfind(is_meant).filter(|_| counts(true));
            let below = below.iter().find(is_meant).filter(|_| counts(false));
            let nearest = above.into_iter().chain(below);
            edges.extend(nearest.map(|&other| {
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

    /// Whether no handler is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.handlers.is_empty()
    }
}

/// The problems that [`check`] found, at least one.
///
/// Displayed, it has a line for each problem: the first hundred, how many more there are, and the last one. Its `Debug` is the same, because
/// this is what a test shows that returns or unwraps it.
#[derive(Clone, PartialEq, Eq)]
pub struct PlanError {
    problems: Vec<Problem>,
}

impl PlanError {
    /// The problems, at least one.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for PlanError {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(log::shown_problems("", &self.problems).joined())
    }
}

impl fmt::Debug for PlanError {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for PlanError {}

/// Checks that the declared handlers and the `link!`s of this program can get the order that they ask for.
///
/// Call it in a test of the final crate of a program. It looks at everything that is linked in, including handlers that have run or were
/// cleared. In a library's test, it sees what that test links.
///
/// # Errors
///
/// All [`Problem`]s at once. At exit, each is a line on standard error, except [`Problem::NoHandlers`].
///
/// # Examples
///
/// ```
/// // In the body of a test:
/// atexit_core::check()?;
/// # Ok::<(), atexit_core::PlanError>(())
/// ```
#[inline]
pub fn check() -> Result<(), PlanError> {
    let mut reading = Reading::default();
    for declared in registry::declared() {
        reading.add(declared);
    }
    let mut notes = Notes::NOTHING;
    reading.arranged(&mut notes);
    let problems = notes.problems().to_vec();
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
        let shown = "close at src/main.rs:3 names db::flush, which is not a declared handler\n\
                     open at src/main.rs:8 asks for an order with close that contradicts their phases";
        assert_eq!(format!("{error:?}"), shown);
        assert_eq!(format!("{error:#?}"), shown);
        assert_eq!(error.to_string(), shown);
    }
}
