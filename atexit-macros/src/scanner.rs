//! Owns splitting a list at the commas that separate its elements; must not know what the elements are for.
//!
//! The usual answer is `syn::Expr`, but a parser for all of Rust's expressions is most of what a procedural macro
//! costs to build. All that matters here is where an expression ends. A comma ends it, except
//!
//! - inside a group, which is a single token;
//! - between the parameters of a closure: `|a, b| a + b`;
//! - between the arguments of a type: `parse::<Map<K, V>>(text)`, `<Map<K, V> as Trait>::new()`, `x as Map<K, V>`.
//!
//! `|` and `<` mean one thing before an operand and another after it, so the scan tracks whether an operand is due.
//! It leaves invalid expressions to the compiler, which sees the same tokens.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::ToTokens;

/// The tokens between two commas, and the comma after them, which the last element may lack.
pub(crate) struct Element {
    pub(crate) tokens: Vec<TokenTree>,
    pub(crate) comma: Option<TokenTree>,
    /// With the user's spacing: `a::b(-1)`, while the tokens alone would give `a :: b(- 1)`.
    pub(crate) text: String,
}

impl ToTokens for Element {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(self.tokens.iter().cloned());
    }
}

/// Splits a list of expressions. `NAME = EXPR` is one, too: an assignment.
pub(crate) fn expressions(list: TokenStream) -> Vec<Element> {
    if list.is_empty() {
        return Vec::new();
    }
    let text = list.to_string();
    split(&without_invisible_groups(list), &text, Scanner::expression)
}

/// Splits a list of function parameters.
pub(crate) fn parameters(list: TokenStream) -> Vec<Element> {
    if list.is_empty() {
        return Vec::new();
    }
    let text = list.to_string();
    split(&without_invisible_groups(list), &text, Scanner::parameter)
}

fn split<'a>(tokens: &'a [TokenTree], text: &str, skip: fn(&mut Scanner<'a>)) -> Vec<Element> {
    let mut scanner = Scanner::new(tokens);
    let mut text = Some(text);
    let mut elements = Vec::new();
    while scanner.peek().is_some() {
        let start = scanner.position;
        skip(&mut scanner);
        let end = scanner.position.min(tokens.len());
        scanner.position += 1;

        let (element, comma) = (&tokens[start..end], tokens.get(end));
        let rest = text.and_then(|text| element.iter().try_fold(text, after));
        let written = match (text, rest) {
            (Some(text), Some(rest)) => text[..text.len() - rest.len()].trim().to_owned(),
            _ => element.iter().cloned().collect::<TokenStream>().to_string(),
        };
        text = rest.and_then(|rest| comma.into_iter().try_fold(rest, after));
        elements.push(Element { tokens: element.to_vec(), comma: comma.cloned(), text: written });
    }
    elements
}

/// Returns the text after the token that it begins with.
///
/// The compiler knows the spacing of tokens only while their list is in one piece. So this takes the text of the whole
/// list, and finds the elements in it.
fn after<'t>(text: &'t str, token: &TokenTree) -> Option<&'t str> {
    let text = text.trim_start();
    let TokenTree::Group(group) = token else { return text.strip_prefix(&token.to_string()) };
    let (open, close) = match group.delimiter() {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => ("", ""),
    };
    let end = group.stream().into_iter().try_fold(text.strip_prefix(open)?, |text, token| after(text, &token))?;
    end.trim_start().strip_prefix(close)
}

/// Removes invisible groups around everything: a lone `macro_rules!` variable arrives in one, as in `#[at_exit($options)]`.
///
/// Groups next to other tokens stay: they hold an operand together.
pub(crate) fn without_invisible_groups(tokens: TokenStream) -> Vec<TokenTree> {
    let tokens: Vec<_> = tokens.into_iter().collect();
    match &tokens[..] {
        [TokenTree::Group(group)] if group.delimiter() == Delimiter::None => without_invisible_groups(group.stream()),
        _ => tokens,
    }
}

/// Steps over the parts of Rust's grammar that may have a comma in them.
pub(crate) struct Scanner<'a> {
    tokens: &'a [TokenTree],
    pub(crate) position: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(tokens: &'a [TokenTree]) -> Self {
        Self { tokens, position: 0 }
    }

    fn peek(&self) -> Option<&'a TokenTree> {
        self.tokens.get(self.position)
    }

    /// Whether this punctuation comes next, and not the start of a longer one.
    fn is(&self, punctuation: &str) -> bool {
        let rest = self.tokens.get(self.position..).unwrap_or_default();
        let last = punctuation.len() - 1;
        punctuation.chars().enumerate().all(|(i, char)| {
            matches!(rest.get(i), Some(TokenTree::Punct(p))
                if p.as_char() == char && (i == last || p.spacing() == Spacing::Joint))
        })
    }

    fn is_group(&self, delimiter: Delimiter) -> bool {
        matches!(self.peek(), Some(TokenTree::Group(group)) if group.delimiter() == delimiter)
    }

    /// Steps over the punctuation if it comes next.
    fn take(&mut self, punctuation: &str) -> bool {
        let found = self.is(punctuation);
        if found {
            self.position += punctuation.len();
        }
        found
    }

    /// Steps to the comma that ends the parameter. Outside groups, `<` only encloses type arguments there.
    fn parameter(&mut self) {
        while self.peek().is_some() && !self.is(",") {
            if self.is("<") {
                self.angles();
            } else {
                self.position += 1;
            }
        }
    }

    /// Steps to the comma that ends the expression.
    fn expression(&mut self) {
        let mut operand_due = true;
        while let Some(token) = self.peek() {
            match token {
                TokenTree::Group(_) | TokenTree::Literal(_) => {
                    self.position += 1;
                    operand_due = false;
                }
                TokenTree::Ident(ident) => {
                    self.position += 1;
                    operand_due = self.after_word(&ident.to_string());
                }
                TokenTree::Punct(_) if self.is(",") => return,
                TokenTree::Punct(_) => operand_due = self.punctuation(operand_due),
            }
        }
    }

    /// After a word of an expression: whether an operand is due.
    fn after_word(&mut self, word: &str) -> bool {
        match word {
            "as" => {
                self.type_();
                false
            }
            // `for<'a> |x: &'a str| …`
            "for" => {
                self.angles();
                true
            }
            // `if let | A | B = x`
            "let" => {
                self.take("|");
                true
            }
            "async" | "become" | "break" | "const" | "do" | "else" | "if" | "in" | "loop" | "match" | "move"
            | "mut" | "return" | "try" | "unsafe" | "while" | "yield" => true,
            _ => false,
        }
    }

    /// Steps over punctuation in an expression: whether an operand is due after it.
    fn punctuation(&mut self, operand_due: bool) -> bool {
        if self.take("::") {
            // `::<` always opens type arguments, after a path or a method.
            self.angles();
            return false;
        }
        if self.is("'") {
            // A label: `'outer: loop { … }`, `break 'outer value`.
            self.position += 2;
            return operand_due;
        }
        if operand_due && self.is("<") {
            self.angles();
            return false;
        }
        if operand_due && self.take("|") {
            self.closure();
            return true;
        }
        if operand_due && self.take("#") {
            self.position += 1;
            return true;
        }
        if self.take("?") {
            return false;
        }
        // An operator. The second half of these two could be mistaken for something else.
        if !self.take("||") && !self.take("<<") {
            self.position += 1;
        }
        true
    }

    /// Steps from the first `|` of a closure to its body.
    fn closure(&mut self) {
        while self.peek().is_some() && !self.take("|") {
            if self.is("<") {
                self.angles();
            } else {
                self.position += 1;
            }
        }
        if self.take("->") {
            self.type_();
        }
    }

    /// Steps over `<…>`, if it comes next.
    pub(crate) fn angles(&mut self) {
        let mut depth = 0_u32;
        while self.peek().is_some() && (depth > 0 || self.is("<")) {
            if self.take("->") {
                continue;
            }
            if self.take("<") {
                depth += 1;
            } else if self.take(">") {
                depth -= 1;
                if depth == 0 {
                    return;
                }
            } else {
                self.position += 1;
            }
        }
    }

    /// Steps over a type, to the operator after it.
    fn type_(&mut self) {
        while let Some(token) = self.peek() {
            match token {
                TokenTree::Group(_) => {
                    self.position += 1;
                    // The return type of `fn(…)` and `Fn(…)`.
                    if !self.take("->") {
                        return;
                    }
                }
                // The ABI of `extern "C" fn()`.
                TokenTree::Literal(_) => self.position += 1,
                TokenTree::Ident(ident) => {
                    self.position += 1;
                    match &*ident.to_string() {
                        "const" | "dyn" | "extern" | "fn" | "impl" | "mut" | "unsafe" => {}
                        "for" => self.angles(),
                        "_" => return,
                        _ if self.after_segment() => return,
                        _ => {}
                    }
                }
                TokenTree::Punct(_) if self.is("'") => self.position += 2,
                TokenTree::Punct(_) if self.take("&") || self.take("*") || self.take("::") => {}
                TokenTree::Punct(_) if self.is("<") => {
                    self.angles();
                    if !self.is("::") {
                        return;
                    }
                }
                TokenTree::Punct(_) => {
                    self.take("!");
                    return;
                }
            }
        }
    }

    /// After a segment of a type's path: whether the type ends here.
    fn after_segment(&mut self) -> bool {
        if self.take("!") {
            // A macro; its group comes next.
            return false;
        }
        if self.is("<") {
            self.angles();
        }
        !(self.is("::") || self.is_group(Delimiter::Parenthesis))
    }
}

#[cfg(test)]
#[path = "scanner/tests.rs"]
mod tests;
