//! Owns `link!`: its grammar and what it expands to; must not know what a handler is.

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;

use crate::expand;
use crate::scanner::flatten;

/// Expands the arguments of `link!`: the path of `atexit_core` in brackets, and the crates.
pub(crate) fn link(input: &TokenStream) -> TokenStream {
    expansion(&flatten(input)).unwrap_or_else(syn::Error::into_compile_error)
}

fn expansion(input: &[TokenTree]) -> syn::Result<TokenStream> {
    let (library, mut crates) = match input {
        [TokenTree::Group(library), crates @ ..] if library.delimiter() == Delimiter::Bracket => (library, crates),
        _ => return Err(error(input, "expected the path of `atexit_core` in brackets")),
    };
    if crates.is_empty() {
        return Err(error(crates, "`link!` needs the name of a crate, as in `link!(telemetry, db)`"));
    }
    let mut names = TokenStream::new();
    let mut items = TokenStream::new();
    // `acme_db`, or `acme_db as db` if that is its name in the linking crate.
    while !crates.is_empty() {
        let name = crate_name(&mut crates)?;
        let mut here = name;
        if let [TokenTree::Ident(word), rest @ ..] = crates {
            if word == "as" {
                crates = rest;
                here = crate_name(&mut crates)?;
            }
        }
        match crates {
            [] => {}
            [TokenTree::Punct(comma), rest @ ..] if comma.as_char() == ',' => crates = rest,
            _ => {
                let message = "expected `,`: `link!` takes crate names, such as `a, b, own_name as name_here`";
                return Err(error(crates, message));
            }
        }
        let name = name.unraw().to_string();
        quote!(#name,).to_tokens(&mut names);
        quote!(extern crate #here as _;).to_tokens(&mut items);
    }
    let library = library.stream();
    let site = expand::site("link!", "", Span::call_site());
    quote!(#library::__private::submit! { Link LinkSite #site (&[#names]) }).to_tokens(&mut items);
    Ok(quote!(const _: () = { #items };))
}

/// Takes the name of another crate from the start of the tokens.
fn crate_name<'a>(tokens: &mut &'a [TokenTree]) -> syn::Result<&'a Ident> {
    let [TokenTree::Ident(name), rest @ ..] = *tokens else {
        return Err(error(tokens, "expected the name of a crate"));
    };
    if matches!(&*name.to_string(), "crate" | "self" | "super" | "Self") {
        return Err(error(
            tokens,
            "expected the name of another crate: the crate that calls `link!` always comes last",
        ));
    }
    *tokens = rest;
    Ok(name)
}

/// An error at the first token, or after the last.
fn error(tokens: &[TokenTree], message: &str) -> syn::Error {
    let span = match tokens.first() {
        Some(TokenTree::Group(group)) => group.span_open(),
        Some(token) => token.span(),
        None => Span::call_site(),
    };
    syn::Error::new(span, message)
}
