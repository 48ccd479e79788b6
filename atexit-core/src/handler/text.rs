//! Owns making texts and lists of lines, and showing text from elsewhere, such as labels, messages and paths, so that it cannot pass for a line
//! of the library or control a terminal; must not know what a text says.

use std::fmt::{self, Display, Write as _};

/// How many handlers a list names before the last one; it counts the rest.
pub(crate) const NAMED: usize = 50;

/// The text that `format!` makes. What most programs contain makes its texts here, because std's code for that is larger, and is there once for
/// each file that calls it.
#[inline(never)]
pub(crate) fn text(words: fmt::Arguments<'_>) -> String {
    let mut text = String::new();
    append(&mut text, words);
    text
}

/// Panics, as `format!` does, if a user's code for a part of it fails.
pub(crate) fn append(text: &mut String, words: fmt::Arguments<'_>) {
    let is_written = fmt::write(&mut Taker(text), words).is_ok();
    assert!(is_written, "a formatting trait implementation returned an error when the underlying stream did not");
}

/// Takes what is written, by less code than a `String` has for that.
struct Taker<'a>(&'a mut String);

impl fmt::Write for Taker<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.push_str(text);
        Ok(())
    }
}

/// Lines that begin with the same prefix.
#[derive(Default)]
pub(crate) struct Lines {
    prefix: &'static str,
    text: String,
}

impl Lines {
    pub(crate) fn after(prefix: &'static str) -> Self {
        Self { prefix, text: String::new() }
    }

    #[inline(never)] // one copy, to keep programs small
    pub(crate) fn add(&mut self, line: fmt::Arguments<'_>) {
        append(&mut self.text, format_args!("{}{line}\n", self.prefix));
    }

    /// Adds a heading and a line for each item, or nothing if there are none.
    #[inline(never)] // one copy, to keep programs small
    pub(crate) fn list(&mut self, what: &str, items: &dyn Items) {
        let count = items.count();
        if count > 0 {
            let handlers = if count == 1 { "handler" } else { "handlers" };
            self.add(format_args!("{count} {handlers} {what}:"));
            self.add_some(items, NAMED);
        }
    }

    /// Adds the first items, the number of those omitted, and the last one, which a script may look for.
    #[inline]
    pub(crate) fn add_some(&mut self, items: &dyn Items, most: usize) {
        let count = items.count();
        for at in 0..count {
            if at < most || at + 1 == count {
                self.add(format_args!("{}", items.shown(at)));
            } else if at == most {
                self.add(format_args!("and {} more", count - most - 1));
            }
        }
    }

    /// All lines, each with its end.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The same without the end of the last line.
    #[inline]
    pub(crate) fn joined(&self) -> &str {
        self.text.strip_suffix('\n').unwrap_or_default()
    }
}

/// Items of any type that can be displayed.
pub(crate) trait Items {
    fn count(&self) -> usize;

    fn shown(&self, at: usize) -> &dyn Display;
}

impl<T: Display> Items for &[T] {
    fn count(&self) -> usize {
        self.len()
    }

    fn shown(&self, at: usize) -> &dyn Display {
        &self[at]
    }
}

/// A text and the way in which it is displayed.
pub(crate) struct Shown<'a> {
    text: &'a str,
    how: fn(&str, &mut fmt::Formatter<'_>) -> fmt::Result,
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.how)(self.text, f)
    }
}

/// Escapes each character that breaks a line, is invisible, or changes how others are shown: Unicode categories Cc, Cf, Zl and Zp.
/// Existing escapes stay as they are.
pub(crate) fn escaped(text: &str) -> Shown<'_> {
    Shown { text, how: write_escaped }
}

#[inline(never)] // one copy, to keep programs small
fn write_escaped(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for c in text.chars() {
        write_escaped_char(c, f)?;
    }
    Ok(())
}

#[inline(never)] // one copy, to keep programs small
fn write_escaped_char(c: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if is_plain(c) { f.write_char(c) } else { c.escape_default().fmt(f) }
}

/// What is before the first of these ASCII characters, and what begins with it. Std's search for a character is more code than all that this is
/// used for.
pub(crate) fn split_at_any<'a>(text: &'a str, of: &[u8]) -> Option<(&'a str, &'a str)> {
    for (at, byte) in text.bytes().enumerate() {
        if of.contains(&byte) {
            return text.split_at_checked(at);
        }
    }
    None
}

/// Shows the first paragraph on one line; after an empty line, an error usually tells its history.
pub(crate) fn one_line(text: &str) -> Shown<'_> {
    Shown { text, how: write_one_line }
}

fn write_one_line(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut shown = 0; // so much of the text is shown
    let mut line_ends = 0; // in the space after that
    for (at, c) in text.char_indices() {
        if c.is_ascii_whitespace() {
            line_ends += u32::from(c == '\n');
            continue;
        }
        let start = match line_ends {
            _ if shown == 0 => at,
            0 => shown,
            1 => {
                f.write_char(' ')?;
                at
            }
            _ => return f.write_str(" …"),
        };
        shown = at + c.len_utf8();
        line_ends = 0;
        write_escaped(text.get(start..shown).unwrap_or_default(), f)?;
    }
    Ok(())
}

/// Shows all lines, indented except the first, so that none looks like a line of the library.
pub(crate) fn indented(text: &str) -> Shown<'_> {
    Shown { text, how: write_indented }
}

fn write_indented(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut is_line_over = false;
    for (at, c) in text.char_indices() {
        match c {
            '\r' if matches!(text.as_bytes().get(at + 1), Some(b'\n')) => {}
            '\n' if is_line_over => f.write_char('\n')?, // an empty line
            '\n' => is_line_over = true,
            _ => {
                if is_line_over {
                    f.write_str("\n    ")?;
                }
                is_line_over = false;
                write_escaped_char(c, f)?;
            }
        }
    }
    Ok(())
}

fn is_plain(c: char) -> bool {
    if c.is_ascii_graphic() || c == ' ' {
        return true;
    }
    if c.is_control() {
        return false;
    }
    let at = UNSEEN.partition_point(|&(_, last)| last < c);
    !matches!(UNSEEN.get(at), Some(&(first, _)) if first <= c)
}

/// Format characters (Cf), including all that change the writing direction, and line (Zl) and paragraph (Zp) separators, as of Unicode 16.
/// Std has this table, but does not expose it.
const UNSEEN: [(char, char); 21] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{2064}'),
    ('\u{2066}', '\u{206f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0001}', '\u{e0001}'),
    ('\u{e0020}', '\u{e007f}'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_shows_its_beginning_a_count_and_its_end() {
        let shown = |count: usize| {
            let mut lines = Lines::after("- ");
            lines.add_some(&&*(0..count).collect::<Vec<_>>(), 2);
            assert_eq!(lines.text().trim_end(), lines.joined());
            lines.joined().replace('\n', " ")
        };
        assert_eq!(
            [0, 2, 3, 4, 1000].map(shown),
            ["", "- 0 - 1", "- 0 - 1 - 2", "- 0 - 1 - and 1 more - 3", "- 0 - 1 - and 997 more - 999"]
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
            assert_eq!(escaped(text).to_string(), shown);
            assert_eq!(escaped(shown).to_string(), shown, "escaped twice");
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
            (" \n\t", "", " \n    \\t"),
            ("a \t b\n \n\nc", "a \\t b …", "a \\t b\n     \n\n    c"),
            ("a\r\n\r\nb\n\n", "a …", "a\n\n    b\n"),
            ("\n\na\u{a0}\n\u{3000}b", "a\u{a0} \u{3000}b", "\n\n    a\u{a0}\n    \u{3000}b"),
        ];
        for (text, line, lines) in table {
            assert_eq!((&*one_line(text).to_string(), &*indented(text).to_string()), (line, lines), "{text:?}");
        }
    }
}
