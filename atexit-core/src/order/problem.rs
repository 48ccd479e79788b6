//! Owns what can be wrong with the order that handlers and links ask for, and the words for it; must not know how it is found.

use std::fmt;

use crate::handler::info::HandlerInfo;
use crate::handler::text::{escaped, text};

/// A problem with the order that handlers and links ask for; displayed on one line.
///
/// What causes it is ignored, and every handler still runs.
///
/// # Examples
///
/// ```
/// use atexit_core::{Problem, check};
///
/// if let Err(error) = check() {
///     for problem in error.problems() {
///         match problem {
///             Problem::NoHandlers { linked, .. } => println!("{linked} need not be linked"),
///             problem => println!("{problem}"),
///         }
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// `before` or `after` names a function that is not a declared handler of this program.
    #[non_exhaustive]
    NotAHandler {
        /// The handler that names it.
        handler: HandlerInfo,
        /// The path, as it is written.
        path: &'static str,
    },
    /// `before` or `after` asks for an order that contradicts the phases of the two handlers.
    #[non_exhaustive]
    Contradiction {
        /// The handler that asks for it.
        handler: HandlerInfo,
        /// The path, as it is written.
        path: &'static str,
    },
    /// Constraints form a cycle: each of these handlers is to run before the next one, and the last before the first.
    #[non_exhaustive]
    Cycle {
        /// The first handlers on the cycle, at most fifty.
        handlers: Vec<HandlerInfo>,
        /// How many more are on it.
        more: usize,
    },
    /// The statements of these `link!`s form a cycle.
    #[non_exhaustive]
    LinkCycle {
        /// The first statements, each with its place, at most fifty.
        steps: Vec<String>,
        /// How many more there are.
        more: usize,
    },
    /// There are more cycles than the hundred before this. Those that are combinations of others do not count.
    #[non_exhaustive]
    MoreCycles {
        /// How many.
        count: usize,
    },
    /// A `link!` names a crate that contributes neither a handler nor a `link!` of its own.
    #[non_exhaustive]
    NoHandlers {
        /// The crate's name.
        linked: &'static str,
        /// The source file of the `link!`.
        file: &'static str,
        /// The line in the file, counted from 1.
        line: u32,
    },
}

/// How much of a cycle is reported. A cycle may be as long as there are handlers.
const MOST_OF_A_CYCLE: usize = 50;

/// The first items of a cycle, and how many more there are.
pub(super) fn some_of(cycle: &[usize]) -> (&[usize], usize) {
    let shown = cycle.len().min(MOST_OF_A_CYCLE);
    (&cycle[..shown], cycle.len() - shown)
}

impl Problem {
    /// What is told at exit, in words: all but links that are of no use.
    pub(super) fn told(problems: &[Self]) -> Vec<String> {
        let mut told = Vec::new();
        for problem in problems {
            if !matches!(problem, Self::NoHandlers { .. }) {
                told.push(text(format_args!("{problem}")));
            }
        }
        told
    }

    /// Adds how many more cycles there are, if there are any.
    pub(super) fn more_cycles(count: usize, problems: &mut Vec<Self>) {
        if count > 0 {
            problems.push(Self::MoreCycles { count });
        }
    }
}

impl fmt::Display for Problem {
    #[inline] // only programs that may have problems show them
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAHandler { handler, path } => write!(f, "{handler} names {path}, which is not a declared handler"),
            Self::Contradiction { handler, path } => {
                write!(f, "{handler} asks for an order with {path} that contradicts their phases")
            }
            Self::Cycle { handlers, more } => {
                f.write_str("constraints form a cycle: ")?;
                for handler in handlers {
                    write!(f, "{handler} before ")?;
                }
                if *more > 0 {
                    write!(f, "{more} more before ")?;
                }
                match handlers.first() {
                    Some(first) => first.fmt(f),
                    None => Ok(()),
                }
            }
            Self::LinkCycle { steps, more } => {
                f.write_str("links form a cycle")?;
                for (at, step) in steps.iter().enumerate() {
                    write!(f, "{} {step}", if at == 0 { ":" } else { "," })?;
                }
                if *more > 0 { write!(f, ", and {more} more") } else { Ok(()) }
            }
            Self::MoreCycles { count: 1 } => f.write_str("and 1 more cycle"),
            Self::MoreCycles { count } => write!(f, "and {count} more cycles"),
            Self::NoHandlers { linked, file, line } => {
                write!(
                    f,
                    "link! at {}:{line} names {linked}, which contributes no handler; if it was renamed, write its_own_name as {linked}",
                    escaped(file)
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycle_of(count: usize) -> String {
        let cycle = vec![0; count];
        let (shown, more) = some_of(&cycle);
        let handlers = (1..).zip(shown).map(|(line, _)| HandlerInfo::new("f", "a.rs", line)).collect();
        Problem::Cycle { handlers, more }.to_string()
    }

    #[test]
    fn of_a_long_cycle_fifty_are_named_and_the_rest_is_counted() {
        assert_eq!(cycle_of(1), "constraints form a cycle: f at a.rs:1 before f at a.rs:1");
        let fifty: Vec<String> = (1..=50).map(|line| format!("f at a.rs:{line} before ")).collect();
        let fifty = fifty.concat();
        assert_eq!(cycle_of(50), format!("constraints form a cycle: {fifty}f at a.rs:1"));
        assert_eq!(cycle_of(51), format!("constraints form a cycle: {fifty}1 more before f at a.rs:1"));
        let steps: Vec<String> = (0..50).map(|step| step.to_string()).collect();
        let links = Problem::LinkCycle { steps: steps.clone(), more: 950 }.to_string();
        assert_eq!(links, format!("links form a cycle: {}, and 950 more", steps.join(", ")));
        assert_eq!(Problem::MoreCycles { count: 1 }.to_string(), "and 1 more cycle");
        assert_eq!(Problem::MoreCycles { count: 20 }.to_string(), "and 20 more cycles");
    }
}
