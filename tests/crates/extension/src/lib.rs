//! A library for hosts that are not Rust, whose handlers use `tracing` and Tokio, which need thread-locals.

use std::io;
use std::time::Duration;

use atexit_core::{at_exit, cause};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tracing::{info, info_span};

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Connects to itself, and waits for a timer.
async fn talk() -> io::Result<()> {
    let listener = TcpListener::bind("localhost:0").await?; // resolves the name, on one of the runtime's threads
    let there = tokio::spawn(TcpStream::connect(listener.local_addr()?));
    listener.accept().await?;
    there.await??;
    tokio::time::sleep(Duration::from_millis(1)).await;
    info!("connected, and waited");
    Ok(())
}

/// Uses on the host's thread what the handlers use on theirs.
#[unsafe(export_name = "extension_start")]
pub extern "C" fn start() {
    tracing_subscriber::fmt().with_ansi(false).without_time().init();
    let _span = info_span!("host").entered();
    info!("{:?}", runtime().and_then(|runtime| runtime.block_on(talk())));
}

#[at_exit]
fn logs() {
    let _span = info_span!("handler", cause = ?cause()).entered();
    info!("logs");
}

#[at_exit]
fn uses_tokio() -> io::Result<()> {
    let _span = info_span!("handler").entered();
    runtime()?.block_on(talk())
}
