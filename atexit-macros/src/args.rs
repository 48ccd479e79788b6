//! Owns the grammar of the options, and which of them conflict; must not know the annotated function.

use proc_macro2::{Delimiter, Group, Ident, Spacing, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::{Lit, LitStr};

use crate::error::{self, Errors};
use crate::scanner::{self, Element, flatten, stream, vec, without_invisible_groups};

/// The options in the parentheses of `#[at_exit(…)]`.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) arguments: Arguments,
    pub(crate) name: Option<LitStr>,
    /// `first`, `last`, `caller_thread` and `this_process`.
    pub(crate) flags: Vec<Ident>,
    pub(crate) before: Vec<TokenStream>,
    pub(crate) after: Vec<TokenStream>,
    pub(crate) time_limit: Option<TokenStream>,
    pub(crate) block_on: Option<BlockOn>,
    pub(crate) crate_path: Option<TokenStream>,
}

/// The arguments that the function is called with.
#[derive(Default)]
pub(crate) enum Arguments {
    #[default]
    None,
    /// `args = EXPR`
    Value { keyword: Ident, value: TokenStream, text: String },
    /// `args(NAME = EXPR, …)`
    Named { keyword: Ident, list: Group, values: Vec<(Ident, TokenStream)> },
    /// An error has been reported.
    Wrong,
}

pub(crate) struct BlockOn {
    pub(crate) keyword: Ident,
    pub(crate) path: TokenStream,
}

/// Every option, and how to write it.
const OPTIONS: [(&str, &str); 11] = [
    ("args", "`args = value` or `args(name = value)`"),
    ("name", "`name = \"label\"`"),
    ("first", "`first`"),
    ("last", "`last`"),
    ("before", "`before = path` or `before = [path, path]`"),
    ("after", "`after = path` or `after = [path, path]`"),
    ("time_limit", "`time_limit = duration`"),
    ("caller_thread", "`caller_thread`"),
    ("this_process", "`this_process`"),
    ("block_on", "`block_on = path`"),
    ("crate", "`crate = path`"),
];

/// Names that other libraries use.
const SYNONYMS: [(&str, &str); 3] = [("label", "name"), ("timeout", "time_limit"), ("main_thread", "caller_thread")];

impl Args {
    pub(crate) fn parse(tokens: &TokenStream, errors: &mut Errors) -> Self {
        let mut args = Self::default();
        let mut seen = Vec::new();
        for element in &scanner::expressions(tokens) {
            let Some(setting) = Setting::parse(element, expected_option, errors) else { continue };
            let key = setting.key.to_string();
            let Some(usage) = usage(&key) else {
                errors.at(&setting.key, unknown(&key));
                continue;
            };
            // The only check for repeated options.
            if seen.contains(&usage) {
                errors.at(&setting.key, format_args!("`{key}` is given twice: write {usage} once"));
                continue;
            }
            seen.push(usage);
            args.set(&key, &setting, usage, errors);
        }
        let mut has_phase = false;
        for flag in &args.flags {
            let is_phase = flag == "first" || flag == "last";
            if is_phase && has_phase {
                errors.at(flag, "a handler cannot run both `first` and `last`: keep one of them");
            }
            has_phase |= is_phase;
        }
        args
    }

    fn set(&mut self, key: &str, setting: &Setting, usage: &str, errors: &mut Errors) {
        match key {
            "args" => self.arguments = setting.arguments(usage, errors),
            "name" => self.name = setting.label(usage, errors),
            "first" | "last" | "caller_thread" | "this_process" => {
                if let Some(flag) = setting.flag(usage, errors) {
                    self.flags.push(flag);
                }
            }
            "before" => self.before = setting.paths(usage, errors),
            "after" => self.after = setting.paths(usage, errors),
            "time_limit" => self.time_limit = setting.duration(usage, errors),
            "block_on" => {
                if let Some(path) = setting.path(usage, errors) {
                    self.block_on = Some(BlockOn { keyword: setting.key.clone(), path });
                }
            }
            _ => self.crate_path = setting.path(usage, errors),
        }
    }
}

fn usage(key: &str) -> Option<&'static str> {
    for (option, usage) in &OPTIONS {
        if key == *option {
            return Some(usage);
        }
    }
    None
}

/// The message for an element that is not an option. A literal may be meant as the argument, and a string also as the handler's name.
fn expected_option(element: &Element) -> String {
    let text = &element.text;
    match literal(&element.tokens) {
        Some(Lit::Str(label)) if !is_blank(&label) => {
            format!("expected an option: write `name = {text}`, or `args = {text}` to call the function with it")
        }
        Some(_) => format!("expected an option: write `args = {text}` to call the function with it"),
        None => "expected an option, such as `args = value` to call the function with a value".to_owned(),
    }
}

/// Reads a literal, or a number with a sign.
fn literal(tokens: &TokenStream) -> Option<Lit> {
    match &flatten(tokens)[..] {
        [TokenTree::Literal(literal)] => Some(Lit::new(literal.clone())),
        [TokenTree::Punct(sign), TokenTree::Literal(number)] if sign.as_char() == '-' => {
            let number = Lit::new(number.clone());
            matches!(number, Lit::Int(_) | Lit::Float(_)).then_some(number)
        }
        _ => None,
    }
}

fn is_blank(label: &LitStr) -> bool {
    for char in label.value().chars() {
        if !char.is_whitespace() {
            return false;
        }
    }
    true
}

fn unknown(key: &str) -> String {
    for (synonym, option) in &SYNONYMS {
        if key == *synonym {
            return format!("unknown option `{key}`: did you mean `{option}`?");
        }
    }
    let mut options = Vec::new();
    for (option, _) in &OPTIONS {
        options.push(*option);
    }
    format!("unknown option `{key}`: {}", error::hint(key, &options, "the options are"))
}

/// `KEY`, `KEY = VALUE` or `KEY(LIST)`.
struct Setting {
    key: Ident,
    given: Given,
    /// As the user wrote the value.
    value_text: String,
}

enum Given {
    Nothing,
    Value { equals: TokenTree, value: TokenStream },
    List(Group),
    Unexpected(TokenTree),
}

impl Setting {
    fn parse(element: &Element, expected: fn(&Element) -> String, errors: &mut Errors) -> Option<Self> {
        // `$option:meta` of a `macro_rules!` is in an invisible group.
        let tokens = without_invisible_groups(&element.tokens);
        let (key, rest) = match &tokens[..] {
            [TokenTree::Ident(key), rest @ ..] => (key.clone(), rest),
            [] => {
                errors.at(&element.comma, "unexpected `,`: remove it");
                return None;
            }
            _ => {
                errors.at(&element.tokens, expected(element));
                return None;
            }
        };
        let given = match rest {
            [] => Given::Nothing,
            [TokenTree::Group(list), rest @ ..] if list.delimiter() == Delimiter::Parenthesis => match rest {
                [] => Given::List(list.clone()),
                [unexpected, ..] => Given::Unexpected(unexpected.clone()),
            },
            [equals, value @ ..] if is_equals(equals, value) => {
                Given::Value { equals: equals.clone(), value: stream(value) }
            }
            [unexpected, ..] => Given::Unexpected(unexpected.clone()),
        };
        let value_text = scanner::after(Some(&element.text), &tokens[..tokens.len().min(2)]).unwrap_or_default();
        Some(Self { key, given, value_text: value_text.trim_ascii().to_owned() })
    }

    fn flag(&self, usage: &str, errors: &mut Errors) -> Option<Ident> {
        let message = format!("`{}` takes no value: write {usage}", self.key);
        match &self.given {
            Given::Nothing => return Some(self.key.clone()),
            Given::Value { value, .. } if !value.is_empty() => errors.at(value, &message),
            Given::Value { equals, .. } => errors.at(equals, &message),
            Given::List(list) => errors.at(list, &message),
            Given::Unexpected(token) => errors.at(token, format_args!("expected `,` after `{}`", self.key)),
        }
        None
    }

    fn value(&self, usage: &str, errors: &mut Errors) -> Option<TokenStream> {
        let message = format!("`{}` needs a value: write {usage}", self.key);
        match &self.given {
            Given::Value { value, .. } if !value.is_empty() => return Some(value.clone()),
            Given::Value { equals, .. } => errors.at(equals, &message),
            Given::Nothing => errors.at(&self.key, &message),
            Given::List(list) => errors.at(list, &message),
            Given::Unexpected(token) => errors.at(token, &message),
        }
        None
    }

    fn duration(&self, usage: &str, errors: &mut Errors) -> Option<TokenStream> {
        let value = self.value(usage, errors)?;
        if let [TokenTree::Literal(number)] = &vec(&value)[..] {
            let message =
                format!("a time limit must be a `Duration`: write `std::time::Duration::from_secs({number})`");
            errors.at(number, &message);
            return None;
        }
        Some(value)
    }

    fn label(&self, usage: &str, errors: &mut Errors) -> Option<LitStr> {
        let value = self.value(usage, errors)?;
        match literal(&value) {
            Some(Lit::Str(label)) if !is_blank(&label) => return Some(label),
            Some(Lit::Str(label)) => errors.at(&label, format_args!("a name cannot be empty: write {usage}")),
            _ => errors.at(&value, format_args!("a name must be a string literal: write {usage}")),
        }
        None
    }

    fn path(&self, usage: &str, errors: &mut Errors) -> Option<TokenStream> {
        let message = format!("`{}` takes a path: write {usage}", self.key);
        let value = self.value(usage, errors)?;
        is_path(&value, &message, errors).then_some(value)
    }

    /// One path, or several in brackets.
    fn paths(&self, usage: &str, errors: &mut Errors) -> Vec<TokenStream> {
        let message = format!("`{}` takes a path: write {usage}", self.key);
        let mut paths = Vec::new();
        let Some(value) = self.value(usage, errors) else { return paths };
        match &without_invisible_groups(&value)[..] {
            [TokenTree::Group(list)] if list.delimiter() == Delimiter::Bracket => {
                let elements = scanner::expressions(&list.stream());
                if elements.is_empty() {
                    errors.at(list, &message);
                }
                for element in &elements {
                    if element.tokens.is_empty() {
                        errors.at(&element.comma, "unexpected `,`: remove it");
                    } else if is_path(&element.tokens, &message, errors) {
                        paths.push(element.tokens.clone());
                    }
                }
            }
            _ if is_path(&value, &message, errors) => paths.push(value),
            _ => {}
        }
        paths
    }

    fn arguments(&self, usage: &str, errors: &mut Errors) -> Arguments {
        let keyword = self.key.clone();
        let Given::List(list) = &self.given else {
            let Some(value) = self.value(usage, errors) else { return Arguments::Wrong };
            return Arguments::Value { keyword, value, text: self.value_text.clone() };
        };
        let mut values = Vec::new();
        let mut wrong = false;
        for element in &scanner::expressions(&list.stream()) {
            match Self::argument(element, errors) {
                None => wrong = true,
                Some((name, _)) if value_of(&name.unraw().to_string(), &values).is_some() => {
                    errors.at(&name, format_args!("`{name}` is given twice: keep one of them"));
                }
                Some(value) => values.push(value),
            }
        }
        if wrong { Arguments::Wrong } else { Arguments::Named { keyword, list: list.clone(), values } }
    }

    /// `NAME = EXPR`
    fn argument(element: &Element, errors: &mut Errors) -> Option<(Ident, TokenStream)> {
        let expected = |_: &Element| {
            "expected `name = value`; to give the values in order, write `args = (value, value)`".to_owned()
        };
        let setting = Self::parse(element, expected, errors)?;
        if matches!(setting.given, Given::Nothing | Given::List(_)) {
            errors.at(&element.tokens, expected(element));
            return None;
        }
        let value = setting.value(&format!("`{} = value`", setting.key), errors)?;
        Some((setting.key, value))
    }
}

/// Returns the value that is given for the parameter of that name, which is without `r#`.
pub(crate) fn value_of<'a>(name: &str, values: &'a [(Ident, TokenStream)]) -> Option<&'a TokenStream> {
    for (given, value) in values {
        if given.unraw() == *name {
            return Some(value);
        }
    }
    None
}

/// Whether this is `=`, and not the start of a longer operator.
fn is_equals(token: &TokenTree, rest: &[TokenTree]) -> bool {
    let longer = matches!(rest, [TokenTree::Punct(next), ..] if matches!(next.as_char(), '=' | '>'));
    matches!(token, TokenTree::Punct(equals)
        if equals.as_char() == '=' && !(longer && equals.spacing() == Spacing::Joint))
}

/// Checks that these are words separated by `::`, with an optional leading `::`.
fn is_path(tokens: &TokenStream, message: &str, errors: &mut Errors) -> bool {
    let tokens = without_invisible_groups(tokens);
    let mut rest = &tokens[..];
    let mut word_due = true;
    loop {
        rest = match rest {
            [] if !word_due => return true,
            [TokenTree::Ident(word), rest @ ..] if word_due && is_segment(word) => {
                word_due = false;
                rest
            }
            [TokenTree::Punct(first), TokenTree::Punct(second), rest @ ..]
                if (!word_due || rest.len() + 2 == tokens.len())
                    && first.as_char() == ':'
                    && second.as_char() == ':' =>
            {
                word_due = true;
                rest
            }
            _ => {
                errors.at(&rest.first().or(tokens.last()), message);
                return false;
            }
        }
    }
}

/// Whether a path may have this word: no keyword, except for those that lead to a module.
fn is_segment(word: &Ident) -> bool {
    #[rustfmt::skip]
    let is_keyword = matches!(
        &*word.to_string(),
        "_" | "abstract" | "as" | "async" | "await" | "become" | "box" | "break" | "const" | "continue" | "do" | "dyn" | "else"
            | "enum" | "extern" | "false" | "final" | "fn" | "for" | "if" | "impl" | "in" | "let" | "loop" | "macro" | "match" | "mod"
            | "move" | "mut" | "override" | "priv" | "pub" | "ref" | "return" | "Self" | "static" | "struct" | "trait" | "true" | "try"
            | "type" | "typeof" | "unsafe" | "unsized" | "use" | "virtual" | "where" | "while" | "yield"
    );
    !is_keyword
}
