//! Owns `link!`: its grammar and what it expands to; must not know what a handler is.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::Token;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;

use crate::expand;

/// `acme_db`, or `acme_db as db`.
struct Linked {
    /// The crate's own name.
    name: Ident,
    /// Its name in the linking crate.
    here: Ident,
}

impl Parse for Linked {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let crate_name = |input: ParseStream| {
            let name = input.call(Ident::parse_any);
            let name = name.map_err(|error| syn::Error::new(error.span(), "expected the name of a crate"))?;
            match name.to_string().as_str() {
                "crate" | "self" | "super" | "Self" => Err(syn::Error::new(
                    name.span(),
                    "expected the name of another crate: the crate that calls `link!` always comes last",
                )),
                _ => Ok(name),
            }
        };
        let name = crate_name(input)?;
        let here = if input.parse::<Option<Token![as]>>()?.is_some() { crate_name(input)? } else { name.clone() };
        if !input.is_empty() && !input.peek(Token![,]) {
            return Err(input.error("expected `,`: `link!` takes crate names, such as `a, b, own_name as name_here`"));
        }
        Ok(Self { name, here })
    }
}

/// Expands the arguments of `link!`: the path of `atexit_core` in brackets, and the crates.
pub(crate) fn link(input: TokenStream) -> TokenStream {
    let parser = |input: ParseStream| {
        let library;
        syn::bracketed!(library in input);
        let library: TokenStream = library.parse()?;
        let crates = Punctuated::<Linked, Token![,]>::parse_terminated(input)?;
        if crates.is_empty() {
            return Err(syn::Error::new(
                Span::call_site(),
                "`link!` needs the name of a crate, as in `link!(telemetry, db)`",
            ));
        }
        Ok((library, crates))
    };
    match parser.parse2(input) {
        Ok((library, crates)) => expansion(&quote!(#library::__private), &crates),
        Err(error) => error.into_compile_error(),
    }
}

fn expansion(private: &TokenStream, crates: &Punctuated<Linked, Token![,]>) -> TokenStream {
    let site = expand::site("link!", "", Span::call_site());
    let names = crates.iter().map(|linked| linked.name.unraw().to_string());
    let here = crates.iter().map(|linked| linked.here.to_token_stream());
    quote! {
        const _: () = {
            #(extern crate #here as _;)*
            #private::submit! { Link LinkSite #site (&[#(#names),*]) }
        };
    }
}
