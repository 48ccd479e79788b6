//! Owns the grammar of the options, and which of them conflict; must not know the annotated function.

use proc_macro2::{Delimiter, Group, Ident, Spacing, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Lit, LitStr};

use crate::error::{Errors, did_you_mean};
use crate::scanner::{self, Element, without_invisible_groups};

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
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Self::default();
        let mut seen: Vec<Ident> = Vec::new();
        for element in scanner::expressions(tokens) {
            let Some(setting) = Setting::parse(&element, &expected_option(&element), errors) else { continue };
            let key = &setting.key;
            let Some((_, usage)) = OPTIONS.into_iter().find(|(option, _)| key == option) else {
                errors.at(key, unknown(&key.to_string()));
                continue;
            };
            // The only check for repeated options.
            if seen.contains(key) {
                errors.at(key, format!("`{key}` is given twice: write {usage} once"));
                continue;
            }
            seen.push(key.clone());
            args.set(setting, usage, errors);
        }
        let phases = args.flags.iter().filter(|flag| *flag == "first" || *flag == "last");
        if let [_, later] = phases.collect::<Vec<_>>()[..] {
            errors.at(later, "a handler cannot run both `first` and `last`: keep one of them");
        }
        args
    }

    fn set(&mut self, setting: Setting, usage: &str, errors: &mut Errors) {
        match &*setting.key.to_string() {
            "args" => self.arguments = setting.arguments(usage, errors),
            "name" => self.name = setting.label(usage, errors),
            "first" | "last" | "caller_thread" | "this_process" => self.flags.extend(setting.flag(usage, errors)),
            "before" => self.before = setting.paths(usage, errors),
            "after" => self.after = setting.paths(usage, errors),
            "time_limit" => self.time_limit = setting.duration(usage, errors),
            "block_on" => {
                let keyword = setting.key.clone();
                self.block_on = setting.path(usage, errors).map(|path| BlockOn { keyword, path });
            }
            _ => self.crate_path = setting.path(usage, errors),
        }
    }
}

/// The message for an element that is not an option. A literal may be meant as the argument, and a string also as the handler's name.
fn expected_option(element: &Element) -> String {
    let text = &element.text;
    match syn::parse2::<Lit>(element.to_token_stream()) {
        Ok(Lit::Str(label)) if !label.value().trim().is_empty() => {
            format!("expected an option: write `name = {text}`, or `args = {text}` to call the function with it")
        }
        Ok(_) => format!("expected an option: write `args = {text}` to call the function with it"),
        Err(_) => "expected an option, such as `args = value` to call the function with a value".to_owned(),
    }
}

fn unknown(key: &str) -> String {
    let options = OPTIONS.map(|(option, _)| option);
    let suggestion = match SYNONYMS.iter().find(|(synonym, _)| *synonym == key) {
        Some((_, option)) => Some(format!("did you mean `{option}`?")),
        None => did_you_mean(key, options),
    };
    let hint = suggestion.unwrap_or_else(|| format!("the options are `{}`", options.join("`, `")));
    format!("unknown option `{key}`: {hint}")
}

/// `KEY`, `KEY = VALUE` or `KEY(LIST)`.
struct Setting {
    key: Ident,
    given: Given,
    text: String,
}

enum Given {
    Nothing,
    Value { equals: TokenTree, value: Vec<TokenTree> },
    List(Group),
    Unexpected(TokenTree),
}

impl Setting {
    fn parse(element: &Element, expected: &str, errors: &mut Errors) -> Option<Self> {
        // `$option:meta` of a `macro_rules!` is in an invisible group.
        let (key, rest) = match &without_invisible_groups(element.to_token_stream())[..] {
            [TokenTree::Ident(key), rest @ ..] => (key.clone(), rest.to_vec()),
            [] => {
                errors.at(&element.comma, "unexpected `,`: remove it");
                return None;
            }
            _ => {
                errors.at(element, expected);
                return None;
            }
        };
        let given = match &rest[..] {
            [] => Given::Nothing,
            [TokenTree::Group(list), rest @ ..] if list.delimiter() == Delimiter::Parenthesis => match rest {
                [] => Given::List(list.clone()),
                [unexpected, ..] => Given::Unexpected(unexpected.clone()),
            },
            [equals, value @ ..] if is_equals(equals, value) => {
                Given::Value { equals: equals.clone(), value: value.to_vec() }
            }
            [unexpected, ..] => Given::Unexpected(unexpected.clone()),
        };
        Some(Self { key, given, text: element.text.clone() })
    }

    fn flag(self, usage: &str, errors: &mut Errors) -> Option<Ident> {
        let message = format!("`{}` takes no value: write {usage}", self.key);
        match self.given {
            Given::Nothing => return Some(self.key),
            Given::Value { value, .. } if !value.is_empty() => errors.at(TokenStream::from_iter(value), message),
            Given::Value { equals, .. } => errors.at(equals, message),
            Given::List(list) => errors.at(list, message),
            Given::Unexpected(token) => errors.at(token, format!("expected `,` after `{}`", self.key)),
        }
        None
    }

    fn value(self, usage: &str, errors: &mut Errors) -> Option<Vec<TokenTree>> {
        let message = format!("`{}` needs a value: write {usage}", self.key);
        match self.given {
            Given::Value { value, .. } if !value.is_empty() => return Some(value),
            Given::Value { equals, .. } => errors.at(equals, message),
            Given::Nothing => errors.at(self.key, message),
            Given::List(list) => errors.at(list, message),
            Given::Unexpected(token) => errors.at(token, message),
        }
        None
    }

    fn expression(self, usage: &str, errors: &mut Errors) -> Option<TokenStream> {
        self.value(usage, errors).map(TokenStream::from_iter)
    }

    fn duration(self, usage: &str, errors: &mut Errors) -> Option<TokenStream> {
        let value = self.value(usage, errors)?;
        if let [TokenTree::Literal(number)] = &value[..] {
            let message =
                format!("a time limit must be a `Duration`: write `std::time::Duration::from_secs({number})`");
            errors.at(number, message);
            return None;
        }
        Some(TokenStream::from_iter(value))
    }

    fn label(self, usage: &str, errors: &mut Errors) -> Option<LitStr> {
        let value = self.expression(usage, errors)?;
        match syn::parse2::<LitStr>(value.clone()) {
            Ok(label) if !label.value().trim().is_empty() => return Some(label),
            Ok(label) => errors.at(label, format!("a name cannot be empty: write {usage}")),
            Err(_) => errors.at(value, format!("a name must be a string literal: write {usage}")),
        }
        None
    }

    fn path(self, usage: &str, errors: &mut Errors) -> Option<TokenStream> {
        let message = format!("`{}` takes a path: write {usage}", self.key);
        path(self.value(usage, errors)?, &message, errors)
    }

    /// One path, or several in brackets.
    fn paths(self, usage: &str, errors: &mut Errors) -> Vec<TokenStream> {
        let message = format!("`{}` takes a path: write {usage}", self.key);
        let Some(value) = self.value(usage, errors) else { return Vec::new() };
        match &without_invisible_groups(value.iter().cloned().collect())[..] {
            [TokenTree::Group(list)] if list.delimiter() == Delimiter::Bracket => {
                let elements = scanner::expressions(list.stream());
                if elements.is_empty() {
                    errors.at(list, &message);
                }
                let paths = elements.into_iter().filter_map(|element| {
                    if element.tokens.is_empty() {
                        errors.at(element.comma, "unexpected `,`: remove it");
                        return None;
                    }
                    path(element.tokens, &message, errors)
                });
                paths.collect()
            }
            _ => path(value, &message, errors).into_iter().collect(),
        }
    }

    fn arguments(self, usage: &str, errors: &mut Errors) -> Arguments {
        let keyword = self.key.clone();
        let Given::List(list) = self.given else {
            let text = self.text.split_once('=').map_or("", |(_, value)| value.trim()).to_owned();
            let value = self.expression(usage, errors);
            return value.map_or(Arguments::Wrong, |value| Arguments::Value { keyword, value, text });
        };
        let expected = "expected `name = value`; to give the values in order, write `args = (value, value)`";
        let mut values: Vec<(Ident, TokenStream)> = Vec::new();
        let mut wrong = false;
        for element in scanner::expressions(list.stream()) {
            let parsed = Self::parse(&element, expected, errors).and_then(|setting| {
                let name = setting.key.clone();
                if matches!(setting.given, Given::Nothing | Given::List(_)) {
                    errors.at(element, expected);
                    return None;
                }
                let value = setting.expression(&format!("`{name} = value`"), errors)?;
                Some((name, value))
            });
            match parsed {
                None => wrong = true,
                Some((name, _)) if values.iter().any(|(seen, _)| seen.unraw() == name.unraw()) => {
                    errors.at(&name, format!("`{name}` is given twice: keep one of them"));
                }
                Some(value) => values.push(value),
            }
        }
        if wrong { Arguments::Wrong } else { Arguments::Named { keyword, list, values } }
    }
}

/// Whether this is `=`, and not the start of a longer operator.
fn is_equals(token: &TokenTree, rest: &[TokenTree]) -> bool {
    let longer = matches!(rest, [TokenTree::Punct(next), ..] if matches!(next.as_char(), '=' | '>'));
    matches!(token, TokenTree::Punct(equals)
        if equals.as_char() == '=' && !(longer && equals.spacing() == Spacing::Joint))
}

/// Words separated by `::`, with an optional leading `::`.
fn path(tokens: Vec<TokenTree>, message: &str, errors: &mut Errors) -> Option<TokenStream> {
    let all: TokenStream = tokens.into_iter().collect();
    let tokens = without_invisible_groups(all.clone());
    let mut rest = &tokens[..];
    let mut word_due = true;
    loop {
        rest = match rest {
            [] if !word_due => return Some(all),
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
                errors.at(rest.first().or(tokens.last()), message);
                return None;
            }
        }
    }
}

fn is_segment(word: &Ident) -> bool {
    word == "crate"
        || word == "self"
        || word == "super"
        || syn::parse2::<Ident>(TokenTree::from(word.clone()).into()).is_ok()
}
