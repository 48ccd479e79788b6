//! Owns which functions can be handlers, and what the expansion needs to know about them; must not know the options.
//!
//! It reads only the signature. The body stays as it is, so half-typed code keeps its own errors.

use proc_macro2::{Delimiter, Ident, Spacing, TokenStream, TokenTree};
use quote::quote;
use syn::ext::IdentExt;

use crate::error::Errors;
use crate::scanner::{self, Scanner, flatten, stream, vec, without_invisible_groups};

/// What the expansion needs to know about the annotated function.
pub(crate) struct Function {
    pub(crate) name: Ident,
    pub(crate) is_async: bool,
    /// With its parentheses.
    pub(crate) parameter_list: TokenTree,
    pub(crate) parameters: Vec<Parameter>,
    /// The type after `->`, or nothing.
    pub(crate) output: TokenStream,
    /// The lints to allow around code that names the function or contains its arguments.
    pub(crate) allowed: Vec<TokenStream>,
}

impl Function {
    pub(crate) fn never_returns(&self) -> bool {
        self.output.to_string() == "!"
    }

    /// Whether it returns std's `Infallible`, judging by the name. Newer compilers treat that as `!`.
    pub(crate) fn is_infallible(&self) -> bool {
        matches!(vec(&self.output).last(), Some(TokenTree::Ident(name)) if name == "Infallible")
    }
}

/// A parameter, which has no name if its pattern destructures the value.
pub(crate) struct Parameter {
    pub(crate) pattern: TokenStream,
    /// Without `r#`.
    pub(crate) name: Option<String>,
}

/// Reads the annotated item, and reports everything that prevents it from being a handler.
pub(crate) fn parse(item: &TokenStream, errors: &mut Errors) -> Option<Function> {
    let tokens = flatten(item);
    let mut found = Errors::default();
    let mut attributes = Attributes::default();
    let mut function = signature(attributes.skip(&tokens), &mut found);
    // Of several `#[at_exit]`, the topmost expands first and sees the others. Only the lowest reports what is wrong with
    // the item.
    if attributes.at_exit {
        errors.append_silently(&found);
    } else {
        errors.append(found);
    }
    if let Some(function) = &mut function {
        function.allowed = attributes.allowed;
    }
    function
}

/// The other attributes, as far as they matter here.
#[derive(Default)]
struct Attributes {
    at_exit: bool,
    allowed: Vec<TokenStream>,
}

impl Attributes {
    /// Returns the tokens after the attributes.
    fn skip<'a>(&mut self, mut tokens: &'a [TokenTree]) -> &'a [TokenTree] {
        while let [TokenTree::Punct(hash), TokenTree::Group(attribute), rest @ ..] = tokens {
            if hash.as_char() != '#' {
                break;
            }
            self.read(&attribute.stream());
            tokens = rest;
        }
        tokens
    }

    fn read(&mut self, attribute: &TokenStream) {
        let mut name = String::new();
        for token in flatten(attribute) {
            match token {
                TokenTree::Ident(word) => name = word.to_string(),
                TokenTree::Punct(punct) if punct.as_char() == ':' => {}
                // The arguments may do whatever the function may: they belong to it, and no other attribute covers them.
                TokenTree::Group(lints) if name == "allow" || name == "expect" => self.allowed.push(lints.stream()),
                _ => break,
            }
        }
        match &*name {
            "at_exit" => self.at_exit = true,
            "deprecated" => self.allowed.push(quote!(deprecated)),
            _ => {}
        }
    }
}

/// Reads the item, starting at its visibility.
fn signature(tokens: &[TokenTree], errors: &mut Errors) -> Option<Function> {
    let tokens = match tokens {
        [public, TokenTree::Group(_), rest @ ..] | [public, rest @ ..] if is_word(public, "pub") => rest,
        _ => tokens,
    };
    let mut rest = tokens;
    while let [qualifier, after @ ..] = rest {
        if !is_qualifier(qualifier) {
            break;
        }
        rest = after;
    }
    let qualifiers = &tokens[..tokens.len() - rest.len()];
    let (name, rest) = match rest {
        [keyword, TokenTree::Ident(name), rest @ ..] if is_word(keyword, "fn") => (name, rest),
        _ => {
            errors.at(&tokens.first(), "`#[at_exit]` goes on a function, such as `fn cleanup() { ... }`");
            return None;
        }
    };
    if let Some(at) = position(qualifiers, "unsafe") {
        errors.at(&qualifiers[at], "a handler cannot be unsafe: write a safe function that calls this one");
    }
    let is_async = position(qualifiers, "async").is_some();
    after_name(name.clone(), is_async, rest, errors)
}

/// Whether it may precede `fn`, as in `const unsafe extern "C" fn` and `unsafe extern { safe fn f(); }`.
fn is_qualifier(token: &TokenTree) -> bool {
    match token {
        TokenTree::Ident(word) => matches!(&*word.to_string(), "const" | "async" | "safe" | "unsafe" | "extern"),
        TokenTree::Literal(_) => true,
        _ => false,
    }
}

fn after_name(name: Ident, is_async: bool, tokens: &[TokenTree], errors: &mut Errors) -> Option<Function> {
    let mut scanner = Scanner::new(tokens);
    scanner.angles();
    let (generics, tokens) = tokens.split_at(scanner.position);
    if generics.len() > 2 {
        errors.at(
            &stream(generics),
            "a handler cannot be generic: use concrete types, and omit lifetimes or make them `'static`",
        );
    }

    let (parameter_list, tokens) = tokens.split_first()?;
    let TokenTree::Group(list) = parameter_list else { return None };
    let mut parameters = Vec::new();
    for element in &scanner::parameters(&list.stream()) {
        if let Some(parameter) = parameter(&element.tokens, errors) {
            parameters.push(parameter);
        }
    }

    let (end, mut tokens) = tokens.split_last()?;
    if !matches!(end, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace) {
        errors.at(end, "a handler needs a body: write `{ ... }` instead of this `;`");
    }
    if let Some(at) = position(tokens, "where") {
        errors.at(&tokens[at], "a handler cannot have a `where` clause, since it cannot be generic: remove it");
        tokens = &tokens[..at];
    }
    let output = match tokens {
        [_dash, _angle, output @ ..] => stream(output),
        _ => TokenStream::new(),
    };
    Some(Function { name, is_async, parameter_list: parameter_list.clone(), parameters, output, allowed: Vec::new() })
}

/// Returns nothing for an invalid parameter that cannot take an argument.
fn parameter(tokens: &TokenStream, errors: &mut Errors) -> Option<Parameter> {
    let mut tokens = &without_invisible_groups(tokens)[..];
    while let [TokenTree::Punct(hash), _attribute, rest @ ..] = tokens {
        if hash.as_char() != '#' {
            break;
        }
        tokens = rest;
    }
    if let [.., TokenTree::Punct(a), TokenTree::Punct(b), TokenTree::Punct(c)] = tokens {
        if [a.as_char(), b.as_char(), c.as_char()] == ['.'; 3] {
            errors.at(&quote!(#a #b #c), "a handler cannot be variadic: list its parameters");
            return None;
        }
    }
    let mut colon = 0;
    while let Some(token) = tokens.get(colon) {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == ':' && punct.spacing() == Spacing::Alone => break,
            TokenTree::Punct(punct) if punct.as_char() == ':' => colon += 2, // `::` of a path
            _ => colon += 1,
        }
    }
    let (pattern, type_) = tokens.split_at(colon.min(tokens.len()));
    if let Some(at) = position(pattern, "self") {
        errors.at(&pattern[at], "a handler cannot take `self`: write a function outside any `impl` or `trait`");
        return None;
    }
    if let Some(keyword) = find_impl(&stream(type_)) {
        errors.at(&keyword, "a handler cannot be generic, and `impl` makes it so: use a concrete type");
    }
    let pattern = without_invisible_groups(&stream(pattern));
    Some(Parameter { name: parameter_name(&pattern), pattern: stream(&pattern) })
}

/// Returns the name in `name`, `mut name`, `ref name` and `name @ pattern`.
fn parameter_name(pattern: &[TokenTree]) -> Option<String> {
    match pattern {
        [word, rest @ ..] if is_word(word, "mut") || is_word(word, "ref") => parameter_name(rest),
        [TokenTree::Ident(name)] if name != "_" => Some(name.unraw().to_string()),
        [TokenTree::Ident(name), TokenTree::Punct(at), ..] if at.as_char() == '@' => Some(name.unraw().to_string()),
        _ => None,
    }
}

fn find_impl(type_: &TokenStream) -> Option<TokenTree> {
    for token in type_.clone() {
        let found = match &token {
            TokenTree::Group(group) => find_impl(&group.stream()),
            _ => is_word(&token, "impl").then_some(token),
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

fn position(tokens: &[TokenTree], word: &str) -> Option<usize> {
    tokens.iter().position(|token| is_word(token, word))
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == word)
}
