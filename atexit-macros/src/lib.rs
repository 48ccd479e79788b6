//! The attribute of `atexit-core`, which re-exports it and documents it.
//!
//! Owns the entry points; must not know what they do.

#![forbid(unsafe_code)]

mod args;
mod error;
mod expand;
mod fit;
mod item;
mod link;
mod scanner;

use proc_macro::TokenStream;

#[expect(missing_docs, reason = "documented where it is re-exported, as `atexit_core::at_exit`")]
#[proc_macro_attribute]
pub fn at_exit(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::at_exit(args.into(), item.into()).into()
}

/// What `atexit_core::link!` passes on to.
#[proc_macro]
pub fn link_with(input: TokenStream) -> TokenStream {
    link::link(input.into()).into()
}

/// What stands in the parentheses comes instead of the item below.
#[proc_macro_attribute]
pub fn instead(tokens: TokenStream, _: TokenStream) -> TokenStream {
    tokens
}
