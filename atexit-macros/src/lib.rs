//! The attribute of `atexit-core`, which re-exports it.
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

/// Declares a function as a handler: it runs when the process exits.
///
/// The function stays as it was, callable like any other. Several attributes on one function are several handlers; as
/// everything runs in reverse, the lowest runs first.
///
/// # Options
///
/// | option | meaning |
/// |---|---|
/// | `args = EXPR` | what the function is called with: the value of its one parameter, or a tuple with one element for each |
/// | `args(NAME = EXPR, …)` | the same by the names of the parameters, in any order |
/// | `name = "label"` | what reports call the handler, instead of the function's name and its arguments, so that a secret among these is not printed; not empty |
/// | `first` | it runs before all handlers that do not say so |
/// | `last` | it runs after all handlers that do not say so |
/// | `before = PATH`, `before = [PATH, …]` | where it would run later, it is pulled up to just ahead of that declared handler: of all registrations of the function |
/// | `after = PATH`, `after = [PATH, …]` | where it would run earlier, it is delayed until just after that declared handler: after all registrations of the function |
/// | `time_limit = EXPR` | a `std::time::Duration`; see `Handler::time_limit` |
/// | `caller_thread` | it runs on the thread that exits; see `Handler::caller_thread` |
/// | `this_process` | it runs in this process only; see `Handler::this_process` |
/// | `block_on = PATH` | for an `async fn`: a function that takes the future, drives it to its end, and returns its output |
/// | `crate = PATH` | where `atexit_core` is, if not at `::atexit_core` |
///
/// The expressions are evaluated when the handler runs, on the thread that it runs on, those of an `async fn` inside of
/// its future. They see statics and constants, not local variables. If one panics, that is a failure of the handler;
/// where it is `time_limit`, the handler runs without it.
///
/// # Functions
///
/// It stands on free functions, in modules and inside functions: `pub` or private, `const`, `async` or `extern "C"`,
/// from `macro_rules!`, under `#[cfg]`. The function may return what `main` may, and any other `Outcome`. An `async
/// fn` is driven by `block_on`, else by a Tokio runtime made for it (feature `tokio`), else by a small executor without
/// timers and I/O.
///
/// # Panics
///
/// A handler that panics has failed; the others run. One that is `extern "C"` aborts the process when it panics, as all
/// such functions do in Rust.
///
/// # Errors
///
/// The compiler refuses anything but a free function, `self`, generics, `unsafe fn`, variadics, parameters without `args`
/// and arguments that do not fit them, options that are unknown, given twice, or not for this function, a `before` or
/// `after` that names no function, and return types that are no `Outcome`. All errors of one attribute come in one
/// compile.
///
/// - A text alone, `#[at_exit("label")]`, may be meant as the name or as the argument: the message says how to write each.
/// - One literal or array for several parameters is told how a tuple is written; any other expression is told its type.
/// - A static, a constant or a function pointer in `before` or `after` is no function, and is underlined.
/// - In an `impl` or a `trait` the compiler says that an implementation is not supported there, and its note names a
///   macro whose name says what to do: a handler is a free function, so move it out of the `impl` or `trait`.
///
/// # Notes
///
/// - `unregister(my_cleanup)` takes back all that was declared of a function.
/// - A crate that nothing names is not linked: see `link!`.
/// - A `?` on a `Result` in `args` makes an `Err` a failure of the handler; of an `async fn` only where it returns a
///   `Result` itself. On an `Option` the compiler refuses it.
/// - An attribute that makes an ordinary function of an `async fn`, such as `#[tokio::main]`, stands above this one. On
///   `fn main` itself, this one calls it twice.
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
#[proc_macro_attribute]
pub fn at_exit(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::at_exit(args.into(), item.into()).into()
}

/// What `atexit_core::link!` passes on to.
#[doc(hidden)]
#[proc_macro]
pub fn link_with(input: TokenStream) -> TokenStream {
    link::link(input.into()).into()
}

/// What stands in the parentheses comes instead of the item below.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn instead(tokens: TokenStream, _: TokenStream) -> TokenStream {
    tokens
}
