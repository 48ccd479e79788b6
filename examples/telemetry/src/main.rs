//! Makes a span and ends in the way its argument names; a handler makes another span at exit.
//!
//! ```text
//! telemetry [blocking | async] [return | error | panic | process-exit | worker | exit | signal]
//! ```
//!
//! With `BY_HAND` in the environment, the last line of `main` shuts the provider down instead, to show when the program never gets there.

use std::error::Error;
use std::io::{self, Write as _};
use std::time::Duration;
use std::{env, future, process};

use atexit_core::at_exit;
use opentelemetry::global;
use opentelemetry::trace::Tracer as _;
use tokio::runtime::Runtime;
use tokio::{task, time};

fn main() -> Result<(), Box<dyn Error>> {
    atexit_core::signals::install()?;
    let mut arguments = env::args().skip(1);
    let make = match arguments.next().as_deref().unwrap_or("blocking") {
        "blocking" => telemetry::blocking,
        "async" => || telemetry::on(&telemetry::RUNTIME),
        client => return Err(format!("there is no client called {client}").into()),
    };
    let way = arguments.next().unwrap_or_else(|| "return".to_owned());
    let runtime = Runtime::new()?;
    if env::var_os("BY_HAND").is_some() {
        let provider = make()?;
        global::set_tracer_provider(provider.clone());
        runtime.block_on(work(&way))?;
        return Ok(provider.shutdown()?);
    }
    telemetry::start(make)?;
    runtime.block_on(work(&way))
}

async fn work(way: &str) -> Result<(), Box<dyn Error>> {
    global::tracer("telemetry").in_span("work", |_context| ());
    writeln!(io::stdout(), "the work is done")?;
    match way {
        "return" => Ok(()),
        "error" => Err("it ends by an error".into()),
        "panic" => panic!("it ends by a panic"),
        "process-exit" => process::exit(3),
        "worker" => Ok(task::spawn(async { process::exit(4) }).await?),
        "exit" => atexit_core::exit(5),
        "signal" => future::pending().await, // until one comes
        _ => Err(format!("there is no way called {way}").into()),
    }
}

/// It needs a Tokio runtime, and that of `main` may be gone by now.
#[at_exit(block_on = on_runtime)]
async fn tidy_up() {
    let _span = global::tracer("telemetry").start("tidy up");
    time::sleep(Duration::from_millis(1)).await;
}

fn on_runtime<T>(handler: impl Future<Output = T>) -> T {
    telemetry::RUNTIME.block_on(handler)
}
