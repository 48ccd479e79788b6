//! Owns a plan as a table in a terminal; must not know how it is drawn as a graph.

use std::fmt::{self, Write as _};

use super::{Plan, PlannedHandler, planned};
use crate::handler::text::{escaped, find_any};

const HEADINGS: [&str; 6] = ["#", "handler", "crate", "declared or registered at", "phase", "reason"];

/// How wide a column may be, except the last.
const WIDEST: usize = 40;

impl fmt::Display for Plan {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&of(&self.handlers))
    }
}

/// The table of what is pending now.
pub(crate) fn of_pending() -> String {
    of(&planned().1)
}

fn of(handlers: &[PlannedHandler]) -> String {
    if handlers.is_empty() {
        return "no handlers are pending\n".to_owned();
    }
    let widths = widths(handlers);
    let mut text = String::new();
    for row in 0..=handlers.len() {
        for (column, &width) in widths.iter().enumerate() {
            if width > 0 {
                let _ = write!(text, "{:width$}  ", cell(handlers, row, column));
            }
        }
        text.truncate(text.trim_ascii_end().len());
        text.push('\n');
    }
    text
}

/// How wide each column is; 0 if it is empty, and left out.
fn widths(handlers: &[PlannedHandler]) -> [usize; 6] {
    let mut widths = [0; 6];
    for (column, widest) in widths.iter_mut().enumerate() {
        for row in 1..=handlers.len() {
            let width = cell(handlers, row, column).chars().count();
            *widest = width.max(*widest);
        }
        if *widest > 0 {
            *widest = HEADINGS[column].len().max(*widest);
        }
    }
    widths
}

/// Row 0 has the headings.
fn cell(handlers: &[PlannedHandler], row: usize, column: usize) -> String {
    if row == 0 {
        return HEADINGS[column].to_owned();
    }
    let planned = &handlers[row - 1];
    match column {
        0 => row.to_string(),
        1 => shown(planned.label()),
        2 => shown(planned.crate_name()),
        3 => shown_path(&planned.place()),
        4 => format!("{}", planned.phase),
        _ => format!("{}", planned.why),
    }
}

/// A text, shortened for a column.
pub(super) fn shown(text: &str) -> String {
    let mut line = escaped(text);
    if line.chars().count() > WIDEST {
        line.truncate(start_of(&line, WIDEST - 1));
        line.push('…');
    }
    line
}

/// A path, shortened for a column: its end is kept, from a folder on.
pub(super) fn shown_path(path: &str) -> String {
    let path = escaped(path);
    let length = path.chars().count();
    if length <= WIDEST {
        return path;
    }
    let end = &path[start_of(&path, length - (WIDEST - 1))..];
    let folder = find_any(end, b"/\\").unwrap_or(0);
    format!("…{}", &end[folder..])
}

/// Where the character with this number begins.
fn start_of(text: &str, number: usize) -> usize {
    let mut start = 0;
    for c in text.chars().take(number) {
        start += c.len_utf8();
    }
    start
}
