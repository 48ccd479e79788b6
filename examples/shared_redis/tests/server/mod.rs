//! Owns the Redis server that all tests of a process share, from the first test that asks for it to the end of the process; must
//! not know the tests.

use std::io::{self, BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use atexit_core::{DropAtExit, signals};
use redis::{Client, Connection, ConnectionAddr};
use tempfile::TempDir;

/// The time to stop the server, and to finish starting it if the process exits meanwhile.
const LIMIT: Duration = Duration::from_secs(20);

static DIR: DropAtExit<TempDir> = DropAtExit::new(|| tempfile::tempdir().expect("a directory for the server"));
static SERVER: DropAtExit<Server> = DropAtExit::new(Server::start).close_with(Server::stop).time_limit(LIMIT);

/// Opens a new connection; the first call starts the server.
pub(crate) fn connection() -> Connection {
    SERVER.get().client.get_connection().expect("the server accepts")
}

pub(crate) struct Server {
    process: Child,
    pub(crate) client: Client,
}

impl Server {
    fn start() -> Self {
        signals::install().expect("signals can be caught"); // so that Ctrl-C and SIGTERM stop the server, too
        Self::start_in(DIR.get().path())
    }

    pub(crate) fn start_in(dir: &Path) -> Self {
        let socket = dir.join("socket");
        let mut server = Command::new("redis-server");
        server.args(["--port", "0", "--save", "", "--dir"]).arg(dir).arg("--unixsocket").arg(&socket);
        // In its own process group: Ctrl-C in a terminal then reaches only the tests, which stop the server when they are done.
        let mut process = server.process_group(0).stdout(Stdio::piped()).spawn().expect("redis-server is installed");
        let mut log = BufReader::new(process.stdout.take().expect("piped")).lines().map_while(Result::ok);
        assert!(log.any(|line| line.contains("to accept connections")), "the server does not start");
        Self { process, client: Client::open(ConnectionAddr::Unix(socket)).expect("an address") }
    }

    fn stop(mut self) -> io::Result<()> {
        self.process.kill()?; // nobody needs its data
        self.process.wait().map(drop)
    }
}
