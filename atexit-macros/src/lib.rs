//! The attribute `#[at_exit]`, which `atexit-core` re-exports.
//!
//! Owns the entry points; must not know what they do.

#![forbid(unsafe_code)]

// Everyone who uses the library compiles this crate and what it needs of `syn`. Hence loops instead of iterator adapters, few types of
// vectors, and no parser of `syn`.
mod args;
mod error;
mod expand;
mod fit;
mod item;
mod link;
mod scanner;

use proc_macro::TokenStream;

/// Declares a function as a handler: it runs when the process exits.
///
/// You can still call the function like any other. Several attributes on one function make several handlers; the lowest
/// runs first, because handlers run in reverse order.
///
/// # Options
///
/// | option | meaning |
/// |---|---|
/// | `args = EXPR` | calls the function with this value, or with the elements of this tuple if it has several parameters |
/// | `args(NAME = EXPR, …)` | calls the function with these values, by parameter name, in any order |
/// | `name = "label"` | sets the handler's name in reports; it replaces the function's name and arguments, so that no secret argument is printed; must not be empty |
/// | `first` | runs it before all handlers that are not marked `first` |
/// | `last` | runs it after all handlers that are not marked `last` |
/// | `before = PATH`, `before = [PATH, …]` | if it would run later, pulls it up to just before the declared handlers of that function |
/// | `after = PATH`, `after = [PATH, …]` | if it would run earlier, delays it until just after the declared handlers of that function |
/// | `time_limit = EXPR` | abandons it after this `std::time::Duration`; see `Handler::time_limit` |
/// | `caller_thread` | runs it on the exiting thread; see `Handler::caller_thread` |
/// | `this_process` | runs it in this process only, not in a forked child; see `Handler::this_process` |
/// | `block_on = PATH` | for an `async fn`: calls this function, which takes the future, runs it to completion and returns its output |
/// | `crate = PATH` | says where `atexit_core` is, if not at `::atexit_core` |
///
/// The expressions are evaluated when the handler runs, on its thread; for an `async fn`, inside its future. They can use
/// statics and constants, but not local variables. If one panics, the handler fails; if that is `time_limit`, the handler
/// still runs, without a limit of its own.
///
/// # Functions
///
/// Use it on free functions, in modules and inside functions: `pub` or private, `const`, `async` or `extern "C"`, made
/// by `macro_rules!`, under `#[cfg]`. The function may return whatever `main` may, and any other `Outcome`. `block_on`
/// drives an `async fn`; without it, a new Tokio runtime does (feature `tokio`), or else a small executor without timers
/// and I/O.
///
/// # Panics
///
/// A handler that panics fails; the others still run. An `extern "C"` handler that panics aborts the process, as every
/// such function does in Rust.
///
/// # Errors
///
/// The compiler rejects:
///
/// - anything except a free function, and functions that are generic, `unsafe` or variadic;
/// - parameters without `args`, and arguments that do not match the parameters;
/// - options that are unknown, repeated or not for this function;
/// - a `before` or `after` that does not name a function, but a static, a constant or a function pointer;
/// - a return type that is not an `Outcome`.
///
/// One compile shows all errors of an attribute. A string alone, as in `#[at_exit("label")]`, may mean the name or the
/// argument: the message shows how to write each. In an `impl` or a `trait`, the compiler says that an implementation is
/// not supported there, and names a macro whose name says what to do: a handler is a free function, so move it out of
/// the `impl` or `trait`.
///
/// # Notes
///
/// - `unregister(my_cleanup)` unregisters all handlers of a function, declared ones too.
/// - A crate that nothing names is not linked, and its handlers silently disappear: see `link!`.
/// - With `?` on a `Result` in `args`, an `Err` makes the handler fail; an `async fn` must return a `Result` itself for
///   this. The compiler rejects `?` on an `Option`.
/// - An attribute that turns an `async fn` into an ordinary function, such as `#[tokio::main]`, must be above this one. On
///   `fn main` itself, `#[at_exit]` would call `main` twice.
///
/// # Examples
///
/// ```standalone_crate
/// use std::io;
/// use std::time::Duration;
///
/// use atexit_core::at_exit;
///
/// #[at_exit]
/// fn all_done() {
///     println!("all_done()");
/// }
///
/// #[at_exit(args = ("orders", 3), name = "stop the workers", before = all_done, time_limit = Duration::from_secs(5))]
/// fn stop(queue: &str, workers: usize) -> io::Result<()> {
///     println!("{workers} workers of {queue} stop");
///     Ok(())
/// }
///
/// #[at_exit(last, args(path = &std::env::temp_dir()))]
/// async fn report(path: &std::path::Path) {
///     println!("log files are in {}", path.display());
/// }
///
/// fn main() {
///     assert_eq!(atexit_core::pending(), 3);
/// }
/// ```
#[doc(alias = "atexit")]
#[doc(alias = "cleanup")]
#[doc(alias = "destructor")]
#[doc(alias = "dtor")]
#[doc(alias = "finalizer")]
#[doc(alias = "hook")]
#[doc(alias = "on_exit")]
#[doc(alias = "shutdown")]
#[proc_macro_attribute]
pub fn at_exit(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::at_exit(&args.into(), item.into()).into()
}

/// Implements `atexit_core::link!`.
#[doc(hidden)]
#[proc_macro]
pub fn link_with(input: TokenStream) -> TokenStream {
    link::link(&input.into()).into()
}

/// Replaces the item below with the tokens in the parentheses.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn instead(tokens: TokenStream, _: TokenStream) -> TokenStream {
    tokens
}
