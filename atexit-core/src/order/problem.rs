//! Owns what can be wrong with what handlers and links ask for, and the words for it; must not know how it is found.

use std::fmt;

use crate::handler::info::HandlerInfo;
use crate::handler::text::escaped;

/// What is wrong with what handlers and links ask for. It is left out of account; every handler still runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// `before` or `after` names a function that is no declared handler of this program.
    #[non_exhaustive]
    NotAHandler {
        /// Who names it.
        handler: HandlerInfo,
        /// The path, as it is written.
        path: &'static str,
    },
    /// `before` or `after` asks for the opposite of what the phases of the two say.
    #[non_exhaustive]
    Contradiction {
        /// Who asks for it.
        handler: HandlerInfo,
        /// The path, as it is written.
        path: &'static str,
    },
    /// Each of these is to run before the next, and the last before the first.
    #[non_exhaustive]
    Circle {
        /// The handlers on the circle, the first fifty of them.
        handlers: Vec<HandlerInfo>,
        /// How many more are on it.
        more: usize,
    },
    /// What these `link!`s state closes a circle.
    #[non_exhaustive]
    LinkCircle {
        /// Each statement, and where it is made, the first fifty of them.
        steps: Vec<String>,
        /// How many more there are.
        more: usize,
    },
    /// There are more circles like the hundred before this: so many of which none is put together from others.
    #[non_exhaustive]
    MoreCircles {
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
        /// The line in the file, from 1.
        line: u32,
    },
}

/// How much of a circle is told, which may be as long as there are handlers.
const MOST_OF_A_CIRCLE: usize = 50;

/// The first of what is on a circle, and how much more there is.
pub(super) fn some_of<T>(mut all: impl ExactSizeIterator<Item = T>) -> (Vec<T>, usize) {
    (all.by_ref().take(MOST_OF_A_CIRCLE).collect(), all.len())
}

impl Problem {
    pub(super) fn more_circles(count: usize) -> Option<Self> {
        (count > 0).then_some(Self::MoreCircles { count })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAHandler { handler, path } => write!(f, "{handler} names {path}, which is no declared handler"),
            Self::Contradiction { handler, path } => {
                write!(f, "{handler} asks for an order with {path} that contradicts their phases")
            }
            Self::Circle { handlers, more } => {
                f.write_str("constraints close a circle: ")?;
                handlers.iter().try_for_each(|handler| write!(f, "{handler} before "))?;
                if *more > 0 {
                    write!(f, "{more} more before ")?;
                }
                handlers.first().map_or(Ok(()), |first| write!(f, "{first}"))
            }
            Self::LinkCircle { steps, more } => {
                write!(f, "links close a circle: {}", steps.join(", "))?;
                if *more > 0 { write!(f, ", and {more} more") } else { Ok(()) }
            }
            Self::MoreCircles { count: 1 } => f.write_str("and 1 more circle"),
            Self::MoreCircles { count } => write!(f, "and {count} more circles"),
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

    fn circle_of(count: u32) -> String {
        let handler = |line| HandlerInfo::new("f", "a.rs", line);
        let (handlers, more) = some_of((1..=count).map(handler).collect::<Vec<_>>().into_iter());
        Problem::Circle { handlers, more }.to_string()
    }

    #[test]
    fn of_a_long_circle_fifty_are_named_and_the_rest_is_counted() {
        assert_eq!(circle_of(1), "constraints close a circle: f at a.rs:1 before f at a.rs:1");
        let fifty: Vec<String> = (1..=50).map(|line| format!("f at a.rs:{line} before ")).collect();
        let fifty = fifty.concat();
        assert_eq!(circle_of(50), format!("constraints close a circle: {fifty}f at a.rs:1"));
        assert_eq!(circle_of(51), format!("constraints close a circle: {fifty}1 more before f at a.rs:1"));
        let (steps, more) = some_of((0..1000).map(|step| step.to_string()));
        let links = Problem::LinkCircle { steps: steps.clone(), more }.to_string();
        assert_eq!(links, format!("links close a circle: {}, and 950 more", steps.join(", ")));
        assert_eq!(Problem::more_circles(0), None);
        assert_eq!(Problem::MoreCircles { count: 1 }.to_string(), "and 1 more circle");
        assert_eq!(Problem::MoreCircles { count: 20 }.to_string(), "and 20 more circles");
    }
}
