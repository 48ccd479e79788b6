//! Owns printing text from elsewhere, such as labels, messages and paths, so that it cannot pass for a line of the library or control a
//! terminal; must not know what the text says.

use std::fmt::Display;
use std::ops::RangeInclusive;

/// How many handlers a list names before the last one; it counts the rest.
pub(crate) const NAMED: usize = 50;

/// Adds a heading and a line for each item, or nothing if there are none.
pub(crate) fn list<T: Display>(lines: &mut Vec<String>, what: &str, items: &[T]) {
    match items.len() {
        0 => return,
        1 => lines.push(format!("1 handler {what}:")),
        count => lines.push(format!("{count} handlers {what}:")),
    }
    lines.extend(some_of(items, NAMED));
}

/// Returns the first items, the number of those omitted, and the last one, which a script may look for.
pub(crate) fn some_of<T: Display>(items: &[T], most: usize) -> Vec<String> {
    let (first, rest) = items.split_at(items.len().min(most));
    let mut lines: Vec<String> = first.iter().map(ToString::to_string).collect();
    if let [more @ .., last] = rest {
        lines.extend((!more.is_empty()).then(|| format!("and {} more", more.len())));
        lines.push(last.to_string());
    }
    lines
}

/// Escapes each character that breaks a line, is invisible, or changes how others are shown: Unicode categories Cc, Cf, Zl and Zp.
/// Existing escapes stay as they are.
pub(crate) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) { shown.push(c) } else { shown.extend(c.escape_default()) }
    }
    shown
}

/// Returns the first paragraph on one line; after an empty line, an error usually tells its history.
pub(crate) fn one_line(text: &str) -> String {
    let lines: Vec<&str> = text.trim().lines().map(str::trim).collect();
    let paragraph = lines.split(|line| line.is_empty()).next().unwrap_or_default();
    let more = if paragraph.len() < lines.len() { " …" } else { "" };
    escaped(&paragraph.join(" ")) + more
}

/// Returns all lines, indented except the first, so that none looks like a line of the library.
pub(crate) fn indented(text: &str) -> String {
    let mut shown = String::new();
    for (number, line) in text.lines().enumerate() {
        shown.push_str(match number {
            0 => "",
            _ if line.is_empty() => "\n",
            _ => "\n    ",
        });
        shown.push_str(&escaped(line));
    }
    shown
}

fn is_plain(c: char) -> bool {
    c.is_ascii_graphic() || c == ' ' || !(c.is_control() || UNSEEN.iter().any(|range| range.contains(&c)))
}

/// Format characters (Cf), including all that change the writing direction, and line (Zl) and paragraph (Zp) separators, as of Unicode 16.
/// Std has this table, but does not expose it.
const UNSEEN: [RangeInclusive<char>; 21] = [
    '\u{ad}'..='\u{ad}',
    '\u{600}'..='\u{605}',
    '\u{61c}'..='\u{61c}',
    '\u{6dd}'..='\u{6dd}',
    '\u{70f}'..='\u{70f}',
    '\u{890}'..='\u{891}',
    '\u{8e2}'..='\u{8e2}',
    '\u{180e}'..='\u{180e}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{2064}',
    '\u{2066}'..='\u{206f}',
    '\u{feff}'..='\u{feff}',
    '\u{fff9}'..='\u{fffb}',
    '\u{110bd}'..='\u{110bd}',
    '\u{110cd}'..='\u{110cd}',
    '\u{13430}'..='\u{1343f}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0001}'..='\u{e0001}',
    '\u{e0020}'..='\u{e007f}',
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_shows_its_beginning_a_count_and_its_end() {
        let shown = |count: usize| some_of(&(0..count).collect::<Vec<_>>(), 2).join(", ");
        assert_eq!(
            [0, 2, 3, 4, 1000].map(shown),
            ["", "0, 1", "0, 1, 2", "0, 1, and 1 more, 3", "0, 1, and 997 more, 999"]
        );
    }

    #[test]
    fn invisible_characters_are_escaped_and_nothing_else() {
        let table = [
            ("plain, \"quoted\", back\\slash", "plain, \"quoted\", back\\slash"),
            ("Größe 大きさ 🦀 e\u{301} नमस्ते", "Größe 大きさ 🦀 e\u{301} नमस्ते"),
            ("a\rb\tc\nd\0e\x7ff", "a\\rb\\tc\\nd\\u{0}e\\u{7f}f"),
            ("\x1b[2K\x1b[1Aall is well", "\\u{1b}[2K\\u{1b}[1Aall is well"),
            ("\u{9b}31m\u{85}", "\\u{9b}31m\\u{85}"),
            (
                "\u{2028}\u{2029}\u{202e}\u{2066}\u{200f}\u{61c}",
                "\\u{2028}\\u{2029}\\u{202e}\\u{2066}\\u{200f}\\u{61c}",
            ),
            ("\u{ad}\u{200b}\u{feff}\u{e0041}", "\\u{ad}\\u{200b}\\u{feff}\\u{e0041}"),
            ("\u{2027}\u{202f}\u{2065}\u{a0}", "\u{2027}\u{202f}\u{2065}\u{a0}"),
        ];
        for (text, shown) in table {
            assert_eq!(escaped(text), shown);
            assert_eq!(escaped(shown), shown, "escaped twice");
        }
    }

    #[test]
    fn a_text_of_many_lines_is_cut_to_a_paragraph_or_indented() {
        let table = [
            ("one", "one", "one"),
            (" a\r\n  b\n", "a b", " a\n      b"),
            ("a\n\nat_exit: all is well\r", "a …", "a\n\n    at_exit: all is well\\r"),
            ("a\rb\u{2028}c\n\x1b[A", "a\\rb\\u{2028}c \\u{1b}[A", "a\\rb\\u{2028}c\n    \\u{1b}[A"),
            ("", "", ""),
        ];
        for (text, line, lines) in table {
            assert_eq!((one_line(text).as_str(), indented(text).as_str()), (line, lines), "{text:?}");
        }
    }
}
