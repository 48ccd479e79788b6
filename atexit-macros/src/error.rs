//! Owns the errors of one attribute and how they reach the compiler; must not know what is right or wrong.

use std::fmt::Display;

use proc_macro2::TokenStream;
use quote::ToTokens;

/// All errors of one attribute, so that a single compile shows them all.
#[derive(Default)]
pub(crate) struct Errors {
    found: Option<syn::Error>,
    said_elsewhere: bool,
}

impl Errors {
    /// Reports an error at these tokens, which should be the fewest that are wrong.
    pub(crate) fn at(&mut self, tokens: &dyn ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, &message as &dyn Display));
    }

    /// Adds the errors of another collection.
    pub(crate) fn append(&mut self, other: Self) {
        if let Some(error) = other.found {
            self.push(error);
        }
    }

    /// Notes that there are errors, but leaves it to another attribute to report them.
    pub(crate) fn append_silently(&mut self, other: &Self) {
        self.said_elsewhere |= !other.is_empty();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_none() && !self.said_elsewhere
    }

    /// Makes a `compile_error!` of each error.
    pub(crate) fn into_tokens(self) -> TokenStream {
        match self.found {
            Some(error) => error.into_compile_error(),
            None => TokenStream::new(),
        }
    }

    /// Adds an error.
    fn push(&mut self, error: syn::Error) {
        match &mut self.found {
            Some(found) => found.combine(error),
            None => self.found = Some(error),
        }
    }
}

/// Returns the known word that is meant, or all of them behind the introduction.
pub(crate) fn hint(word: &str, known: &[&str], introduction: &str) -> String {
    did_you_mean(word, known).unwrap_or_else(|| format!("{introduction} `{}`", join(known, "`, `")))
}

/// Returns `did you mean …`, if a known word is close enough.
fn did_you_mean(word: &str, known: &[&str]) -> Option<String> {
    let mut nearest = (usize::MAX, "");
    for known in known {
        nearest = nearest.min((distance(word, known), known));
    }
    let (distance, nearest) = nearest;
    (distance <= word.chars().count() / 2).then(|| format!("did you mean `{nearest}`?"))
}

/// Joins the words; std's `join` takes any type, and so is much more to compile.
pub(crate) fn join(words: &[&str], separator: &str) -> String {
    let mut joined = String::new();
    for word in words {
        if !joined.is_empty() {
            joined += separator;
        }
        joined += word;
    }
    joined
}

/// Counts the letters to insert, delete or replace (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let mut row = vec![0];
    for _ in to.chars() {
        row.push(row.len());
    }
    for from in from.chars() {
        let mut diagonal = row[0];
        row[0] += 1;
        for (j, to) in to.chars().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[row.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn a_close_word_is_suggested_and_a_distant_one_is_not() {
        let suggest = |word| did_you_mean(word, &["args", "first", "last", "time_limit"]);
        assert_eq!(suggest("arg").as_deref(), Some("did you mean `args`?"));
        assert_eq!(suggest("lats").as_deref(), Some("did you mean `last`?"));
        assert_eq!(suggest("fisrt").as_deref(), Some("did you mean `first`?"));
        assert_eq!(suggest("timelimit").as_deref(), Some("did you mean `time_limit`?"));
        assert_eq!(suggest("at"), None);
        assert_eq!(suggest("priority"), None);
        assert_eq!(did_you_mean("any", &[]), None);
    }
}
