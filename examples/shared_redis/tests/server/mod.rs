//! Owns the Redis server that all tests of a process share, from the first that wants it to the end of the process; must not know
//! the tests.

use std::io::{self, BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use atexit_core::{DropAtExit, signals};
use redis::{Client, Connection, ConnectionAddr};
use tempfile::TempDir;

static DIR: DropAtExit<TempDir> = DropAtExit::new(|| tempfile::tempdir().expect("a directory for the server"));

/// An exit that comes while the server starts waits for it, for as long as it may take to stop.
static SERVER: DropAtExit<Server> =
    DropAtExit::new(Server::start).close_with(Server::stop).time_limit(Duration::from_secs(20));

/// A new connection to the server, which the first one starts.
pub(crate) fn connection() -> Connection {
    SERVER.get().connection()
}

pub(crate) struct Server {
    process: Child,
    client: Client,
}

impl Server {
    fn start() -> Self {
        signals::install().expect("signals can be caught"); // Ctrl-C, and what ends a job of CI, stop the server, too
        Self::start_in(DIR.get().path())
    }

    pub(crate) fn start_in(dir: &Path) -> Self {
        let socket = dir.join("socket");
        let mut redis = Command::new("redis-server");
        redis.args(["--port", "0", "--save", "", "--dir"]).arg(dir).arg("--unixsocket").arg(&socket);
        // In a group of its own: at a terminal, Ctrl-C is for the tests, which stop the server when they have done with it.
        redis.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = redis.spawn().expect("redis-server is installed");
        let mut log = BufReader::new(process.stdout.take().expect("piped")).lines().map_while(Result::ok);
        assert!(log.any(|line| line.contains("to accept connections")), "the server does not start");
        Self { process, client: Client::open(ConnectionAddr::Unix(socket)).expect("an address") }
    }

    pub(crate) fn connection(&self) -> Connection {
        self.client.get_connection().expect("the server accepts")
    }

    fn stop(mut self) -> io::Result<()> {
        self.process.kill()?; // its data are of no use to anybody
        self.process.wait().map(drop)
    }
}
