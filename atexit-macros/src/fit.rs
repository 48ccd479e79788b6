//! Owns matching the options of an attribute to its function; must not know how either was written.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;

use crate::args::{Args, Arguments};
use crate::error::{Errors, did_you_mean};
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
            errors.at(keyword, format!("`{}` takes no parameters: remove `args`", function.name));
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
    format!("args = ({})", vec!["value"; count].join(", "))
}

/// A tuple expression is split here, so that a type error is shown at the element.
fn several(value: &TokenStream, text: &str, count: usize, function: &Function, errors: &mut Errors) -> Call {
    let Some(tuple) = tuple(value) else {
        if is_no_tuple(value) {
            errors.at(value, format!("`{}` takes {count} parameters: write `{}`", function.name, a_tuple_of(count)));
        }
        return Call { text: text.to_owned(), values: Values::Tuple(value.clone(), count) };
    };
    let elements = scanner::expressions(tuple.stream());
    if elements.len() != count {
        let given = elements.len();
        let name = &function.name;
        let values = if given == 1 { "value" } else { "values" };
        errors.at(&tuple, format!("`{name}` takes {count} parameters, but this tuple has {given} {values}"));
    }
    for element in &elements {
        if element.tokens.is_empty() {
            errors.at(&element.comma, "unexpected `,`: remove it");
        }
    }
    let values = elements.iter().map(ToTokens::to_token_stream).collect();
    Call { text: inside(&tuple), values: Values::Each(values) }
}

/// The text that a label shows in its parentheses.
fn inside(list: &Group) -> String {
    list.stream().to_string().trim_end_matches([',', ' ', '\n']).to_owned()
}

/// Returns the parentheses of a tuple, if the value is nothing else, even inside redundant parentheses.
fn tuple(value: &TokenStream) -> Option<Group> {
    let [TokenTree::Group(group)] = &without_invisible_groups(value.clone())[..] else { return None };
    if group.delimiter() != Delimiter::Parenthesis {
        return None;
    }
    match &scanner::expressions(group.stream())[..] {
        [only] if only.comma.is_none() => tuple(&only.to_token_stream()),
        _ => Some(group.clone()),
    }
}

/// Whether this is visible without types: a literal, possibly with a sign, an array, or one of these in parentheses.
fn is_no_tuple(value: &TokenStream) -> bool {
    match &without_invisible_groups(value.clone())[..] {
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
            Some(name) => names.push(name.unraw()),
            None => errors.at(&parameter.pattern, "to use `args(name = value)`, give this parameter a name"),
        }
    }
    if names.len() < function.parameters.len() {
        return Call::default();
    }

    let unknown: Vec<_> = values.iter().map(|(name, _)| name).filter(|name| !names.contains(&name.unraw())).collect();
    for name in &unknown {
        errors.at(name, no_such_parameter(&name.unraw(), &names, function));
    }
    let value = |known: &Ident| values.iter().find(|(name, _)| name.unraw() == *known);
    let missing: Vec<_> =
        names.iter().filter(|name| value(name).is_none()).map(|name| format!("`{name} = value`")).collect();
    // A missing name may be a misspelled one.
    if unknown.is_empty() && !missing.is_empty() {
        errors.at(list, format!("`{}` has more parameters: add {}", function.name, missing.join(", ")));
    }
    let values = names.iter().filter_map(value).map(|(_, value)| value.clone()).collect();
    Call { text: inside(list), values: Values::Each(values) }
}

fn no_such_parameter(name: &Ident, names: &[Ident], function: &Function) -> String {
    let names: Vec<_> = names.iter().map(Ident::to_string).collect();
    let hint = did_you_mean(&name.to_string(), names.iter().map(String::as_str))
        .unwrap_or_else(|| format!("its parameters are `{}`", names.join("`, `")));
    format!("`{}` has no parameter `{name}`: {hint}", function.name)
}
