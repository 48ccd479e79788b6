//! Owns a plan as a table in a terminal; must not know how it is drawn as a graph.

use std::fmt::{self, Write as _};

use super::{Plan, PlannedHandler};
use crate::handler::text::escaped;

const HEADINGS: [&str; 6] = ["#", "handler", "crate", "declared or registered at", "phase", "reason"];

/// How wide a column may be, except the last.
const WIDEST: usize = 40;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |(at, planned): (usize, &PlannedHandler)| {
            [
                (at + 1).to_string(),
                shown(planned.label()),
                shown(planned.crate_name()),
                shown_path(&planned.place()),
                planned.phase.to_string(),
                planned.why.to_string(),
            ]
        };
        let rows: Vec<[String; 6]> =
            std::iter::once(HEADINGS.map(str::to_owned)).chain(self.handlers.iter().enumerate().map(row)).collect();
        if rows.len() == 1 {
            return writeln!(f, "no handlers are pending");
        }
        // An empty column is left out.
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

/// A text, shortened for a column.
pub(super) fn shown(text: &str) -> String {
    let line = escaped(text);
    if line.chars().count() <= WIDEST { line } else { line.chars().take(WIDEST - 1).chain(['…']).collect() }
}

/// A path, shortened for a column: its end is kept, from a folder on.
pub(super) fn shown_path(path: &str) -> String {
    let path = escaped(path);
    let Some(too_many) = path.chars().count().checked_sub(WIDEST + 1) else { return path };
    let end: String = path.chars().skip(too_many + 2).collect();
    format!("…{}", end.find(['/', '\\']).map_or(&end[..], |folder| &end[folder..]))
}
