//! Owns the server that all tests of a process share: the first test that wants it starts it, and the exit handler stops it
//! when the last test is over; must not know the tests.
//!
//! A test cannot stop it, as none knows that it is the last one. A destructor cannot either: Rust drops no `static`, and where a test
//! has failed, libtest calls `std::process::exit`. This works the same with a container or whatever is stopped by async code.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};
use std::time::Duration;
use std::{env, thread};

use anyhow::{Context as _, ensure};
use atexit_core::at_exit;
use test_server::Client;
use tokio::time::timeout;

/// Far more than the server takes to start, or to stop.
const LIMIT: Duration = Duration::from_secs(20);

struct Server {
    /// Not one of Tokio's: that would need the runtime of the test that started it, which is gone when that test is over.
    child: Mutex<Child>,
    address: SocketAddr,
}

static SERVER: OnceLock<Server> = OnceLock::new();

/// A new connection to the one server.
pub(crate) async fn client() -> Client {
    let server = SERVER.get_or_init(start);
    Client::connect(server.address).await.expect("the server accepts")
}

fn start() -> Server {
    if env::var_os("FORGET_HANDLERS").is_some() {
        atexit_core::clear(); // to show what the handler is for
    }
    let mut server = Command::new(env!("CARGO_BIN_EXE_server"));
    let mut child = server.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the server starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let _ = sender.send(stdout.read_line(&mut line).map(|_| line));
    });
    let address = receiver.recv_timeout(LIMIT).ok().and_then(|line| line.ok()?.trim_end().parse().ok());
    let Some(address) = address else {
        child.kill().expect("the server can be killed");
        panic!("the server does not say where it listens");
    };
    // Not by `eprintln!`, which libtest takes for the output of this one test, and in one piece.
    let line = format!("server {} listens on {address}\n", child.id());
    io::stderr().write_all(line.as_bytes()).expect("stderr can be written to");
    Server { child: Mutex::new(child), address }
}

#[at_exit(name = "stop the server", time_limit = LIMIT * 2)]
async fn stop() -> anyhow::Result<()> {
    let Some(Server { child, address }) = SERVER.get() else { return Ok(()) };
    let stop = async { Client::connect(*address).await?.stop().await };
    let stopped = timeout(LIMIT, stop).await.unwrap_or_else(|elapsed| Err(elapsed.into()));
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    if stopped.is_err() {
        child.kill().context("cannot kill the server")?;
    }
    // This blocks, which is fine where nothing else is to be driven: it is gone already, or about to be.
    let status = child.wait().context("cannot wait for the server")?;
    stopped.context("cannot tell the server to stop")?;
    ensure!(status.success(), "the server did not end well: {status}");
    Ok(())
}
