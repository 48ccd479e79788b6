//! Functions that run when the process exits, contributed by any crate that is linked in.
//!
//! ```standalone_crate
//! use atexit_core::{at_exit, register};
//!
//! #[at_exit(args = "the queue")]
//! fn flush(what: &str) -> std::io::Result<()> {
//!     println!("flushed {what}");
//!     Ok(())
//! }
//!
//! fn main() {
//!     register(|| println!("closed the window"));
//!     println!("main");
//!     std::process::exit(0); // skips destructors; handlers still run
//! }
//! ```
//!
//! ```text
//! main
//! closed the window
//! flushed the queue
//! ```
//!
//! Add the crate with `cargo add atexit-core`. Handlers run after a return from `main`, at `exit`, after a panic in `main`, and at a signal once
//! you have called [`signals::install()`](signals::install); not at `abort` or SIGKILL. They run in the reverse order of registration, on a
//! thread of their own where all of std works. A handler that fails stops no other one, is named on standard error, and turns an exit status of
//! 0 into one that says failure.
//!
//! **Warning:** the linker leaves out a dependency that no code names, and its handlers silently disappear. [`link!`] keeps it.
//!
//! | to | use |
//! |---|---|
//! | declare a handler | [`#[at_exit]`](at_exit) |
//! | register one at run time, and take it back | [`register`], [`register_async`], [`Handler`], [`Registration`], [`unregister`], [`clear`], [`pending`] |
//! | drop a value in a `static` at exit | [`DropAtExit`] |
//! | close a value in a `static` that others hold references to | [`CloseAtExit`] |
//! | run a function when a scope ends, or at exit if that comes first | [`guard`] |
//! | run handlers when a signal comes | [`signals::install`], [`Signals`](signals::Signals) (feature `signals`) |
//! | link crates that nothing else names, and state their order | [`link!`] |
//! | see the order, and test it | [`plan`], [`check`] |
//! | find crates with handlers that are not linked, in a test | [`check_links`], [`LinkCheck`] (feature `link-check`) |
//! | limit their time, watch them, choose an executor for async ones | [`Config`], [`configure`], [`Event`] |
//! | end the process, also from inside a handler | [`exit`] |
//! | run handlers now | [`run`] |
//! | run handlers before C's exit functions | [`arm`] |
//! | learn inside a handler why it runs, and how long it has | [`cause`], [`remaining`] |
//! | learn what happened | [`Report`], [`HandlerRun`], [`Failure`] |
//! | return your own type from a handler | [`Outcome`], [`HandlerError`] |
//!
//! The guide has a page for each subject.
//!
//! - Begin: [when handlers run](docs::when_handlers_run), [order](docs::order), [failures](docs::failures), [values](docs::values).
//! - With: [signals](docs::signals), [async handlers](docs::async_handlers), [tests](docs::testing), [libraries](docs::for_authors_of_libraries),
//!   [plug-ins and hosts](docs::plugins_and_hosts), [fork](docs::fork).
//! - Reference: [threads and thread-locals](docs::threads), [time](docs::time), [diagnostics](docs::diagnostics),
//!   [platforms](docs::platforms), [costs](docs::what_it_costs), [examples](docs::examples).
//!
//! # Features
//!
//! None is on by default.
//!
//! - `signals`: the module [`signals`](mod@signals), on Unix and Windows; on other platforms installing is an error.
//! - `tokio`: the module [`tokio`](mod@tokio). Every async handler of the program that names no executor gets a Tokio runtime, because features
//!   unify across a program.
//! - `link-check`: [`check_links`], for tests. Enable it under `[dev-dependencies]`.
//!
//! # Rust versions
//!
//! Rust 1.85 or later. Only a minor release raises that, to a Rust that is at least half a year old, and its changelog says so.

#![cfg_attr(docsrs, feature(doc_cfg))] // the docs say which item needs which feature
#![cfg_attr(
    not(all(feature = "link-check", feature = "signals", feature = "tokio")),
    allow(rustdoc::broken_intra_doc_links)
)] // to what is there with them

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
#[cfg(feature = "link-check")]
mod link_check;
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
#[cfg(feature = "link-check")]
pub use link_check::{LinkCheck, LinkError, UnlinkedCrate, check_links};
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
/// A dependency that no code names is not linked, and its handlers silently disappear. The order of crates is up to the linker,
/// dependencies first; link-time optimization does not keep it. What `link!` states holds in every build: the crates register in the order
/// in which it lists them, and the crate that contains the `link!` registers after them. So at exit the handlers of that crate run first, then
/// those of the crate listed last.
///
/// Several `link!`s, in several crates, add up. Crates that no `link!` relates keep the linker's order. The name of a crate stands for all
/// versions of it that are linked, and for the library of a package only. A dependency that `Cargo.toml` renames has two names, its own and
/// the one it has here: `link!(acme_db as db)`.
///
/// With the feature `link-check`, [`check_links`] finds the crates that you forgot.
///
/// # Errors
///
/// The compiler rejects names that are no dependency. [`check`] reports `link!`s that contradict each other, and crates that contribute no
/// handler. Contradictions are also reported at exit, on standard error; then the statements on that cycle are ignored.
///
/// # Examples
///
/// ```text
/// atexit_core::link!(telemetry, acme_db as db, cache);
/// ```
///
/// Here the handlers of this crate run first, then those of `cache`, of `acme_db`, and of `telemetry`.
///
/// An example that runs needs several packages: [`ordering`](docs::examples#ordering) in the repository is one. This one links a crate that
/// is at hand:
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
