//! Owns the code that an attribute expands to; must not know what is allowed: it sees only valid input.

use std::env;
use std::sync::atomic::{AtomicU32, Ordering};

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;

use crate::args::{Args, BlockOn};
use crate::error::Errors;
use crate::fit::{self, Call, Values};
use crate::item::{self, Function};
use crate::scanner;

/// Returns the item unchanged, followed by its declaration or by the errors.
pub(crate) fn at_exit(args: &TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let is_bare = args.is_empty();
    let args = Args::parse(args, &mut errors);
    let function = item::parse(&item, &mut errors);
    let mut expansion = item;
    if let Some(function) = function {
        let call = fit::fit(&args, &function, &mut errors);
        if errors.is_empty() {
            declaration(&args, &function, &call, is_bare).to_tokens(&mut expansion);
            return expansion;
        }
    }
    errors.into_tokens().to_tokens(&mut expansion);
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
        let mut item = TokenStream::new();
        for lints in allowed {
            quote!(#[allow(#lints)]).to_tokens(&mut item);
        }
        quote!(const _: () = { #declaration };).to_tokens(&mut item);
        item
    };
    quote!(#private::a_handler_is_a_free_function__move_it_out_of_the_impl_or_trait! { #declaration })
}

/// Where a declaration is, and what it is called.
pub(crate) fn site(name: &str, arguments: &str, name_span: Span) -> TokenStream {
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let package = format!("{} {}", variable("CARGO_PKG_NAME"), variable("CARGO_PKG_VERSION"));
    let (package, binary) = (package.trim_ascii(), variable("CARGO_BIN_NAME"));
    let position = quote_spanned!(name_span=> ::core::line!(), ::core::column!());
    let expansion = expansion();
    quote!((#name #arguments #package #binary #expansion #position))
}

/// Calls the function, and converts its outcome if there can be one.
fn run(args: &Args, function: &Function, call: &Call, private: &TokenStream, executor: &Ident) -> TokenStream {
    let name = &function.name;
    let is_driven = needs_executor(args, function);
    let called = |values: TokenStream| {
        // With the span of the function's name, so that this is underlined if `block_on` does not accept the future.
        let mut values = Group::new(Delimiter::Parenthesis, values);
        values.set_span(Span::call_site().located_at(name.span()));
        let called = match &args.block_on {
            Some(BlockOn { path, .. }) => quote!(#path(#name #values)),
            None if is_driven => return quote!(#name #values.await),
            None => quote!(#name #values),
        };
        outcome(called, args, function, private)
    };
    // Converted inside the `match`, because the result may borrow from the tuple; a future is converted once it is ready.
    let called = match &call.values {
        Values::Each(values) => called(list(values)),
        Values::Tuple(tuple, count) => {
            let (span, _) = ends(tuple);
            let mut names = TokenStream::new();
            for i in 0..*count {
                let name = Ident::new(&format!("at_exit_argument_{i}"), Span::mixed_site().located_at(span));
                quote!(#name,).to_tokens(&mut names);
            }
            // If the tuple's size does not match the parameters, the compiler shows both.
            let parameters = Span::call_site().located_at(function.parameter_list.span());
            let pattern = quote_spanned!(parameters=> (#names));
            let called = called(names);
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
    // Without a return type there is nothing to underline.
    if output.is_empty() && args.block_on.is_none() {
        return quote!(#private::outcome(#called));
    }
    if function.never_returns() {
        return called;
    }
    // If the type is `!`, the compiler warns about any use of the value.
    if function.is_infallible() {
        return quote!(#private::outcome_of(|| #called));
    }
    // If the return type is not an `Outcome`, the compiler should underline all of it, as it does for a call whose spans
    // are those of its first and last token.
    let (first, last) = if output.is_empty() { (name.span(), name.span()) } else { ends(output) };
    let same = quote_spanned!(Span::mixed_site().located_at(first)=> ::core::convert::identity);
    let mut group = Group::new(Delimiter::Parenthesis, called);
    group.set_span(Span::mixed_site().located_at(last));
    quote!(#private::outcome(#same #group))
}

fn needs_executor(args: &Args, function: &Function) -> bool {
    function.is_async && args.block_on.is_none()
}

fn options(args: &Args, private: &TokenStream) -> TokenStream {
    let mut options = TokenStream::new();
    if let Some(label) = &args.name {
        quote!(.name(#label)).to_tokens(&mut options);
    }
    for flag in &args.flags {
        let method = Ident::new(&flag.to_string(), Span::call_site());
        quote!(.#method()).to_tokens(&mut options);
    }
    if let Some(limit) = &args.time_limit {
        quote!(.time_limit(|| #limit)).to_tokens(&mut options);
    }
    for path in &args.before {
        order("before", path, private).to_tokens(&mut options);
    }
    for path in &args.after {
        order("after", path, private).to_tokens(&mut options);
    }
    options
}

/// Calls `before` or `after` with the identity of the function that a path names. A constant asserts that it is a function, because
/// `cargo check` evaluates constants, too; if not, the path is underlined.
fn order(method: &str, path: &TokenStream, private: &TokenStream) -> TokenStream {
    let (first, last) = ends(path);
    let mut assertion = TokenStream::new();
    for mut token in quote!(#private::assert_names_function) {
        token.set_span(first.resolved_at(token.span()));
        token.to_tokens(&mut assertion);
    }
    let mut group = Group::new(Delimiter::Parenthesis, quote!(&#path));
    group.set_span(last.resolved_at(Span::call_site()));
    let text = text(path);
    let method = Ident::new(method, Span::call_site());
    quote!(.#method({ const _: () = #assertion #group; #private::identity(&#path) }, #text))
}

/// The spans of the first and the last token.
fn ends(tokens: &TokenStream) -> (Span, Span) {
    let tokens = scanner::vec(tokens);
    let span = |token: Option<&TokenTree>| token.map_or(Span::call_site(), TokenTree::span);
    (span(tokens.first()), span(tokens.last()))
}

/// The elements, with a comma after each.
fn list(elements: &[TokenStream]) -> TokenStream {
    let mut list = TokenStream::new();
    for element in elements {
        quote!(#element,).to_tokens(&mut list);
    }
    list
}

/// A path as usually written; the tokens alone would have spaces.
fn text(path: &TokenStream) -> String {
    let mut text = String::new();
    for char in path.to_string().chars() {
        if char != ' ' {
            text.push(char);
        }
    }
    text
}

/// Numbers the expansions: handlers that a macro declares at the same place run in reverse order of expansion.
fn expansion() -> u32 {
    static EXPANSIONS: AtomicU32 = AtomicU32::new(0);
    EXPANSIONS.fetch_add(1, Ordering::Relaxed)
}
