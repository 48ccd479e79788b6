//! Owns the plan, and what is wrong with it, as a person looks at them; must not know how handlers are ordered or run.

use std::fmt::{self, Write as _};

use crate::crates::CrateKey;
use crate::declaration::Description;
use crate::handler::{Entry, Phase};
use crate::naming::{HandlerInfo, on_one_line};
use crate::order::{self, Notes, Why};
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

    /// The crate that declared it; for a registered one, the crate that its function or closure is from. Empty for a function pointer.
    #[must_use]
    pub fn crate_name(&self) -> &str {
        &self.crate_name
    }

    /// `first`, `last`, or nothing.
    #[must_use]
    pub fn phase(&self) -> &'static str {
        self.phase
    }

    /// Why it runs after the handler above it, which is where it stands by itself: nothing for the first one.
    ///
    /// `registered earlier`; `declared`, below one that was registered; `source`, by its module or position; `link!` or `linker`, by the order
    /// of crates; `phase`; `before PATH` or `after PATH`, by a constraint that moved it; `waits for LABEL`, by one that moved another.
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
/// print!("{plan}");
/// # atexit_core::clear();
/// ```
#[must_use]
pub fn plan() -> Plan {
    let pending = registry::collected();
    let entries: Vec<&Entry> = pending.iter().filter(|entry| !entry.is_of_another_process()).collect();
    let standings: Vec<Standing> = entries.iter().map(|entry| Standing::of(entry)).collect();
    let planned = entries.iter().enumerate().map(|(at, entry)| {
        let label = entry.label();
        PlannedHandler {
            info: label.info(),
            crate_name: label.crate_name().to_owned(),
            phase: PHASES[entry.phase() as usize],
            why: match standings[at].why {
                Some(Why::Constraint(number)) => pending.reason(number).to_owned(),
                _ => why(&standings[..at], &standings[at]).to_owned(),
            },
        }
    });
    Plan { handlers: planned.collect(), constraints: constraints(&standings) }
}

const PHASES: [&str; 3] = ["first", "", "last"];

const SOURCE: &str = "source";

/// What decides where a handler stands.
struct Standing {
    phase: Phase,
    /// `None`: it was registered by a call.
    why: Option<Why>,
    description: Option<Description>,
}

impl Standing {
    fn of(entry: &Entry) -> Self {
        let declared = entry.as_declared();
        Self {
            phase: entry.phase(),
            why: declared.map(|handler| handler.why),
            description: declared.map(|handler| handler.declared.describe()),
        }
    }

    fn crate_key(&self) -> Option<CrateKey> {
        self.description.as_ref().map(|description| CrateKey::of(&description.site))
    }
}

fn why(above: &[Standing], this: &Standing) -> &'static str {
    let is_same_crate = |above: &Standing| above.crate_key() == this.crate_key();
    // Who was moved here from another crate says nothing about the order of crates.
    let was_moved = |above: &Standing| matches!(above.why, Some(Why::Constraint(_))) && !is_same_crate(above);
    let Some(above) = above.iter().rfind(|above| !was_moved(above)).or(above.last()) else { return "" };
    match (above.why, this.why) {
        _ if above.phase != this.phase => "phase",
        (_, None) => "registered earlier",
        (None, Some(_)) => "declared",
        _ if is_same_crate(above) => SOURCE,
        (_, Some(Why::Place { stated: true })) => "link!",
        _ => "linker",
    }
}

fn constraints(standings: &[Standing]) -> Vec<(usize, usize, String)> {
    let description = |at: usize| standings[at].description.as_ref();
    let mut edges = Vec::new();
    for at in 0..standings.len() {
        let Some(described) = description(at) else { continue };
        let befores = described.before.iter().map(|target| (target, true));
        let afters = described.after.iter().map(|target| (target, false));
        for (&(identity, path), is_before) in befores.chain(afters) {
            let is_meant = |&other: &usize| description(other).is_some_and(|other| other.identity == identity);
            // Of several registrations the nearest on either side: what holds for it holds for those beyond.
            let others = [(0..at).rev().find(is_meant), (at + 1..standings.len()).find(is_meant)];
            edges.extend(others.into_iter().flatten().map(|other| {
                if is_before { (at, other, format!("before {path}")) } else { (other, at, format!("after {path}")) }
            }));
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

    /// The plan in the language of Graphviz: the order of running as a line of bold arrows through boxes of crates, each arrow with the
    /// reason if it is not the order in the source; constraints as dashed arrows beside it.
    ///
    /// ```
    /// atexit_core::register(|| ());
    /// assert!(atexit_core::plan().dot().starts_with("digraph at_exit {"));
    /// # atexit_core::clear();
    /// ```
    #[must_use]
    pub fn dot(&self) -> String {
        let mut text = String::from(DOT_HEAD);
        let mut at = 0;
        // A crate has a box for each stretch of its handlers: only so the order of running is one straight line.
        for stretch in self.handlers.chunk_by(|above, below| above.crate_name == below.crate_name) {
            let _ = writeln!(text, "  subgraph cluster_{at} {{\n    label={};", quoted(&stretch[0].crate_name));
            for planned in stretch {
                let _ = writeln!(text, "    h{at} [label={}];", quoted(&planned.caption(at)));
                at += 1;
            }
            text.push_str("  }\n");
        }
        for (above, planned) in self.handlers.iter().skip(1).enumerate() {
            let is_drawn = self.constraints.iter().any(|(.., path)| *path == planned.why);
            let reason = if is_drawn || planned.why == SOURCE { "" } else { &planned.why };
            let label = if reason.is_empty() { String::new() } else { format!(" [label={}]", quoted_beside(reason)) };
            let _ = writeln!(text, "  h{above} -> h{}{label};", above + 1);
        }
        for (early, late, path) in &self.constraints {
            let (style, ignored) = if early < late { (DOT_CONSTRAINT, "") } else { (DOT_IGNORED, " (ignored)") };
            let label = quoted_beside(&format!("{path}{ignored}"));
            let _ = writeln!(text, "  h{early} -> h{late} [{style}, label={label}];");
        }
        text.push_str("}\n");
        text
    }
}

impl PlannedHandler {
    fn place(&self) -> String {
        format!("{}:{}", self.file(), self.line())
    }

    /// What stands in its node.
    fn caption(&self, at: usize) -> String {
        let phase = if self.phase.is_empty() { String::new() } else { format!(" [{}]", self.phase) };
        format!("{}. {}{phase}\n{}", at + 1, shown(self.label()), shown_path(&self.place()))
    }
}

const DOT_HEAD: &str = "digraph at_exit {
  nodesep=0.6; ranksep=0.2;
  graph [fontname=\"sans-serif\", fontsize=12, labeljust=l, style=\"rounded,filled\", fillcolor=\"#f2f4f8\", color=\"#c5ccd8\"];
  node [fontname=\"sans-serif\", fontsize=11, width=3.4, shape=box, style=\"rounded,filled\", fillcolor=white];
  edge [fontname=\"sans-serif\", fontsize=10, weight=100, penwidth=2];
";
const DOT_CONSTRAINT: &str =
    "constraint=false, tailport=e, headport=e, penwidth=1, style=dashed, color=\"#b03a2e\", fontcolor=\"#b03a2e\"";
const DOT_IGNORED: &str =
    "constraint=false, tailport=e, headport=e, penwidth=1, style=dotted, color=\"#777777\", fontcolor=\"#777777\"";

/// A string of the language. In a label, `\n` breaks the line and `&` begins a character reference.
fn quoted(text: &str) -> String {
    let lines =
        text.split('\n').map(|line| on_one_line(line).replace('\\', "\\\\").replace('"', "\\\"").replace('&', "&amp;"));
    format!("\"{}\"", lines.collect::<Vec<_>>().join("\\n"))
}

/// The label of an arrow, which Graphviz would put upon it.
fn quoted_beside(text: &str) -> String {
    quoted(&format!("  {text}"))
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
            [
                (at + 1).to_string(),
                shown(planned.label()),
                shown(planned.crate_name()),
                shown_path(&planned.place()),
                planned.phase.to_owned(),
                on_one_line(&planned.why),
            ]
        };
        let rows: Vec<[String; 6]> =
            std::iter::once(HEADINGS.map(str::to_owned)).chain(self.handlers.iter().enumerate().map(row)).collect();
        if rows.len() == 1 {
            return writeln!(f, "no handlers are pending");
        }
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

/// A text as it stands in a column.
fn shown(text: &str) -> String {
    let line = on_one_line(text);
    if line.chars().count() <= WIDEST { line } else { line.chars().take(WIDEST - 1).chain(['…']).collect() }
}

/// A path as it stands in a column: it keeps its end, from a folder on.
fn shown_path(path: &str) -> String {
    let Some(too_many) = path.chars().count().checked_sub(WIDEST + 1) else { return path.to_owned() };
    let end: String = path.chars().skip(too_many + 2).collect();
    format!("…{}", end.find(['/', '\\']).map_or(&end[..], |folder| &end[folder..]))
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
                write!(
                    f,
                    "link! at {file}:{line} names {linked}, which contributes no handler; if it was renamed, write its_own_name as {linked}"
                )
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
