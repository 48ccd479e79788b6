//! Run functions when the process exits.
extern crate self as atexit_core; // the attribute's expansions say `::atexit_core`, here too

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod account;
mod config;
mod crates;
mod executor;
mod exit_thread;
mod graph;
mod guard;
mod handler;
mod hook;
mod order;
mod plan;
mod platform;
mod registry;
mod report;
mod runner;
mod status;
mod turn;
mod watch;

pub use atexit_macros::at_exit;
pub use config::{Config, configure};
pub use guard::{ExitGuard, guard};
pub use handler::{Handler, HandlerInfo, register};
pub use hook::{arm, exit, run};
pub use plan::{Plan, PlanError, PlannedHandler, Problem, check, plan};
pub use registry::{Registration, clear, pending, unregister};
pub use report::{Event, Failure, Report};
pub use runner::{Cause, cause};
pub use status::{Fault, Outcome};

/// Links crates that nothing else names, and states that their handlers count as registered in this order, before those of the crate
/// that says it.
///
/// A dependency that no code names is not linked, and its handlers vanish without a word. And the order of crates, which without this is the
/// linker's (dependencies first), is lost when link-time optimization rearranges them: what `link!` states holds in every build. Several
/// `link!`s, in several crates, add up; [`check`] says if they contradict each other, or if a crate contributes nothing.
///
/// A dependency that was renamed has two names, its own and the one that it has here: `link!(acme_db as db)`.
///
/// ```text
/// atexit_core::link!(telemetry, acme_db as db, cache);
/// ```
#[macro_export]
macro_rules! link {
    ($($crates:tt)*) => {
        $crate::__private::link_with! { [$crate] $($crates)* }
    };
}
