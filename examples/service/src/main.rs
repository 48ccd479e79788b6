//! A web service that keeps the lines its clients send by `POST`.
//!
//! ```text
//! service JOURNAL [return | error | panic | process-exit | worker | exit | wait]
//! ```
//!
//! It listens on a free port of 127.0.0.1 and prints its address. At SIGTERM or Ctrl-C it answers the requests under way, and then `main`
//! ends in the way that the second argument names. One more SIGTERM or Ctrl-C, a second later, ends the process at once; so does SIGHUP or
//! SIGQUIT at any time.
//!
//! Two variables in the environment show what goes wrong otherwise. With `BY_HAND`, nothing runs at exit, and the last line of `main` flushes
//! the journal. With `ALL_SIGNALS`, the library catches SIGTERM and SIGINT, too, from the start.

mod journal;

use std::error::Error;
use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::time::Duration;
use std::{env, future, process};

use atexit_core::signals::{self, Signal, Signals};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::signal::unix::{self, SignalKind};
use tokio::{select, task, time};
use tokio_util::sync::CancellationToken;

/// Until then, another signal is the same request: `timeout`, for one, sends SIGTERM twice.
const REPEATS: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let path = arguments.next().ok_or("the first argument is the path of the journal")?;
    let way = arguments.next().unwrap_or_else(|| "return".to_owned());
    let by_hand = env::var_os("BY_HAND").is_some();

    let shutdown = CancellationToken::new();
    let shutting_down = task::spawn(shut_down(ShutdownSignals::new()?, shutdown.clone()));
    Signals::new().except([Signal::TERM, Signal::INT]).install()?;
    if env::var_os("ALL_SIGNALS").is_some() {
        signals::install()?; // handlers begin while requests are under way
    }
    journal::open(&path)?;
    if by_hand {
        atexit_core::clear();
    }

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    let service = Router::new().route("/", post(keep));
    axum::serve(listener, service).with_graceful_shutdown(shutdown.cancelled_owned()).await?;
    shutting_down.abort();
    signals::install()?; // no request is left: all signals may run the handlers

    end(&way).await?;
    if by_hand {
        journal::flush()?;
    }
    Ok(())
}

async fn keep(line: String) -> Result<(), StatusCode> {
    journal::keep(&line).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)
}

/// The signals that belong to the service, not to the library.
struct ShutdownSignals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
}

impl ShutdownSignals {
    fn new() -> io::Result<Self> {
        let terminate = unix::signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: unix::signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Shuts down at the first signal. A later one does not wait for clients.
async fn shut_down(mut signals: ShutdownSignals, shutdown: CancellationToken) {
    signals.next().await;
    say("shutting down");
    shutdown.cancel();
    time::sleep(REPEATS).await;
    match signals::install() {
        Ok(()) => say("the next signal ends it at once"),
        Err(error) => say(&error.to_string()),
    }
}

/// Prints a line, if there is anybody to read it.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

async fn end(way: &str) -> Result<(), Box<dyn Error>> {
    match way {
        "return" => Ok(()),
        "error" => Err("it ends by an error".into()),
        "panic" => panic!("it ends by a panic"),
        "process-exit" => process::exit(3),
        "worker" => Ok(task::spawn(async { process::exit(4) }).await?),
        "exit" => atexit_core::exit(5),
        "wait" => {
            say("waiting");
            future::pending().await // until a signal comes
        }
        _ => Err(format!("there is no way called {way}").into()),
    }
}
