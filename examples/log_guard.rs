//! A log writer with its own thread. Dropping its guard writes the rest of the log, but Rust drops no `static`.

use atexit_core::{DropAtExit, at_exit};
use tracing_appender::non_blocking::WorkerGuard;

static LOG: DropAtExit<WorkerGuard> = DropAtExit::empty().last();

#[at_exit]
fn cleanup() {
    tracing::info!("cleaned up");
}

fn main() {
    let (writer, guard) = tracing_appender::non_blocking(std::io::stdout());
    tracing_subscriber::fmt().with_writer(writer).with_ansi(false).without_time().init();
    LOG.set(guard).expect("it is set once");
    tracing::info!("main");
    std::process::exit(0);
}
