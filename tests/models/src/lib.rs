//! Owns the library as the models see it: its own sources, over a [`world`] in which a seed decides who runs when; must not know what is
//! modelled.
//!
//! # The problem
//!
//! Threads exit while others register, take back, or run handlers, and while limits and the deadline strike. Which of them comes first in a
//! test is up to the machine, and it is nearly always the same one.
//!
//! # The usual answer, and why it does not serve here
//!
//! loom and shuttle put their own locks and threads under the code, and try many orders. But in both a wait with a time-out never times
//! out, which is what half of this code is about; a process cannot end while a thread of it hangs, which is what the library is for; and
//! what is in a `static` does not begin anew.
//!
//! # What we do
//!
//! These are the library's files, but for two: [`sync`] has the locks, threads and clock of the [`world`], and `platform` a hook that a
//! modelled [`process`] calls. The models, in `tests`, use nothing but the public interface.
//!
//! # What it costs
//!
//! An order is one of interleaved steps: what a weaker memory would allow is not explored. The library orders all its atomics, and locks.

#![allow(dead_code, reason = "the rest of the library is not modelled: forks, signals, plans")]
#![allow(
    clippy::let_unit_value,
    clippy::ignored_unit_patterns,
    reason = "to join a thread fails in std, and never here"
)]
#![allow(unexpected_cfgs, reason = "the library's features are none of this package")]

#[path = "../../../atexit-core/src/account.rs"]
mod account;
mod choice;
#[path = "../../../atexit-core/src/config.rs"]
mod config;
#[path = "../../../atexit-core/src/crates.rs"]
mod crates;
#[expect(unreachable_pub, reason = "nothing is declared: no expansion names it")]
#[path = "../../../atexit-core/src/declaration.rs"]
mod declaration;
#[path = "../../../atexit-core/src/exit_thread.rs"]
mod exit_thread;
#[path = "../../../atexit-core/src/graph.rs"]
mod graph;
#[path = "../../../atexit-core/src/handler.rs"]
mod handler;
#[path = "../../../atexit-core/src/hook.rs"]
mod hook;
pub mod model;
#[path = "../../../atexit-core/src/naming.rs"]
mod naming;
#[path = "../../../atexit-core/src/order.rs"]
mod order;
#[path = "../../../atexit-core/src/plan.rs"]
mod plan;
mod platform;
pub mod process;
#[path = "../../../atexit-core/src/registry.rs"]
mod registry;
#[path = "../../../atexit-core/src/report.rs"]
mod report;
#[path = "../../../atexit-core/src/runner.rs"]
mod runner;
#[path = "../../../atexit-core/src/stacks.rs"]
mod stacks;
#[path = "../../../atexit-core/src/status.rs"]
mod status;
pub mod sync;
#[path = "../../../atexit-core/src/turn.rs"]
mod turn;
#[path = "../../../atexit-core/src/watch.rs"]
mod watch;
pub mod world;

use std::sync::atomic::Ordering;

pub use config::{Config, configure};
pub use handler::{Handler, register};
pub use hook::{arm, exit, run};
pub use naming::HandlerInfo;
pub use plan::{Plan, PlanError, PlannedHandler, Problem, check, plan};
pub use registry::{Registration, clear, pending, unregister};
pub use report::{Event, Failure, Report};
pub use runner::{Cause, cause};
pub use status::{Fault, Outcome};

/// Makes all that the library has in statics what it is when a process begins.
fn begin_anew() {
    *registry::lock() = registry::Pending::new();
    *turn::lock() = turn::Turns::default();
    turn::unseat();
    hook::THROUGH.store(false, Ordering::Relaxed);
    *exit_thread::lock() = exit_thread::Driving::default();
    account::lock().clear();
    configure(Config::new());
}
