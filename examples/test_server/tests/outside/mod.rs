//! Owns running tests in a separate process, as `cargo test` does, and observing that process from outside; must not know what the
//! tests are.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::{env, thread};

use spawn::{End, LIMIT, command, end, kill_group, run, tool};
use test_server::Client;
use tokio::time::timeout;

/// A process that runs tests.
pub(crate) struct Tests {
    child: Child,
    /// The file with their output. A server that is left over would keep a pipe open.
    path: PathBuf,
    listener: TcpListener,
}

impl Tests {
    /// Runs the tests whose names begin with `names`. Each of these variables is set to the address to [meet](Self::meet) at.
    pub(crate) fn start(names: &str, variables: &[&str], instead: Option<&str>) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("output_{}_{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let file = File::create(&path).expect("a file for the output");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let program = env::current_exe().expect("this program has a path");
        let mut command = command(&program.to_string_lossy(), &[names, "--nocapture"]);
        for variable in ["INSTEAD", "TEST_FAILS", "TEST_STOPS_SERVER"] {
            command.env_remove(variable);
        }
        command.envs(variables.iter().map(|variable| (variable, &address)));
        command.envs(instead.map(|instead| ("INSTEAD", instead)));
        command.stdin(Stdio::null()).stdout(file.try_clone().expect("a second handle")).stderr(file);
        Self { child: command.spawn().expect("the tests start"), path, listener }
    }

    /// Waits until somebody whose report begins with `who` reaches their point.
    #[track_caller]
    pub(crate) fn meet(&self, who: &str) -> Meeting {
        let listener = self.listener.try_clone().expect("a second handle");
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || sender.send(listener.accept()));
        let (stream, _) = receiver.recv_timeout(LIMIT).expect("somebody comes").expect("somebody comes");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        let mut stream = BufReader::new(stream);
        let mut said = String::new();
        stream.read_line(&mut said).expect("a line");
        assert!(said.starts_with(who), "{said}");
        Meeting { stream, said }
    }

    /// Sends a signal to its whole process group, as a terminal does.
    pub(crate) fn kill(&self, signal: i32) {
        kill_group(&self.child, signal);
    }

    pub(crate) fn end(mut self) -> Ended {
        let Some(end) = end(&mut self.child) else { panic!("the tests hang; see {}", self.path.display()) };
        let output = fs::read_to_string(&self.path).expect("the output");
        fs::remove_file(self.path).expect("it is still there");
        Ended { end, output }
    }
}

/// Somebody who waits for permission to go on, at the latest until this is dropped.
pub(crate) struct Meeting {
    stream: BufReader<TcpStream>,
    pub(crate) said: String,
}

impl Meeting {
    /// Lets them go on, and waits until they are done.
    pub(crate) fn go_on(&mut self) {
        self.stream.get_ref().shutdown(Shutdown::Write).expect("they are there");
        self.stream.read_to_end(&mut Vec::new()).expect("they go away");
    }
}

/// The end and the output of a process that ran tests.
pub(crate) struct Ended {
    end: End,
    pub(crate) output: String,
}

impl Ended {
    /// The servers that were started.
    pub(crate) fn servers<const COUNT: usize>(&self) -> [Server; COUNT] {
        let servers: Vec<_> =
            self.output.lines().filter(|line| line.contains(" listens on ")).map(Server::new).collect();
        servers.try_into().unwrap_or_else(|servers| panic!("{servers:?} were started:\n{}", self.output))
    }

    /// The only server that was started.
    pub(crate) fn server(&self) -> Server {
        let [server] = self.servers();
        server
    }

    #[track_caller]
    pub(crate) fn assert_end(&self, end: End, summary: &str) {
        assert_eq!(self.end, end, "{}", self.output);
        assert!(self.output.contains(summary), "{}", self.output);
    }
}

/// A server that was started.
#[derive(Debug)]
pub(crate) struct Server {
    pid: String,
    address: SocketAddr,
}

impl Server {
    /// Reads the line in which a server reports its address. With one thread, libtest has begun that line with the test's name.
    pub(crate) fn new(line: &str) -> Self {
        let (left, address) = line.trim_end().split_once(" listens on ").expect("a server listens");
        let (_, pid) = left.rsplit_once("server ").expect("a server listens");
        Self { pid: pid.to_owned(), address: address.parse().expect("an address") }
    }

    /// Whether a process with its PID exists.
    fn is_alive(&self) -> bool {
        run(&mut tool("sh", &["-c", r#"kill -0 "$0""#, &self.pid])).end == End::Status(0)
    }

    #[track_caller]
    pub(crate) fn assert_stopped(&self) {
        assert!(!self.is_alive(), "{self:?} is left over");
    }

    /// Fails unless it is still serving, with this value of the key `common`; then stops it.
    pub(crate) async fn assert_left_over(&self, common: Option<&str>) {
        let is_alive = self.is_alive();
        let ask = async {
            let mut client = Client::connect(self.address).await?;
            let value = client.get("common").await?;
            client.stop().await?;
            Ok::<_, std::io::Error>(value)
        };
        let value = timeout(LIMIT, ask).await.expect("the server answers").expect("the server answers");
        assert_eq!((is_alive, value.as_deref()), (true, common), "{self:?}");
    }
}
