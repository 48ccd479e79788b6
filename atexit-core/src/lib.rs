//! Run functions when the process exits.
extern crate self as atexit_core; // the attribute's expansions say `::atexit_core`, here too

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod account;
mod config;
mod executor;
mod exit_thread;
mod guard;
mod handler;
mod hook;
mod order;
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
pub use registry::{Registration, clear, pending, unregister};
pub use report::{Event, Failure, Report};
pub use runner::{Cause, cause};
pub use status::{Fault, Outcome};
