//! Makes a span, and ends where the runtime that should send it cannot.
//!
//! ```text
//! mistakes [local | current-thread | current-thread-exit | shared]
//! ```

use std::error::Error;
use std::sync::LazyLock;
use std::{env, process};

use opentelemetry::global;
use opentelemetry::trace::Tracer as _;
use telemetry::RUNTIME;
use tokio::runtime::{Builder, Runtime};

static CURRENT_THREAD: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().expect("a runtime without a thread"));

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1).as_deref().unwrap_or("local") {
        // Like the runtime of `#[tokio::main]`, this one is gone when `main` has returned.
        "local" => {
            let runtime = Runtime::new()?;
            telemetry::start(|| telemetry::on(&runtime))?;
            runtime.block_on(async { work() });
        }
        // The runtime is still there, but no thread runs its tasks.
        "current-thread" => {
            telemetry::start(|| telemetry::on(&CURRENT_THREAD))?;
            CURRENT_THREAD.block_on(async { work() });
        }
        // The thread that runs its tasks exits.
        "current-thread-exit" => {
            telemetry::start(|| telemetry::on(&CURRENT_THREAD))?;
            CURRENT_THREAD.block_on(async {
                work();
                process::exit(3)
            });
        }
        // A worker of the runtime exits, and the task that sends is waiting for that worker.
        "shared" => {
            telemetry::start(|| telemetry::on(&RUNTIME))?;
            RUNTIME.block_on(RUNTIME.spawn(async {
                work();
                process::exit(4)
            }))?;
        }
        mistake => return Err(format!("there is no mistake called {mistake}").into()),
    }
    Ok(())
}

fn work() {
    global::tracer("mistakes").in_span("work", |_context| ());
}
