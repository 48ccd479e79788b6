//! Owns what can be wrong with what handlers and links ask for, and the words for it; must not know how it is found.

use std::fmt;

use crate::handler::info::HandlerInfo;

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
