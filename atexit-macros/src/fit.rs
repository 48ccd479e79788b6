//! Owns matching the options of an attribute to its function; must not know how either was written.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use syn::ext::IdentExt;

use crate::args::{Args, Arguments, value_of};
use crate::error::{self, Errors};
use crate::item::Function;
use crate::scanner::{self, without_invisible_groups};

/// The arguments that the handler calls the function with.
#[derive(Default)]
pub(crate) struct Call {
    /// As the user wrote it, for the label.
    pub(crate) text: String,
    pub(crate) values: Values,
}

pub(crate) enum Values {
    /// One expression for each parameter.
    Each(Vec<TokenStream>),
    /// One expression for all parameters, and their number.
    Tuple(TokenStream, usize),
}

impl Default for Values {
    fn default() -> Self {
        Self::Each(Vec::new())
    }
}

/// Matches the arguments to the parameters, and reports options that the function cannot have.
pub(crate) fn fit(args: &Args, function: &Function, errors: &mut Errors) -> Call {
    if let (Some(block_on), false) = (&args.block_on, function.is_async) {
        let message = "`block_on` needs an `async fn`: remove it, or make the function async";
        errors.at(&block_on.keyword, message);
    }
    match (&args.arguments, function.parameters.len()) {
        (Arguments::Wrong, _) | (Arguments::None, 0) => Call::default(),
        (Arguments::None, count) => {
            errors.at(&function.parameter_list, needs_arguments(function, count));
            Call::default()
        }
        (Arguments::Value { keyword, .. } | Arguments::Named { keyword, .. }, 0) => {
            errors.at(keyword, format_args!("`{}` takes no parameters: remove `args`", function.name));
            Call::default()
        }
        (Arguments::Value { value, text, .. }, 1) => {
            Call { text: text.clone(), values: Values::Each(vec![value.clone()]) }
        }
        (Arguments::Value { value, text, .. }, count) => several(value, text, count, function, errors),
        (Arguments::Named { list, values, .. }, _) => by_name(list, values, function, errors),
    }
}

fn needs_arguments(function: &Function, count: usize) -> String {
    let Function { name, .. } = function;
    if count == 1 {
        return format!("`{name}` takes a parameter: write `#[at_exit(args = value)]`");
    }
    format!("`{name}` takes {count} parameters: write `#[at_exit({})]`", a_tuple_of(count))
}

fn a_tuple_of(count: usize) -> String {
    let mut values = String::from("value");
    for _ in 1..count {
        values += ", value";
    }
    format!("args = ({values})")
}

/// A tuple expression is split here, so that a type error is shown at the element.
fn several(value: &TokenStream, text: &str, count: usize, function: &Function, errors: &mut Errors) -> Call {
    let Some(tuple) = tuple(value) else {
        if is_no_tuple(value) {
            errors
                .at(value, format_args!("`{}` takes {count} parameters: write `{}`", function.name, a_tuple_of(count)));
        }
        return Call { text: text.to_owned(), values: Values::Tuple(value.clone(), count) };
    };
    let elements = scanner::expressions(&tuple.stream());
    if elements.len() != count {
        let given = elements.len();
        let name = &function.name;
        let values = if given == 1 { "value" } else { "values" };
        errors.at(&tuple, format_args!("`{name}` takes {count} parameters, but this tuple has {given} {values}"));
    }
    let mut values = Vec::new();
    for element in &elements {
        if element.tokens.is_empty() {
            errors.at(&element.comma, "unexpected `,`: remove it");
        }
        values.push(element.tokens.clone());
    }
    Call { text: inside(&tuple), values: Values::Each(values) }
}

/// The text that a label shows in its parentheses.
fn inside(list: &Group) -> String {
    let mut text = list.stream().to_string();
    while let Some(b',' | b' ' | b'\n') = text.as_bytes().last() {
        text.pop();
    }
    text
}

/// Returns the parentheses of a tuple, if the value is nothing else, even inside redundant parentheses.
fn tuple(value: &TokenStream) -> Option<Group> {
    let [TokenTree::Group(group)] = &without_invisible_groups(value)[..] else { return None };
    if group.delimiter() != Delimiter::Parenthesis {
        return None;
    }
    match &scanner::expressions(&group.stream())[..] {
        [only] if only.comma.is_none() => tuple(&only.tokens),
        _ => Some(group.clone()),
    }
}

/// Whether this is visible without types: a literal, possibly with a sign, an array, or one of these in parentheses.
fn is_no_tuple(value: &TokenStream) -> bool {
    match &without_invisible_groups(value)[..] {
        [TokenTree::Literal(_)] => true,
        [TokenTree::Punct(sign), TokenTree::Literal(_)] => sign.as_char() == '-',
        [TokenTree::Ident(word)] => word == "true" || word == "false",
        [TokenTree::Group(group)] if group.delimiter() == Delimiter::Parenthesis => is_no_tuple(&group.stream()),
        [TokenTree::Group(group)] => group.delimiter() == Delimiter::Bracket,
        _ => false,
    }
}

fn by_name(list: &Group, values: &[(Ident, TokenStream)], function: &Function, errors: &mut Errors) -> Call {
    let mut names = Vec::new();
    for parameter in &function.parameters {
        match &parameter.name {
            Some(name) => names.push(&**name),
            None => errors.at(&parameter.pattern, "to use `args(name = value)`, give this parameter a name"),
        }
    }
    if names.len() < function.parameters.len() {
        return Call::default();
    }

    let mut has_unknown = false;
    for (given, _) in values {
        let name = given.unraw().to_string();
        if !names.contains(&&*name) {
            let hint = error::hint(&name, &names, "its parameters are");
            errors.at(given, format_args!("`{}` has no parameter `{name}`: {hint}", function.name));
            has_unknown = true;
        }
    }
    let mut in_order = Vec::new();
    let mut missing = Vec::new();
    for name in &names {
        match value_of(name, values) {
            Some(value) => in_order.push(value.clone()),
            None => missing.push(*name),
        }
    }
    // A missing name may be a misspelled one.
    if !has_unknown && !missing.is_empty() {
        let missing = error::join(&missing, " = value`, `");
        errors.at(list, format_args!("`{}` has more parameters: add `{missing} = value`", function.name));
    }
    Call { text: inside(list), values: Values::Each(in_order) }
}
