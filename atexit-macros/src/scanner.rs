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
    pub(crate) tokens: TokenStream,
    pub(crate) comma: Option<TokenTree>,
    /// With the user's spacing: `a::b(-1)`, while the tokens alone would give `a :: b(- 1)`.
    pub(crate) text: String,
}

/// Splits a list of expressions. `NAME = EXPR` is one, too: an assignment.
pub(crate) fn expressions(list: &TokenStream) -> Vec<Element> {
    split(list, false)
}

/// Splits a list of function parameters.
pub(crate) fn parameters(list: &TokenStream) -> Vec<Element> {
    split(list, true)
}

fn split(list: &TokenStream, are_parameters: bool) -> Vec<Element> {
    let mut elements = Vec::new();
    if list.is_empty() {
        return elements;
    }
    let text = list.to_string();
    let mut text = Some(&*text);
    let tokens = without_invisible_groups(list);
    let mut scanner = Scanner::new(&tokens);
    while scanner.peek().is_some() {
        let start = scanner.position;
        if are_parameters {
            scanner.parameter();
        } else {
            scanner.expression();
        }
        let end = scanner.position.min(tokens.len());
        scanner.position += 1;

        let (element, comma) = (&tokens[start..end], &tokens[end..scanner.position.min(tokens.len())]);
        let rest = after(text, element);
        let written = match (text, rest) {
            (Some(text), Some(rest)) => text[..text.len() - rest.len()].trim_ascii().to_owned(),
            _ => stream(element).to_string(),
        };
        text = after(rest, comma);
        elements.push(Element { tokens: stream(element), comma: comma.first().cloned(), text: written });
    }
    elements
}

/// Returns the text after the tokens that it begins with.
///
/// The compiler knows the spacing of tokens only while their list is in one piece. So this takes the text of the whole
/// list, and finds the elements in it.
pub(crate) fn after<'t>(text: Option<&'t str>, tokens: &[TokenTree]) -> Option<&'t str> {
    let mut text = text?;
    for token in tokens {
        text = text.trim_ascii_start();
        let TokenTree::Group(group) = token else {
            text = text.strip_prefix(&*token.to_string())?;
            continue;
        };
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::None => ("", ""),
        };
        let end = after(text.strip_prefix(open), &vec(&group.stream()))?;
        text = end.trim_ascii_start().strip_prefix(close)?;
    }
    Some(text)
}

/// Makes a vector of these tokens.
pub(crate) fn vec(tokens: &TokenStream) -> Vec<TokenTree> {
    let mut vec = Vec::new();
    for token in tokens.clone() {
        vec.push(token);
    }
    vec
}

/// Makes a stream of these tokens.
pub(crate) fn stream(tokens: &[TokenTree]) -> TokenStream {
    let mut stream = TokenStream::new();
    for token in tokens {
        token.to_tokens(&mut stream);
    }
    stream
}

/// Removes invisible groups around everything: a lone `macro_rules!` variable arrives in one, as in `#[at_exit($options)]`.
///
/// Groups next to other tokens stay: they hold an operand together.
pub(crate) fn without_invisible_groups(tokens: &TokenStream) -> Vec<TokenTree> {
    let tokens = vec(tokens);
    match &tokens[..] {
        [TokenTree::Group(group)] if group.delimiter() == Delimiter::None => without_invisible_groups(&group.stream()),
        _ => tokens,
    }
}

/// Removes all invisible groups outside visible ones, as around `$vis` and `$body:block` of a `macro_rules!`.
pub(crate) fn flatten(tokens: &TokenStream) -> Vec<TokenTree> {
    let mut flat = Vec::new();
    push_flat(tokens, &mut flat);
    flat
}

fn push_flat(tokens: &TokenStream, flat: &mut Vec<TokenTree>) {
    for token in tokens.clone() {
        match &token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => push_flat(&group.stream(), flat),
            _ => flat.push(token),
        }
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
        let last = punctuation.len() - 1;
        for (i, char) in punctuation.chars().enumerate() {
            match self.tokens.get(self.position + i) {
                Some(TokenTree::Punct(p)) if p.as_char() == char && (i == last || p.spacing() == Spacing::Joint) => {}
                _ => return false,
            }
        }
        true
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
