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
    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    /// Adds the errors of another collection.
    pub(crate) fn append(&mut self, other: Self) {
        other.found.into_iter().for_each(|error| self.push(error));
    }

    /// Notes that there are errors, but leaves it to another attribute to report them.
    pub(crate) fn append_silently(&mut self, other: &Self) {
        self.said_elsewhere |= other.found.is_some();
    }

    /// Makes a `compile_error!` of each error, or returns `None` if nothing is wrong.
    pub(crate) fn into_tokens(self) -> Option<TokenStream> {
        match self.found {
            Some(error) => Some(error.into_compile_error()),
            None => self.said_elsewhere.then(TokenStream::new),
        }
    }

    /// Adds an error.
    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.found {
            Some(found) => found.combine(error),
            None => self.found = Some(error),
        }
    }
}

/// Returns `did you mean …`, if a known word is close enough.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let (distance, nearest) = known.into_iter().map(|known| (distance(word, known), known)).min()?;
    (distance * 2 <= word.chars().count()).then(|| format!("did you mean `{nearest}`?"))
}

/// Counts the letters to insert, delete or replace (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<_> = (0..=to.chars().count()).collect();
    for (i, from) in from.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, to) in to.chars().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.chars().count()]
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn a_close_word_is_suggested_and_a_distant_one_is_not() {
        let suggest = |word| did_you_mean(word, ["args", "first", "last", "time_limit"]);
        assert_eq!(suggest("arg").as_deref(), Some("did you mean `args`?"));
        assert_eq!(suggest("lats").as_deref(), Some("did you mean `last`?"));
        assert_eq!(suggest("fisrt").as_deref(), Some("did you mean `first`?"));
        assert_eq!(suggest("timelimit").as_deref(), Some("did you mean `time_limit`?"));
        assert_eq!(suggest("at"), None);
        assert_eq!(suggest("priority"), None);
        assert_eq!(did_you_mean("any", []), None);
    }
}
