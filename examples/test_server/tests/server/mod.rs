//! Owns the server that all tests of a process share: the first test that wants it starts it, and it is stopped when the process ends, by
//! whatever; must not know the tests.
//!
//! A test cannot stop it, as none knows that it is the last one. A destructor cannot either: Rust drops no `static`, and where a test
//! has failed, libtest calls `std::process::exit`.

mod instead;

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use atexit_core::{DropAtExit, signals};
use test_server::Client;

/// Far more than the server takes to start.
const LIMIT: Duration = Duration::from_secs(20);

static SERVER: DropAtExit<Server> =
    DropAtExit::new(Server::start).close_with(Server::stop).name("server").time_limit(LIMIT.saturating_mul(2));

/// A new connection to the one server.
pub(crate) async fn client() -> Client {
    let address = instead::address().unwrap_or_else(|| SERVER.get().address);
    Client::connect(address).await.expect("the server accepts")
}

struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start() -> Self {
        signals::install().expect("signals can be caught");
        let mut server = Command::new(env!("CARGO_BIN_EXE_server"));
        // In a group of its own: Ctrl-C at a terminal is for all of a group, and would end the server ahead of `stop`.
        let server = server.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = server.spawn().expect("the server starts");
        let Some(address) = says(&mut child) else {
            child.kill().expect("the server can be killed");
            panic!("the server does not say where it listens");
        };
        // Not by `eprintln!`, which libtest takes for the output of this one test, and in one piece.
        let line = format!("server {} listens on {address}\n", child.id());
        io::stderr().write_all(line.as_bytes()).expect("stderr can be written to");
        Self { child, address }
    }

    fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill().context("cannot kill the server")?;
        let status = self.child.wait().context("cannot wait for the server")?;
        ensure!(status.code().is_none(), "the server has ended too early: {status}");
        Ok(())
    }
}

/// Where the server says that it listens.
fn says(child: &mut Child) -> Option<SocketAddr> {
    let mut stdout = BufReader::new(child.stdout.take()?);
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let _ = sender.send(stdout.read_line(&mut line).map(|_| line));
    });
    receiver.recv_timeout(LIMIT).ok()?.ok()?.trim_end().parse().ok()
}
