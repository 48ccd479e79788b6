//! Owns the server that all tests of a process share: the first test that asks for it starts it, and it is stopped when the process
//! ends, however that happens; must not know the tests.
//!
//! No test can stop it, because none knows that it is the last. Nor can a destructor: Rust drops no `static`, and after a failed test
//! libtest calls `std::process::exit`.

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

/// The time to stop the server, and to finish starting it if the process exits meanwhile.
const LIMIT: Duration = Duration::from_secs(40);

static SERVER: DropAtExit<Server> = DropAtExit::new(Server::start).close_with(Server::stop).time_limit(LIMIT);

/// Opens a new connection; the first call starts the server.
pub(crate) async fn client() -> Client {
    let address = SERVER.get().address;
    Client::connect(address).await.expect("the server accepts")
}

pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start() -> Self {
        signals::install().expect("signals can be caught");
        let mut server = Command::new(env!("CARGO_BIN_EXE_server"));
        // In its own process group: Ctrl-C in a terminal goes to a whole group, and would end the server before `stop` runs.
        let server = server.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = server.spawn().expect("the server starts");
        let Some(address) = reported_address(&mut child) else {
            child.kill().expect("the server can be killed");
            panic!("the server does not say where it listens");
        };
        // Not with `eprintln!`, whose output libtest captures for this one test; and in one write.
        let line = format!("server {} listens on {address}\n", child.id());
        io::stderr().write_all(line.as_bytes()).expect("stderr can be written to");
        Self { child, address }
    }

    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill().context("cannot kill the server")?;
        let status = self.child.wait().context("cannot wait for the server")?;
        ensure!(status.code().is_none(), "the server has ended too early: {status}");
        Ok(())
    }
}

/// The address that the server reports.
fn reported_address(child: &mut Child) -> Option<SocketAddr> {
    let mut stdout = BufReader::new(child.stdout.take()?);
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let _ = sender.send(stdout.read_line(&mut line).map(|_| line));
    });
    receiver.recv_timeout(LIMIT / 2).ok()?.ok()?.trim_end().parse().ok()
}
