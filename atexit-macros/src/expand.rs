//! Owns the code that an attribute expands to; must not know what is allowed: it sees only valid input.

use std::env;
use std::sync::atomic::{AtomicU32, Ordering};

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;

use crate::args::{Args, BlockOn};
use crate::error::Errors;
use crate::fit::{self, Call, Values};
use crate::item::{self, Function};

/// Returns the item unchanged, followed by its declaration or by the errors.
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
    // A name replaces the arguments, which may be secret.
    let arguments = if args.name.is_some() { "" } else { &call.text };
    let site = site(&name.unraw().to_string(), arguments, name.span());
    // No user expression sees this name. A static of the same name would clash, so it is an unlikely one.
    let executor = Ident::new("at_exit_executor", Span::mixed_site());
    let parameter = if needs_executor(args, function) { executor.to_token_stream() } else { quote!(_) };
    let run = run(args, function, call, &private, &executor);
    let options = options(args, &private);
    let declaration = quote! {
        #private::submit! { Declared Description #site (#private::identity(&#name), |#parameter| #run) #options }
    };
    // An item slows down the user's build, so it is added only if needed: it carries the `allow`s, and if a user
    // expression names a local variable, the compiler points at the enclosing item, which would otherwise be one of
    // `inventory`'s.
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

/// Where a declaration is, and what it is called.
pub(crate) fn site(name: &str, arguments: &str, name_span: Span) -> TokenStream {
    let variable = |name| env::var(name).unwrap_or_default();
    let package = format!("{} {}", variable("CARGO_PKG_NAME"), variable("CARGO_PKG_VERSION"));
    let (package, binary) = (package.trim(), variable("CARGO_BIN_NAME"));
    let position = quote_spanned!(name_span=> ::core::line!(), ::core::column!());
    let expansion = expansion();
    quote!((#name #arguments #package #binary #expansion #position))
}

/// Calls the function, and converts its outcome if there can be one.
fn run(args: &Args, function: &Function, call: &Call, private: &TokenStream, executor: &Ident) -> TokenStream {
    let name = &function.name;
    let is_driven = needs_executor(args, function);
    let awaited = is_driven.then(|| quote!(.await));
    let called = |values: &[TokenStream]| {
        // With the span of the function's name, so that this is underlined if `block_on` does not accept the future.
        let mut values = Group::new(Delimiter::Parenthesis, quote!(#(#values,)*));
        values.set_span(Span::call_site().located_at(name.span()));
        let called = quote!(#name #values #awaited);
        match &args.block_on {
            Some(BlockOn { path, .. }) => quote!(#path(#called)),
            None => called,
        }
    };
    // Converted inside the `match`, because the result may borrow from the tuple; a future is converted once it is ready.
    let converted = |called| if is_driven { called } else { outcome(called, args, function, private) };
    let called = match &call.values {
        Values::Each(values) => converted(called(values)),
        Values::Tuple(tuple, count) => {
            let span = tuple.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span());
            let names =
                (0..*count).map(|i| format_ident!("at_exit_argument_{i}", span = Span::mixed_site().located_at(span)));
            let names: Vec<_> = names.map(|name| name.to_token_stream()).collect();
            // If the tuple's size does not match the parameters, the compiler shows both.
            let parameters = Span::call_site().located_at(function.parameter_list.span());
            let pattern = quote_spanned!(parameters=> (#(#names),*));
            let called = converted(called(&names));
            // In parentheses, because a brace in the user's expression would start the body of the `match`.
            let tuple = quote_spanned!(Span::call_site().located_at(span)=> (#tuple));
            quote!(match #tuple { #pattern => #called })
        }
    };
    if !is_driven {
        return called;
    }
    // The arguments are evaluated inside the future, so it borrows nothing from outside.
    outcome(quote!(#executor.drive(async { #called })), args, function, private)
}

/// Converts the result of the call, if there can be one.
fn outcome(called: TokenStream, args: &Args, function: &Function, private: &TokenStream) -> TokenStream {
    let Function { name, output, .. } = function;
    if function.never_returns() {
        return called;
    }
    // If the type is `!`, the compiler warns about any use of the value.
    if function.is_infallible() {
        return quote!(#private::outcome_of(|| #called));
    }
    // If the return type is not an `Outcome`, the compiler should underline all of it, as it does for a call whose spans
    // are those of its first and last token. Without a return type there is nothing to underline.
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

/// The identity of the function that a path names. A constant asserts that it is a function, because `cargo check` evaluates constants, too;
/// if not, the path is underlined.
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

/// A path as usually written; the tokens alone would have spaces.
fn text(path: &TokenStream) -> String {
    path.to_string().replace(' ', "")
}

/// Numbers the expansions: handlers that a macro declares at the same place run in reverse order of expansion.
fn expansion() -> u32 {
    static EXPANSIONS: AtomicU32 = AtomicU32::new(0);
    EXPANSIONS.fetch_add(1, Ordering::Relaxed)
}
