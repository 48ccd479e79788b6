//! Owns what a handler is called, and how that is shown; must not know what a handler does, or who asks.

use std::fmt;

/// The crate that a function or closure is from; a function pointer tells none.
pub(crate) fn crate_of_type(type_name: &'static str) -> &'static str {
    let path = type_name.trim_start_matches(['&', '<', '(']);
    let name = path.split_once("::").map_or("", |(name, _)| name);
    if name.contains(['(', ' ']) { "" } else { name }
}

/// `all_done` for the function `app::all_done`, `closure in app::main` for a closure.
pub(crate) fn function_name(type_name: &str) -> String {
    let owner = type_name.trim_end_matches("::{{closure}}");
    if owner.len() < type_name.len() {
        format!("closure in {owner}")
    } else if type_name.contains(['<', '(', '&']) {
        type_name.to_owned()
    } else {
        type_name.rsplit("::").next().unwrap_or(type_name).to_owned()
    }
}

/// The first paragraph of a text on one line; what an error says after an empty line is its history.
pub(crate) fn one_line(text: &str) -> String {
    let lines: Vec<&str> = text.trim().lines().map(str::trim).collect();
    let paragraph = lines.split(|line| line.is_empty()).next().unwrap_or_default();
    let more = if paragraph.len() < lines.len() { " …" } else { "" };
    paragraph.join(" ") + more
}

/// A name may hold what would break a line, or worse.
pub(crate) fn on_one_line(text: &str) -> String {
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escaped).collect()
}

/// A handler as reports, events and plans name it; displayed as `label at file:line`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HandlerInfo {
    pub(crate) label: String,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
}

impl HandlerInfo {
    /// The handler's name, or else its function's, and its arguments as the source has them: `my_cleanup("third")`.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The source file of the attribute or of the call that registered it.
    #[must_use]
    pub fn file(&self) -> &'static str {
        self.file
    }

    /// The line in [`file`](Self::file), from 1.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.line
    }
}

impl fmt::Display for HandlerInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}:{}", on_one_line(&self.label), self.file, self.line)
    }
}
