//! Owns the code that an attribute becomes; must not know what is allowed, as it sees only what is.

use std::env;
use std::sync::atomic::{AtomicU32, Ordering};

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;

use crate::args::{Args, BlockOn};
use crate::call::{self, Call, Values};
use crate::error::Errors;
use crate::item::{self, Function};

/// The item as it was, and after it its declaration or what is wrong.
pub(crate) fn at_exit(args: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let args = Args::parse(args, &mut errors);
    let function = item::parse(item.clone(), &mut errors);
    let call = function.as_ref().map(|function| call::fit(&args, function, &mut errors));
    let addition = match (errors.into_tokens(), &function, &call) {
        (None, Some(function), Some(call)) => declaration(&args, function, call),
        (errors, ..) => errors.to_token_stream(),
    };
    quote!(#item #addition)
}

/// ```text
/// const _: () = {
///     ::atexit_core::__private::inventory::submit! {
///         Declared::new(|| Description::new(
///             Site { function: "my_cleanup", arguments: "\"second\"", … },
///             identity(my_cleanup),
///             || match my_cleanup("second") { value => outcome(value) },
///         ).last().after(identity(path), "path"))
///     }
/// };
/// ```
fn declaration(args: &Args, function: &Function, call: &Call) -> TokenStream {
    let default = || quote!(::atexit_core);
    let library = args.crate_path.clone().unwrap_or_else(default);
    let private = quote!(#library::__private);
    let Function { name, allowed, .. } = function;
    let site = site(&name.unraw().to_string(), &call.text, name.span(), &private);
    let run = run(args, function, call, &private);
    let options = options(args, &private);
    quote! {
        #(#[allow(#allowed)])*
        const _: () = {
            #private::inventory::submit! {
                #private::Declared::new(|| #private::Description::new(#site, #private::identity(#name), || #run) #options)
            }
        };
    }
}

/// Where a declaration stands, and what it is called.
pub(crate) fn site(name: &str, arguments: &str, name_span: Span, private: &TokenStream) -> TokenStream {
    let variable = |name| env::var(name).unwrap_or_default();
    let package = format!("{} {}", variable("CARGO_PKG_NAME"), variable("CARGO_PKG_VERSION"));
    let (package, binary) = (package.trim(), variable("CARGO_BIN_NAME"));
    let [name_line, name_column] =
        [quote_spanned!(name_span=> ::core::line!()), quote_spanned!(name_span=> ::core::column!())];
    let expansion = expansion();
    quote! {
        #private::Site {
            function: #name,
            arguments: #arguments,
            package: #package,
            binary: #binary,
            test: ::core::cfg!(test),
            module: ::core::module_path!(),
            file: ::core::file!(),
            line: ::core::line!(),
            column: ::core::column!(),
            name_line: #name_line,
            name_column: #name_column,
            expansion: #expansion,
        }
    }
}

/// Calls the function, and asks for the outcome if there can be one.
fn run(args: &Args, function: &Function, call: &Call, private: &TokenStream) -> TokenStream {
    let name = &function.name;
    let called = |values: &[TokenStream]| {
        let called = quote!(#name(#(#values),*));
        let called = match (&args.block_on, function.is_async) {
            (Some(BlockOn { path, .. }), _) => quote!(#path(#called)),
            (None, true) => quote!(#private::block_on(#called)),
            (None, false) => called,
        };
        if function.never_returns() {
            return called;
        }
        // Where that is no `Outcome`, the return type is at fault, so the compiler is to underline it from its first
        // token to its last, as it does with a call between these. The binding has a name of our own, for a constant
        // of its name in the user's module would turn it into a comparison.
        let at = |token: Option<&TokenTree>| {
            Span::mixed_site().located_at(token.map_or_else(|| name.span(), TokenTree::span))
        };
        let value = Ident::new("at_exit_value", Span::mixed_site());
        let same = quote_spanned!(at(function.output.first())=> ::core::convert::identity);
        let same_value = quote_spanned!(at(function.output.last())=> (#value));
        quote!(match #called { #value => #private::outcome(#same #same_value) })
    };
    match &call.values {
        Values::Each(values) => called(values),
        Values::Tuple(tuple, count) => {
            let span = tuple.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span());
            let names =
                (0..*count).map(|i| format_ident!("at_exit_argument_{i}", span = Span::mixed_site().located_at(span)));
            let names: Vec<_> = names.map(|name| name.to_token_stream()).collect();
            let pattern = quote_spanned!(Span::call_site().located_at(span)=> (#(#names),*));
            let called = called(&names);
            // In parentheses, for a brace in the user's expression would end what `match` looks at.
            quote!(match (#tuple) { #pattern => #called })
        }
    }
}

fn options(args: &Args, private: &TokenStream) -> TokenStream {
    let mut options = TokenStream::new();
    if let Some(label) = &args.name {
        options.extend(quote!(.name(#label)));
    }
    for flag in &args.flags {
        let method = Ident::new(&flag.to_string(), Span::call_site());
        options.extend(quote!(.#method()));
    }
    if let Some(limit) = &args.time_limit {
        options.extend(quote!(.time_limit(|| #limit)));
    }
    for path in &args.before {
        let text = text(path);
        options.extend(quote!(.before(#private::identity(#path), #text)));
    }
    for path in &args.after {
        let text = text(path);
        options.extend(quote!(.after(#private::identity(#path), #text)));
    }
    options
}

/// A path as one writes it; the tokens alone would be spaced.
fn text(path: &TokenStream) -> String {
    path.to_string().replace(' ', "")
}

/// Handlers that one macro declares at one place run in the reverse of the order in which they were expanded.
fn expansion() -> u32 {
    static EXPANSIONS: AtomicU32 = AtomicU32::new(0);
    EXPANSIONS.fetch_add(1, Ordering::Relaxed)
}
