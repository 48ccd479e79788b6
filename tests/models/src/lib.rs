//! Owns the library as the models see it: its own sources, over a [`world`] in which a seed decides which thread runs when; must not know what is
//! modeled.
//!
//! # The problem
//!
//! Threads exit while others register, unregister or run handlers, and while limits and the deadline expire. In a test, the machine decides
//! which comes first, and the order is nearly always the same.
//!
//! # The usual answer, and why it does not work here
//!
//! loom and shuttle put their own locks and threads under the code, and try many orders. But in both, a wait with a time-out never times
//! out, although half of this code is about that; a process cannot end while one of its threads hangs, which is what the library is for; and
//! statics are not reset.
//!
//! # What we do
//!
//! These are the library's rooms, with one exception: [`sys`] has the locks, threads and clock of the [`world`], and a hook that a modeled
//! [`process`] calls. The models, in `tests`, use only the public interface.
//!
//! # What it costs
//!
//! An order consists of interleaved steps: the effects of a weaker memory model are not explored. The library orders all its atomics, and locks.

#![allow(dead_code, reason = "the rest of the library is not modelled: forks, signals, plans")]
#![allow(
    clippy::let_unit_value,
    clippy::ignored_unit_patterns,
    reason = "to join a thread fails in std, and never here"
)]
#![allow(unexpected_cfgs, reason = "the library's features are none of this package")]

mod choice;
#[path = "../../../atexit-core/src/config.rs"]
mod config;
#[path = "../../../atexit-core/src/early.rs"]
mod early;
#[path = "../../../atexit-core/src/exit/mod.rs"]
mod exit;
#[path = "../../../atexit-core/src/guard.rs"]
mod guard;
#[expect(unreachable_pub, reason = "nothing is declared: no expansion names it")]
#[path = "../../../atexit-core/src/handler/mod.rs"]
mod handler;
#[path = "../../../atexit-core/src/log.rs"]
mod log;
pub mod model;
#[expect(unreachable_pub, reason = "nothing is declared: no expansion names it")]
#[path = "../../../atexit-core/src/order/mod.rs"]
mod order;
#[path = "../../../atexit-core/src/plan/mod.rs"]
mod plan;
pub mod process;
#[path = "../../../atexit-core/src/registration.rs"]
mod registration;
#[path = "../../../atexit-core/src/registry/mod.rs"]
mod registry;
#[path = "../../../atexit-core/src/report/mod.rs"]
mod report;
#[path = "../../../atexit-core/src/runner/mod.rs"]
mod runner;
pub mod sys;
#[path = "../../../atexit-core/src/values/mod.rs"]
mod values;
pub mod world;

use std::sync::atomic::Ordering;

pub use config::{Config, configure};
pub use exit::{arm, exit, run};
pub use guard::{ExitGuard, guard};
pub use handler::declaration::Phase;
pub use handler::error::{FailureKind, HandlerError};
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

/// Resets the library's statics to their values at the start of a process.
fn begin_anew() {
    *registry::PENDING.lock() = registry::Pending::new();
    registry::lease::revoke();
    *runner::RUN.lock() = runner::RunState::new();
    exit::hook::HOOK_DONE.store(false, Ordering::Relaxed);
    log::WAITED.store(0, Ordering::Relaxed);
    configure(Config::new());
}
