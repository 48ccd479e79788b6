//! Owns a plan as a table in a terminal; must not know how it is drawn as a graph.

use std::fmt;

use super::{Plan, PlannedHandler, show};
use crate::handler::text::{append, escaped, split_at_any, text};

const COLUMNS: usize = 6;
const HEADINGS: [&str; COLUMNS] = ["#", "handler", "crate", "declared or registered at", "phase", "reason"];

/// How wide a column may be, except the last.
const WIDEST: usize = 40;

impl fmt::Display for Plan {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::default();
        for planned in &self.handlers {
            table.add(planned);
        }
        f.write_str(&table.text())
    }
}

/// The table of what is pending now.
#[inline]
pub(crate) fn of_pending() -> String {
    let mut table = Table::default();
    show(&mut |planned| table.add(planned));
    table.text()
}

#[derive(Default)]
struct Table {
    /// Row by row, without the headings.
    cells: Vec<String>,
    /// How wide each column is without its heading; 0 if it is empty, and left out.
    widths: [usize; COLUMNS],
}

impl Table {
    fn add(&mut self, planned: &PlannedHandler) {
        let row = self.cells.len() / COLUMNS + 1;
        self.add_cell(text(format_args!("{row}")));
        self.add_cell(shown(planned.label()));
        self.add_cell(shown(planned.crate_name()));
        self.add_cell(shown_path(&planned.place()));
        self.add_cell(text(format_args!("{}", planned.phase)));
        self.add_cell(text(format_args!("{}", planned.why)));
    }

    #[inline(never)] // one copy, to keep programs small
    fn add_cell(&mut self, cell: String) {
        let widest = &mut self.widths[self.cells.len() % COLUMNS];
        *widest = width(&cell).max(*widest);
        self.cells.push(cell);
    }

    fn text(&self) -> String {
        if self.cells.is_empty() {
            return "no handlers are pending\n".to_owned();
        }
        let (mut text, mut line) = (String::new(), String::new());
        for at in 0..COLUMNS + self.cells.len() {
            let column = at % COLUMNS;
            let (heading, widest) = (HEADINGS[column], self.widths[column]);
            if widest > 0 {
                let cell = if at < COLUMNS { heading } else { &self.cells[at - COLUMNS] };
                // The last column ends the line, and may be wider than the formatter can pad.
                let width = if column + 1 < COLUMNS { widest.max(heading.len()) + 2 } else { 0 };
                append(&mut line, format_args!("{cell:width$}"));
            }
            if column + 1 == COLUMNS {
                append(&mut text, format_args!("{}\n", line.trim_ascii_end()));
                line.clear();
            }
        }
        text
    }
}

/// A text, shortened for a column.
pub(super) fn shown(whole: &str) -> String {
    let shown = text(format_args!("{}", escaped(whole)));
    if width(&shown) <= WIDEST {
        return shown;
    }
    text(format_args!("{shown:.0$}…", WIDEST - 1))
}

/// A path, shortened for a column: its end is kept, from a folder on.
pub(super) fn shown_path(path: &str) -> String {
    let path = text(format_args!("{}", escaped(path)));
    let width = width(&path);
    if width <= WIDEST {
        return path;
    }
    let mut end = path.chars();
    for _ in WIDEST - 1..width {
        end.next();
    }
    let end = end.as_str();
    let end = match split_at_any(end, b"/\\") {
        Some((_, folder)) => folder,
        None => end,
    };
    text(format_args!("…{end}"))
}

/// How many characters it has.
#[inline(never)] // one copy, to keep programs small
fn width(text: &str) -> usize {
    text.chars().count()
}
