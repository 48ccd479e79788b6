//! Owns the code that an attribute becomes; must not know what is allowed, as it sees only what is.

use std::env;
use std::sync::atomic::{AtomicU32, Ordering};

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;

use crate::args::{Args, BlockOn};
use crate::error::Errors;
use crate::fit::{self, Call, Values};
use crate::item::{self, Function};

/// The item as it was, and after it its declaration or what is wrong.
pub(crate) fn at_exit(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let is_bare = args.is_empty();
    let args = Args::parse(args, &mut errors);
    let function = item::parse(item.clone(), &mut errors);
    let call = function.as_ref().map(|function| fit::fit(&args, function, &mut errors));
    let mut expansion = item;
    match (errors.into_tokens(), &function, &call) {
        (None, Some(function), Some(call)) => expansion.extend(declaration(&args, function, call, is_bare)),
        (errors, ..) => expansion.extend(errors),
    }
    expansion
}

/// ```text
/// ::atexit_core::__private::a_handler_is_a_free_function__move_it_out_of_the_impl_or_trait! { ::atexit_core::__private::submit! {
///     Declared Description
///     ("my_cleanup" "\"second\"" "package 1.0.0" "binary" 0 ::core::line!(), ::core::column!())
///     (identity(&my_cleanup), || outcome(my_cleanup("second")))
///     .last().after({ const _: () = assert_names_function(&path); identity(&path) }, "path")
/// } }
/// ```
fn declaration(args: &Args, function: &Function, call: &Call, is_bare: bool) -> TokenStream {
    let library = args.crate_path.clone().unwrap_or_else(|| quote!(::atexit_core));
    let private = quote!(#library::__private);
    let Function { name, allowed, .. } = function;
    // Where a name stands in for them, the arguments may be a secret.
    let arguments = if args.name.is_some() { "" } else { &call.text };
    let site = site(&name.unraw().to_string(), arguments, name.span());
    // Which no expression of the user's sees. A static of this name would stand in its way, so that it is an unlikely one.
    let executor = Ident::new("at_exit_executor", Span::mixed_site());
    let parameter = if needs_executor(args, function) { executor.to_token_stream() } else { quote!(_) };
    let run = run(args, function, call, &private, &executor);
    let options = options(args, &private);
    let declaration = quote! {
        #private::submit! { Declared Description #site (#private::identity(&#name), |#parameter| #run) #options }
    };
    // An item costs the user's build, so it stands only where it is of use: it carries the `allow`s, and where an
    // expression of the user's names a local variable, the compiler points at the item around it, which had else
    // been one of `inventory`'s.
    let declaration = if is_bare && allowed.is_empty() {
        declaration
    } else {
        quote! {
            #(#[allow(#allowed)])*
            const _: () = { #declaration };
        }
    };
    quote!(#private::a_handler_is_a_free_function__move_it_out_of_the_impl_or_trait! { #declaration })
}

/// Where a declaration stands, and what it is called.
pub(crate) fn site(name: &str, arguments: &str, name_span: Span) -> TokenStream {
    let variable = |name| env::var(name).unwrap_or_default();
    let package = format!("{} {}", variable("CARGO_PKG_NAME"), variable("CARGO_PKG_VERSION"));
    let (package, binary) = (package.trim(), variable("CARGO_BIN_NAME"));
    let position = quote_spanned!(name_span=> ::core::line!(), ::core::column!());
    let expansion = expansion();
    quote!((#name #arguments #package #binary #expansion #position))
}

/// Calls the function, and asks for the outcome if there can be one.
fn run(args: &Args, function: &Function, call: &Call, private: &TokenStream, executor: &Ident) -> TokenStream {
    let name = &function.name;
    let is_driven = needs_executor(args, function);
    let awaited = is_driven.then(|| quote!(.await));
    let called = |values: &[TokenStream]| {
        // At the function's name, so that this is underlined where `block_on` cannot have the future.
        let mut values = Group::new(Delimiter::Parenthesis, quote!(#(#values,)*));
        values.set_span(Span::call_site().located_at(name.span()));
        let called = quote!(#name #values #awaited);
        match &args.block_on {
            Some(BlockOn { path, .. }) => quote!(#path(#called)),
            None => called,
        }
    };
    // Asked inside of the `match`, for what is asked may hold what is matched; a future is asked when it is over.
    let asked = |called| if is_driven { called } else { outcome(called, args, function, private) };
    let called = match &call.values {
        Values::Each(values) => asked(called(values)),
        Values::Tuple(tuple, count) => {
            let span = tuple.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span());
            let names =
                (0..*count).map(|i| format_ident!("at_exit_argument_{i}", span = Span::mixed_site().located_at(span)));
            let names: Vec<_> = names.map(|name| name.to_token_stream()).collect();
            // A tuple of another size is at odds with the parameters, so the compiler is to show both.
            let parameters = Span::call_site().located_at(function.parameter_list.span());
            let pattern = quote_spanned!(parameters=> (#(#names),*));
            let called = asked(called(&names));
            // In parentheses, for a brace in the user's expression would end what `match` looks at.
            let tuple = quote_spanned!(Span::call_site().located_at(span)=> (#tuple));
            quote!(match #tuple { #pattern => #called })
        }
    };
    if !is_driven {
        return called;
    }
    // The arguments are evaluated inside of the future, which therefore borrows nothing from outside.
    outcome(quote!(#executor.drive(async { #called })), args, function, private)
}

/// Asks what is called for the outcome, if there can be one.
fn outcome(called: TokenStream, args: &Args, function: &Function, private: &TokenStream) -> TokenStream {
    let Function { name, output, .. } = function;
    if function.never_returns() {
        return called;
    }
    // Where the type is `!`, the compiler warns of whatever is to be done with its value.
    if function.is_infallible() {
        return quote!(#private::outcome_of(|| #called));
    }
    // Where that is no `Outcome`, the return type is at fault, so the compiler is to underline it from its first token
    // to its last, as it does with a call between these. It cannot be at fault where there is none.
    if output.is_empty() && args.block_on.is_none() {
        return quote!(#private::outcome(#called));
    }
    let at =
        |token: Option<&TokenTree>| Span::mixed_site().located_at(token.map_or_else(|| name.span(), TokenTree::span));
    let same = quote_spanned!(at(output.first())=> ::core::convert::identity);
    let mut group = Group::new(Delimiter::Parenthesis, called);
    group.set_span(at(output.last()));
    quote!(#private::outcome(#same #group))
}

fn needs_executor(args: &Args, function: &Function) -> bool {
    function.is_async && args.block_on.is_none()
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
    for (method, paths) in [("before", &args.before), ("after", &args.after)] {
        let method = Ident::new(method, Span::call_site());
        for path in paths {
            let (identity, text) = (identity(path, private), text(path));
            options.extend(quote!(.#method(#identity, #text)));
        }
    }
    options
}

/// The identity of the function that a path names. A constant asserts that it is one, since constants are looked at by `cargo check`, too;
/// where it is none, the path is underlined.
fn identity(path: &TokenStream, private: &TokenStream) -> TokenStream {
    let first = path.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span());
    let last = path.clone().into_iter().last().map_or_else(Span::call_site, |token| token.span());
    let assertion = quote!(#private::assert_names_function).into_iter().map(|mut token| {
        token.set_span(first.resolved_at(token.span()));
        token
    });
    let mut group = Group::new(Delimiter::Parenthesis, quote!(&#path));
    group.set_span(last.resolved_at(Span::call_site()));
    quote!({
        const _: () = #(#assertion)* #group;
        #private::identity(&#path)
    })
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
