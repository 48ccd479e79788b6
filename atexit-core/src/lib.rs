//! Functions that run when the process exits, contributed by any crate that is linked in.
//!
//! ```standalone_crate
//! use atexit_core::at_exit;
//!
//! #[at_exit(args = "first")]
//! #[at_exit(args = "second")]
//! fn my_cleanup(name: &str) {
//!     println!("my_cleanup({name})");
//! }
//!
//! fn main() {
//!     println!("main");
//!     std::process::exit(0); // skips every destructor, but no handler
//! }
//! ```
//!
//! prints `main`, `my_cleanup(second)`, `my_cleanup(first)`.
//!
//! Handlers run in the reverse order of registration, on a thread of their own where all of std works. One that fails
//! stops no other, is named on standard error, and turns an exit status of 0 into one that says failure.
//!
//! | to | use |
//! |---|---|
//! | declare a handler | [`#[at_exit]`](at_exit) |
//! | register one while the program runs, and take it back | [`register`], [`register_async`], [`Handler`], [`Registration`], [`unregister`], [`clear`] |
//! | drop a value in a `static` at exit | [`DropAtExit`] |
//! | close one to which others keep references | [`CloseAtExit`] |
//! | run a function when a scope ends, or at exit if that is first | [`guard`] |
//! | link crates that nothing else names, and state their order | [`link!`] |
//! | see the order, and test it | [`plan`], [`check`] |
//! | end the process, also from inside a handler | [`exit`] |
//! | run handlers now | [`run`] |
//! | run them when a signal comes | [`signals::install`], [`Signals`](signals::Signals) (feature `signals`, on Unix and Windows) |
//! | limit their time, watch them, choose an executor for async ones | [`Config`], [`configure`], [`Event`] |
//! | learn inside a handler why it runs, and how long it has | [`cause`], [`remaining`] |
//! | learn what became of them | [`Report`], [`HandlerRun`], [`Failure`] |
//! | return a type of yours from a handler | [`Outcome`], [`HandlerError`] |
//!
//! Read more in
//!
//! - [the guide](docs::guide): all of it by subject, recipes, limits, platforms, and when not to use this;
//! - [when handlers run](docs::when_handlers_run), and when not;
//! - [what works inside a handler](docs::what_works_inside_a_handler);
//! - [for authors of libraries](docs::for_authors_of_libraries): what a library may call, and what is the program's;
//! - [the platforms](docs::platforms): what differs, what is tested, and what is expected;
//! - [what it costs](docs::what_it_costs), and where others are better.
//!
//! # Features
//!
//! None is on by default. `signals` adds the [module of that name](mod@signals). `tokio` adds the [module of that name](mod@tokio), and gives every
//! async handler of the program that names no executor a Tokio runtime: the features of a crate are the same in all of a program.
//!
//! # Environment
//!
//! `AT_EXIT_LOG` says how much this crate prints to standard error: `off`, `error` (the default: what fails, hangs or
//! cannot be had), `plan` (also the [plan] before each run), `trace` (also each start and end, with how long it took).
//! A program says it by [`Config::log`]; the variable has the last word. It is not read in a process that has the rights of another than whoever
//! started it, as a program with the set-user-id bit has.

#![cfg_attr(docsrs, feature(doc_cfg))] // the docs say which item needs which feature
#![cfg_attr(not(all(feature = "signals", feature = "tokio")), allow(rustdoc::broken_intra_doc_links))] // to what is there with them

extern crate self as atexit_core; // the attribute's expansions say `::atexit_core`, here too

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod config;
#[cfg(doc)]
pub mod docs;
mod early;
mod exit;
mod guard;
mod handler;
mod log;
mod order;
mod plan;
mod registration;
mod registry;
mod report;
mod runner;
mod sys;
mod values;

pub use atexit_macros::at_exit;
pub use config::{Config, configure};
#[cfg(feature = "signals")]
#[doc(inline)]
pub use exit::signals;
pub use exit::{arm, exit, run};
pub use guard::{ExitGuard, guard};
pub use handler::declaration::Phase;
pub use handler::error::{FailureKind, HandlerError};
#[cfg(feature = "tokio")]
pub use handler::executor::tokio;
pub use handler::info::HandlerInfo;
pub use handler::outcome::Outcome;
pub use log::Level;
pub use order::problem::Problem;
pub use order::why::Why;
pub use plan::iter::{PlanIntoIter, PlanIter};
pub use plan::{Plan, PlanError, PlannedHandler, check, plan};
pub use registration::{Handler, Registration, clear, pending, register, register_async, unregister};
pub use report::{Cause, Event, Failure, HandlerEnd, HandlerRun, Report, RunError};
pub use runner::{cause, remaining};
pub use values::{CloseAtExit, DropAtExit, ExitRef, Unavailable};

/// Links crates that nothing else names, and states the order in which they register.
///
/// A dependency that no code names is not linked, and its handlers vanish without a word. The order of crates is the
/// linker's, dependencies first; link-time optimization does not keep it. What `link!` states holds in every build: the
/// crates that it lists register in this order, and the crate that says it after them. So at exit the handlers of that
/// crate run first, then those of the crate listed last.
///
/// Several `link!`s, in several crates, add up. Crates that none relates keep the linker's order. The name of a crate
/// means all versions of it that are linked, and of a package only the library. A dependency that was renamed in
/// `Cargo.toml` has two names, its own and the one that it has here: `link!(acme_db as db)`.
///
/// # Errors
///
/// The compiler refuses what is no dependency. That two `link!`s contradict each other, or that a crate contributes no
/// handler, is reported by [`check`]; the former also at exit, on standard error, and then the statements on that
/// cycle are ignored.
///
/// # Examples
///
/// ```text
/// atexit_core::link!(telemetry, acme_db as db, cache);
/// ```
///
/// Here the handlers of this crate run first, then those of `cache`, of `acme_db`, and of `telemetry`.
///
/// The crates are dependencies of the one that says so, which makes an example that runs a matter of several packages:
/// `examples/ordering` of the repository is one. This links one that is there:
///
/// ```standalone_crate
/// atexit_core::link!(inventory);
/// ```
#[macro_export]
macro_rules! link {
    ($($crates:tt)*) => {
        $crate::__private::link_with! { [$crate] $($crates)* }
    };
}
