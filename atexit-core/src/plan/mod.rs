//! Owns the plan, and what is wrong with it, as a program sees them; must not know how handlers are ordered or run.

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

mod dot;
pub(crate) mod iter;
mod table;

use crate::handler::PendingHandler;
use crate::handler::constraints::{Constraint, Constraints};
use crate::handler::declaration::{DeclaredHandler, Description, Phase, Placed};
use crate::handler::facts::Label;
use crate::handler::info::HandlerInfo;
use crate::log;
use crate::order::crates::CrateKey;
use crate::order::problem::Problem;
use crate::order::why::Why;
use crate::order::{self, Notes};
use crate::registry::{self, Reasons};

/// The order in which the pending handlers would run now.
///
/// Made by [`plan()`]. Displayed, it is a table with a line for each handler; [`Plan::dot`] draws it.
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
    crate_name: String,
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
    /// Empty for a function pointer, which does not tell its crate.
    #[must_use]
    pub fn crate_name(&self) -> &str {
        &self.crate_name
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
        format!("{}:{}", self.file(), self.line())
    }
}

/// Returns the order in which the pending handlers would run now, with the reason for each place.
///
/// With `AT_EXIT_LOG=plan` in the environment, the table is printed to standard error before each run.
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
pub fn plan() -> Plan {
    let (standings, reasons) = registry::look(|handler| {
        let is_ours = !handler.facts().are_of_another_process();
        is_ours.then(|| (handler.label(), handler.facts().phase, Origin::of(handler)))
    });
    let (labels, standings): (Vec<Label>, Vec<Standing>) =
        standings.into_iter().map(|(label, phase, origin)| (label, Standing::of(phase, origin))).unzip();
    let planned = labels.iter().enumerate().map(|(at, label)| PlannedHandler {
        info: label.info(),
        crate_name: label.crate_name().to_owned(),
        phase: standings[at].phase,
        why: standings[at].moved(&reasons).unwrap_or_else(|| why(&standings[..at], &standings[at])),
    });
    Plan { handlers: planned.collect(), constraints: constraints(&standings) }
}

/// Where a handler comes from, as far as that can be read without allocating.
enum Origin {
    Declared(DeclaredHandler),
    Registered { identity: Option<TypeId>, constraints: Option<Arc<Constraints>> },
}

impl Origin {
    fn of(handler: &PendingHandler) -> Self {
        let registered =
            || Self::Registered { identity: handler.identity(), constraints: handler.constraints().cloned() };
        handler.as_declared().map_or_else(registered, Self::Declared)
    }
}

/// What decides where a handler stands.
struct Standing {
    phase: Phase,
    /// `None`: it was registered by a call.
    placed: Option<Placed>,
    description: Option<Description>,
    /// The identity of its function.
    identity: Option<TypeId>,
    constraints: Vec<Constraint>,
    /// The one that put it where it stands. For a declared handler, `placed` leads to the reason instead.
    decisive: Option<Constraint>,
}

impl Standing {
    fn of(phase: Phase, origin: Origin) -> Self {
        match origin {
            Origin::Declared(handler) => {
                let description = handler.declared.describe();
                let all = |targets: &[(TypeId, &'static str)], is_before| -> Vec<Constraint> {
                    targets.iter().map(|&(identity, path)| Constraint { is_before, identity, path }).collect()
                };
                Self {
                    phase,
                    placed: Some(handler.placed),
                    identity: Some(description.identity),
                    constraints: [all(&description.before, true), all(&description.after, false)].concat(),
                    decisive: None,
                    description: Some(description),
                }
            }
            Origin::Registered { identity, constraints } => Self {
                phase,
                placed: None,
                description: None,
                identity,
                constraints: constraints.as_ref().map_or_else(Vec::new, |constraints| constraints.all.clone()),
                decisive: constraints.and_then(|constraints| constraints.decisive.get().copied()),
            },
        }
    }

    fn is_declared(&self) -> bool {
        self.placed.is_some()
    }

    /// The reason, if a constraint moved it.
    fn moved(&self, reasons: &Reasons) -> Option<Why> {
        match (self.placed, self.decisive) {
            (Some(Placed::ByConstraint(number)), _) => reasons.get(number).cloned(),
            (_, decisive) => decisive.map(|Constraint { path, .. }| Why::After { path }),
        }
    }

    fn was_moved(&self) -> bool {
        matches!(self.placed, Some(Placed::ByConstraint(_))) || self.decisive.is_some()
    }

    fn crate_key(&self) -> Option<CrateKey> {
        self.description.as_ref().map(|description| CrateKey::of(&description.site))
    }
}

fn why(above: &[Standing], this: &Standing) -> Why {
    let is_same_crate = |above: &Standing| above.crate_key() == this.crate_key();
    // A handler that was moved here from another crate says nothing about the order of crates.
    let was_moved = |above: &Standing| above.was_moved() && !is_same_crate(above);
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
    let mut handlers: HashMap<TypeId, Vec<usize>> = HashMap::new();
    for (at, standing) in standings.iter().enumerate() {
        standing.identity.into_iter().for_each(|identity| handlers.entry(identity).or_default().push(at));
    }
    let mut edges = Vec::new();
    for (at, standing) in standings.iter().enumerate() {
        for &Constraint { is_before, identity, path } in &standing.constraints {
            let of_function = handlers.get(&identity).map_or(&[][..], Vec::as_slice);
            // A declared handler names declared handlers only.
            let is_meant =
                |&&other: &&usize| other != at && (!standing.is_declared() || standings[other].is_declared());
            // A registered one names only older ones. Those on the wrong side do not count: nothing tells whether they are older.
            let counts = |is_above: bool| standing.is_declared() || is_above != is_before;
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
        let shown = "close at src/main.rs:3 names db::flush, which is not a declared handler\n\
                     open at src/main.rs:8 asks for an order with close that contradicts their phases";
        assert_eq!(format!("{error:?}"), shown);
        assert_eq!(format!("{error:#?}"), shown);
        assert_eq!(error.to_string(), shown);
    }
}
