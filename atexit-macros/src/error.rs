//! Owns the complaints about one attribute and their way to the compiler; must not know what is right or wrong.

use std::fmt::Display;

use proc_macro2::TokenStream;
use quote::ToTokens;

/// Everything that one attribute has to complain about, so that one compile shows it all.
#[derive(Default)]
pub(crate) struct Errors {
    found: Option<syn::Error>,
    said_elsewhere: bool,
}

impl Errors {
    /// Complains at these tokens, which should be the fewest that are wrong.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    /// Takes over what another collection holds.
    pub(crate) fn append(&mut self, other: Self) {
        other.found.into_iter().for_each(|error| self.push(error));
    }

    /// Knows what another collection holds, but leaves it to another attribute to say so.
    pub(crate) fn append_silently(&mut self, other: &Self) {
        self.said_elsewhere |= other.found.is_some();
    }

    /// One `compile_error!` each, or `None` if nothing is wrong.
    pub(crate) fn into_tokens(self) -> Option<TokenStream> {
        match self.found {
            Some(error) => Some(error.into_compile_error()),
            None => self.said_elsewhere.then(TokenStream::new),
        }
    }

    /// Takes over what a parser says.
    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.found {
            Some(found) => found.combine(error),
            None => self.found = Some(error),
        }
    }
}

/// `did you mean …`, if one of the known words is near enough to be what was meant.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let (distance, nearest) = known.into_iter().map(|known| (distance(word, known), known)).min()?;
    (distance * 2 <= word.chars().count()).then(|| format!("did you mean `{nearest}`?"))
}

/// How many letters to insert, delete or replace (Levenshtein).
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
    fn the_nearest_word_is_suggested_and_a_far_one_is_not() {
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
