//! Owns the reasons why a handler runs where it does, and the words for them; must not know how they are found.

use std::fmt;

use crate::handler::info::HandlerInfo;
use crate::handler::text::{escaped, text};

/// Why a handler runs where it does in a [`Plan`](crate::Plan), after the one above it.
///
/// Displayed, it is the text in the last column of the plan.
///
/// # Examples
///
/// ```
/// use atexit_core::{Why, plan, register};
///
/// register(|| println!("second"));
/// register(|| println!("first"));
/// let plan = plan();
/// let reasons: Vec<_> = plan.iter().map(|planned| planned.why()).collect();
/// assert_eq!(reasons, [&Why::Topmost, &Why::RegisteredEarlier]);
/// assert_eq!(reasons[1].to_string(), "registered earlier");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Why {
    /// It is at the top; displayed as nothing.
    Topmost,
    /// `registered earlier`: a call registered it, or it is a value that was made, before the one above it.
    RegisteredEarlier,
    /// `declared`: it is declared, and a call registered the one above it.
    Declared,
    /// `source`: by its module, or by its position in the source of its crate.
    Source,
    /// `link!`: by the order of crates that a [`link!`](crate::link!) states.
    Link,
    /// `linker`: by the linker's order of crates. Where constraints have moved handlers, the crate that comes before it in that order need not be
    /// that of the one above it.
    Linker,
    /// `phase`: its [`Phase`](crate::Phase) comes after that of the one above it.
    Phase,
    /// `before PATH`: by a constraint of its own, which pulled it up.
    #[non_exhaustive]
    Before {
        /// The path, as it is written.
        path: &'static str,
    },
    /// `after PATH`: by a constraint of its own, which delayed it.
    #[non_exhaustive]
    After {
        /// The path, as it is written.
        path: &'static str,
    },
    /// `waits for LABEL`: by a constraint of that handler, which could be pulled up no further.
    #[non_exhaustive]
    WaitsFor {
        /// The handler whose constraint it is.
        handler: HandlerInfo,
    },
}

impl fmt::Display for Why {
    #[inline] // only plans show it
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (words, name) = match self {
            Self::Topmost => ("", ""),
            Self::RegisteredEarlier => ("registered earlier", ""),
            Self::Declared => ("declared", ""),
            Self::Source => ("source", ""),
            Self::Link => ("link!", ""),
            Self::Linker => ("linker", ""),
            Self::Phase => ("phase", ""),
            Self::Before { path } => ("before ", *path),
            Self::After { path } => ("after ", *path),
            Self::WaitsFor { handler } => ("waits for ", handler.label()),
        };
        f.pad(&text(format_args!("{words}{}", escaped(name))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_words() {
        let handler = HandlerInfo::new("flush\n", "a.rs", 3);
        let table = [
            (Why::Topmost, ""),
            (Why::RegisteredEarlier, "registered earlier"),
            (Why::Declared, "declared"),
            (Why::Source, "source"),
            (Why::Link, "link!"),
            (Why::Linker, "linker"),
            (Why::Phase, "phase"),
            (Why::Before { path: "db::close" }, "before db::close"),
            (Why::After { path: "db::close" }, "after db::close"),
            (Why::WaitsFor { handler }, "waits for flush\\n"),
        ];
        for (why, words) in table {
            assert_eq!(why.to_string(), words, "{why:?}");
            assert_eq!(format!("{why:20}|"), format!("{words:20}|"));
        }
    }
}
