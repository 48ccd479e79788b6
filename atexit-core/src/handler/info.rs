//! Owns a handler's name and place, and how they are shown; must not know what a handler does, or who asks.

use std::fmt;
use std::sync::Arc;

use super::text::{escaped, split_at_any, text};

/// Returns the crate of a function or closure; a function pointer does not name one.
pub(crate) fn crate_of_type(type_name: &'static str) -> &'static str {
    let mut name = type_name;
    while let [b'&' | b'<' | b'(', ..] = name.as_bytes() {
        name = name.get(1..).unwrap_or_default();
    }
    match split_at_any(name, b":( ") {
        Some((name, rest)) if rest.starts_with(':') => name,
        _ => "",
    }
}

/// Returns `all_done` for the function `app::all_done`, `closure in app::main` for a closure.
pub(crate) fn function_name(type_name: &str) -> String {
    let mut owner = type_name;
    while let Some(outer) = owner.strip_suffix("::{{closure}}") {
        owner = outer;
    }
    if owner.len() < type_name.len() {
        return text(format_args!("closure in {owner}"));
    }
    let mut name = type_name;
    if split_at_any(name, b"<(&").is_none() {
        while let Some((_, rest)) = split_at_any(name, b":") {
            name = rest.get(1..).unwrap_or_default();
        }
    }
    name.to_owned()
}

fn place(file: &str, line: u32) -> String {
    text(format_args!("{file}:{line}"))
}

/// Names a handler in reports, events and plans; displayed as `label at file:line`, or as `file:line` if that is its label.
///
/// # Examples
///
/// ```
/// atexit_core::Handler::new(|| println!("flushed")).name("flush the log").register();
/// let plan = atexit_core::plan();
/// let planned = plan.iter().next().expect("one is pending");
/// let handler = planned.handler();
/// assert_eq!(handler.label(), "flush the log");
/// assert_eq!(handler.to_string(), format!("flush the log at {}:{}", handler.file(), handler.line()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HandlerInfo {
    label: Arc<str>,
    file: &'static str,
    line: u32,
}

impl HandlerInfo {
    #[inline(never)] // one copy, to keep programs small
    pub(crate) fn new(label: &str, file: &'static str, line: u32) -> Self {
        Self { label: label.into(), file, line }
    }

    /// For a handler whose place is its name.
    #[inline]
    pub(crate) fn of_place(file: &'static str, line: u32) -> Self {
        Self::new(&place(file, line), file, line)
    }

    fn is_named_by_place(&self) -> bool {
        *self.label == place(self.file, self.line)
    }

    /// Returns its name, or else the function's name and arguments as in the source: `my_cleanup("third")`.
    ///
    /// A closure is called `closure in app::main`, and a value in a `static` without a name has its place: `src/main.rs:3`. Nothing is escaped here;
    /// displaying the whole escapes characters that are invisible or could pass for something else.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Returns the source file of the attribute, or of the call that registered it.
    #[must_use]
    pub fn file(&self) -> &'static str {
        self.file
    }

    /// Returns the line in [`file`](Self::file), from 1.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.line
    }
}

impl fmt::Display for HandlerInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escaped(&self.label).fmt(f)?;
        if self.is_named_by_place() {
            return Ok(());
        }
        write!(f, " at {}:{}", escaped(self.file), self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_and_a_path_are_displayed_on_one_line() {
        let info = HandlerInfo::new("a\r\nb", "src/\u{202e}sr.\x1b[A/größe.rs", 3);
        assert_eq!(info.to_string(), "a\\r\\nb at src/\\u{202e}sr.\\u{1b}[A/größe.rs:3");
        assert_eq!(info.label(), "a\r\nb");
    }

    #[test]
    fn a_place_that_is_the_name_is_shown_once() {
        let info = HandlerInfo::of_place("src/a.rs", 3);
        assert_eq!((info.label(), &*info.to_string()), ("src/a.rs:3", "src/a.rs:3"));
        assert_eq!(HandlerInfo::new("src/a.rs:3", "src/a.rs", 33).to_string(), "src/a.rs:3 at src/a.rs:33");
    }
}
