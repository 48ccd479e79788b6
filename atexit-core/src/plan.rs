//! Owns the plan, and what is wrong with it, as a person looks at them; must not know how handlers are ordered or run.

use std::fmt::{self, Write as _};

use crate::handler::{Entry, HandlerInfo};
use crate::order::{self, Why};
use crate::registry;

/// The order in which the pending handlers would run now. Made by [`plan`].
///
/// Displayed, it is a table with a line for each handler; [`Plan::dot`] draws it.
#[derive(Clone, Debug)]
pub struct Plan {
    handlers: Vec<PlannedHandler>,
    /// Who is to run ahead of whom, by which constraint.
    constraints: Vec<(usize, usize, String)>,
}

/// A pending handler and its place in the [`Plan`].
#[derive(Clone, Debug)]
pub struct PlannedHandler {
    info: HandlerInfo,
    crate_name: String,
    phase: &'static str,
    why: String,
}

impl PlannedHandler {
    /// Its label and where it was declared or registered.
    #[must_use]
    pub fn handler(&self) -> &HandlerInfo {
        &self.info
    }

    /// Its name, or else its function's, and its arguments.
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

    /// The crate that declared it; for a registered one, the crate that its function or closure is from.
    #[must_use]
    pub fn crate_name(&self) -> &str {
        &self.crate_name
    }

    /// `first`, `last`, or nothing.
    #[must_use]
    pub fn phase(&self) -> &'static str {
        self.phase
    }

    /// Why it runs after the handler above it.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
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
/// println!("{plan}");
/// # atexit_core::clear();
/// ```
#[must_use]
pub fn plan() -> Plan {
    let pending = registry::collected();
    let entries: Vec<&Entry> =
        pending.iter().map(|(_, entry)| entry).filter(|entry| !entry.is_of_another_process()).collect();
    let mut handlers: Vec<PlannedHandler> = Vec::with_capacity(entries.len());
    let mut above = None;
    for entry in &entries {
        handlers.push(PlannedHandler {
            info: entry.info(),
            crate_name: entry.crate_name().to_owned(),
            phase: PHASES[entry.phase() as usize],
            why: why(above, entry),
        });
        above = Some(*entry);
    }
    Plan { handlers, constraints: constraints(&entries) }
}

const PHASES: [&str; 3] = ["first", "", "last"];

fn why(above: Option<&Entry>, entry: &Entry) -> String {
    if let Some(Why::Constraint(text)) = entry.why() {
        return text.clone();
    }
    let Some(above) = above else { return String::new() };
    let same_crate = above.crate_name() == entry.crate_name();
    let text = match (above.why(), entry.why()) {
        _ if above.phase() != entry.phase() => "phase",
        (None, None) => "registered earlier",
        (None, Some(_)) => "declared",
        (_, Some(Why::Place { stated: true })) if !same_crate => "link!",
        (_, Some(_)) if !same_crate => "linker",
        _ => "source",
    };
    text.to_owned()
}

fn constraints(entries: &[&Entry]) -> Vec<(usize, usize, String)> {
    let mut edges = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let Some(description) = entry.description() else { continue };
        let targets = description.before.iter().map(|target| (target, true));
        for (&(identity, path), is_before) in targets.chain(description.after.iter().map(|target| (target, false))) {
            let others = (0..entries.len()).filter(|&other| {
                other != at && entries[other].description().is_some_and(|other| other.identity == identity)
            });
            let edge = |other| {
                if is_before { (at, other, format!("before {path}")) } else { (other, at, format!("after {path}")) }
            };
            edges.extend(others.map(edge));
        }
    }
    edges
}

impl Plan {
    /// The handlers, the one that runs first at the front.
    pub fn iter(&self) -> std::slice::Iter<'_, PlannedHandler> {
        self.handlers.iter()
    }

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

    /// The plan in the language of Graphviz: crates as clusters, the order of running as bold arrows, constraints as dashed ones.
    ///
    /// ```
    /// atexit_core::register(|| ());
    /// assert!(atexit_core::plan().dot().starts_with("digraph at_exit {"));
    /// # atexit_core::clear();
    /// ```
    #[must_use]
    pub fn dot(&self) -> String {
        let mut text = String::from(DOT_HEAD);
        let mut crates: Vec<&str> = Vec::new();
        for planned in &self.handlers {
            if !crates.contains(&planned.crate_name()) {
                crates.push(planned.crate_name());
            }
        }
        for (number, name) in crates.into_iter().enumerate() {
            let _ = writeln!(text, "  subgraph cluster_{number} {{\n    label={};", quoted(name));
            for (at, planned) in self.handlers.iter().enumerate().filter(|(_, planned)| planned.crate_name == name) {
                let phase = if planned.phase.is_empty() { String::new() } else { format!(" [{}]", planned.phase) };
                let label = format!("{}. {}{phase}\n{}:{}", at + 1, planned.label(), planned.file(), planned.line());
                let _ = writeln!(text, "    h{at} [label={}];", quoted(&label));
            }
            text.push_str("  }\n");
        }
        for at in 1..self.handlers.len() {
            let _ = writeln!(text, "  h{} -> h{at};", at - 1);
        }
        for (early, late, path) in &self.constraints {
            let _ = writeln!(text, "  h{early} -> h{late} [{DOT_CONSTRAINT}, label={}];", quoted(path));
        }
        text.push_str("}\n");
        text
    }
}

const DOT_HEAD: &str = "digraph at_exit {
  rankdir=TB;
  node [shape=box, style=\"rounded,filled\", fillcolor=white, fontname=\"sans-serif\", fontsize=11];
  edge [fontname=\"sans-serif\", fontsize=10, penwidth=1.5];
  graph [fontname=\"sans-serif\", fontsize=12, style=\"rounded,filled\", fillcolor=\"#f2f4f8\", color=\"#c5ccd8\"];
";
const DOT_CONSTRAINT: &str = "style=dashed, color=\"#b03a2e\", fontcolor=\"#b03a2e\", constraint=false";

/// A string of the language; Graphviz knows no escape but these.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

impl<'a> IntoIterator for &'a Plan {
    type Item = &'a PlannedHandler;
    type IntoIter = std::slice::Iter<'a, PlannedHandler>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Plan {
    type Item = PlannedHandler;
    type IntoIter = std::vec::IntoIter<PlannedHandler>;

    fn into_iter(self) -> Self::IntoIter {
        self.handlers.into_iter()
    }
}

const HEADINGS: [&str; 6] = ["#", "handler", "crate", "declared or registered at", "phase", "runs here by"];

/// No column but the last is wider.
const WIDEST: usize = 40;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |(at, planned): (usize, &PlannedHandler)| {
            let place = format!("{}:{}", planned.file(), planned.line());
            [
                (at + 1).to_string(),
                shortened(planned.label(), false),
                shortened(planned.crate_name(), false),
                shortened(&place, true),
                planned.phase.to_owned(),
                planned.why.clone(),
            ]
        };
        let rows: Vec<[String; 6]> =
            std::iter::once(HEADINGS.map(str::to_owned)).chain(self.handlers.iter().enumerate().map(row)).collect();
        // A column that says nothing is left out.
        let width = |column: usize| {
            let used = rows.iter().skip(1).any(|row| !row[column].is_empty());
            if used { rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default() } else { 0 }
        };
        let widths: [usize; 6] = std::array::from_fn(width);
        for row in &rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(widths).filter(|(_, width)| *width > 0) {
                let _ = write!(line, "{cell:width$}  ");
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Cuts a text to the width of a column: a path keeps its end, everything else its beginning.
fn shortened(text: &str, is_path: bool) -> String {
    let count = text.chars().count();
    if count <= WIDEST {
        text.to_owned()
    } else if is_path {
        let cut: String = text.chars().skip(count - (WIDEST - 1)).collect();
        format!("…{cut}")
    } else {
        let cut: String = text.chars().take(WIDEST - 1).collect();
        format!("{cut}…")
    }
}

/// What is wrong with what handlers and links ask for. It is left out of account; every handler still runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// `before` or `after` names a function that is no declared handler of this program.
    NotAHandler {
        /// Who names it.
        handler: HandlerInfo,
        /// The path, as it is written.
        path: &'static str,
    },
    /// `before` or `after` asks for the opposite of what the phases of the two say.
    Contradiction {
        /// Who asks for it.
        handler: HandlerInfo,
        /// The path, as it is written.
        path: &'static str,
    },
    /// Each of these is to run before the next, and the last before the first.
    Circle {
        /// The handlers on the circle.
        handlers: Vec<HandlerInfo>,
    },
    /// What these `link!`s state closes a circle.
    LinkCircle {
        /// Each statement, and where it is made.
        steps: Vec<String>,
    },
    /// A `link!` names a crate that contributes neither a handler nor a `link!` of its own.
    NoHandlers {
        /// The crate's name.
        linked: &'static str,
        /// The source file of the `link!`.
        file: &'static str,
        /// The line in the file, from 1.
        line: u32,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAHandler { handler, path } => write!(f, "{handler} names {path}, which is no declared handler"),
            Self::Contradiction { handler, path } => {
                write!(f, "{handler} asks for an order with {path} that contradicts their phases")
            }
            Self::Circle { handlers } => {
                let names: Vec<String> = handlers.iter().map(ToString::to_string).collect();
                write!(f, "constraints close a circle: {}", names.join(" before "))?;
                names.first().map_or(Ok(()), |first| write!(f, " before {first}"))
            }
            Self::LinkCircle { steps } => write!(f, "links close a circle: {}", steps.join(", ")),
            Self::NoHandlers { linked, file, line } => {
                write!(f, "link! at {file}:{line} names {linked}, which contributes no handler")
            }
        }
    }
}

/// All that [`check`] found; displayed with a line for each problem.
#[derive(Clone, Debug, PartialEq, Eq)]
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
        let lines: Vec<String> = self.problems.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for PlanError {}

/// Looks whether what the declared handlers and the links of this program ask for can be had: for a test in its final crate.
///
/// It looks at everything that is linked in, also at what has run or was cleared.
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
    let problems = order::arrange(registry::declared(), &registry::links()).problems;
    if problems.is_empty() { Ok(()) } else { Err(PlanError { problems }) }
}
