//! Owns a plan as a graph in the language of Graphviz; must not know how it is printed as a table.

use std::collections::HashSet;
use std::fmt::{Display, Write as _};

use super::table::{shown, shown_path};
use super::{Plan, PlannedHandler};
use crate::handler::declaration::Phase;
use crate::handler::text::escaped;
use crate::order::why::Why;

impl Plan {
    /// The plan as a graph, in the language of Graphviz.
    ///
    /// Bold arrows lead from each handler to the next, through a box for each crate. A label on an arrow gives the reason, unless it is the
    /// order in the source. Constraints are dashed arrows beside that line; a constraint that is ignored is dotted.
    ///
    /// # Examples
    ///
    /// ```
    /// atexit_core::register(|| ());
    /// assert!(atexit_core::plan().dot().starts_with("digraph at_exit {"));
    /// # atexit_core::clear();
    /// ```
    #[must_use]
    #[inline]
    pub fn dot(&self) -> String {
        let mut text = String::from(DOT_HEAD);
        let mut at = 0;
        // A crate has a box for each unbroken stretch of its handlers. This keeps the order of running in one straight line.
        for stretch in self.handlers.chunk_by(|above, below| above.crate_name == below.crate_name) {
            let _ = writeln!(text, "  subgraph cluster_{at} {{\n    label={};", quoted(stretch[0].crate_name));
            for planned in stretch {
                let _ = writeln!(text, "    h{at} [label={}];", quoted(&planned.caption(at)));
                at += 1;
            }
            text.push_str("  }\n");
        }
        let drawn: HashSet<&Why> = self.constraints.iter().map(|(.., constraint)| constraint).collect();
        for (above, planned) in self.handlers.iter().skip(1).enumerate() {
            let is_plain = planned.why == Why::Source || drawn.contains(&planned.why);
            let label = if is_plain { String::new() } else { format!(" [label={}]", quoted_beside(&planned.why)) };
            let _ = writeln!(text, "  h{above} -> h{}{label};", above + 1);
        }
        for (early, late, constraint) in &self.constraints {
            let (style, ignored) = if early < late { (DOT_CONSTRAINT, "") } else { (DOT_IGNORED, " (ignored)") };
            let label = quoted_beside(&format_args!("{constraint}{ignored}"));
            let _ = writeln!(text, "  h{early} -> h{late} [{style}, label={label}];");
        }
        text.push_str("}\n");
        text
    }
}

impl PlannedHandler {
    /// The text of its node.
    #[inline]
    fn caption(&self, at: usize) -> String {
        let phase = if self.phase == Phase::Ordinary { String::new() } else { format!(" [{}]", self.phase) };
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

/// A string literal. In a label, `\n` breaks the line and `&` begins a character reference.
#[inline]
fn quoted(text: &str) -> String {
    let lines = text
        .split('\n')
        .map(|line| escaped(line).to_string().replace('\\', "\\\\").replace('"', "\\\"").replace('&', "&amp;"));
    format!("\"{}\"", lines.collect::<Vec<_>>().join("\\n"))
}

/// The label of an arrow. The spaces keep Graphviz from drawing it onto the arrow.
#[inline]
fn quoted_beside(text: &dyn Display) -> String {
    quoted(&format!("  {text}"))
}
