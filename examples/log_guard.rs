//! A log writer that works on a thread of its own: its guard writes what is left when it is dropped, which Rust never does with a `static`.

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
