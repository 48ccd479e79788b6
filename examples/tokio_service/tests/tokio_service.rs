//! Owns the proof that every answered line reaches the peer, however the service ends, and that none does without the handler;
//! talks to the service as its clients and its peer do.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use spawn::{End, Seen, assert_seen, command, finish};
use tokio::net::TcpSocket;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tokio-service");

/// Far more than any step here needs: a step that takes as long hangs.
const LIMIT: Duration = Duration::from_secs(60);

struct Peer {
    address: SocketAddr,
    listener: TcpListener,
}

impl Peer {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        Self { address: listener.local_addr().expect("an address"), listener }
    }

    /// Reads in the background all that the service sends, to the end of the connection.
    fn receive(self) -> Receiver<Vec<u8>> {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let (mut stream, _) = self.listener.accept().expect("the service connects");
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).expect("the service sends");
            sender.send(bytes).expect("the test waits for it");
        });
        receiver
    }

    /// Fails if the service, which has ended, connected.
    #[track_caller]
    fn assert_left_alone(&self) {
        self.listener.set_nonblocking(true).expect("a socket can be set so");
        let connection = self.listener.accept().map_err(|error| error.kind());
        assert_eq!(connection.err(), Some(ErrorKind::WouldBlock));
    }
}

/// The program, while it runs.
struct Service {
    command: Command,
    child: Child,
    address: SocketAddr,
}

impl Service {
    fn start(options: &[&str], peer: SocketAddr) -> Self {
        let mut command = command(PROGRAM, options);
        command.arg(peer.to_string()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        // Reads no byte beyond the line: `finish` reads the rest.
        let mut stdout = BufReader::with_capacity(1, child.stdout.take().expect("piped"));
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            stdout.read_line(&mut line).expect("a pipe can be read");
            let _ = sender.send((line, stdout.into_inner()));
        });
        let Ok((line, stdout)) = receiver.recv_timeout(LIMIT) else {
            child.kill().expect("the program can be killed");
            panic!("{command:?} does not print its address");
        };
        child.stdout = Some(stdout);
        let address = line.trim_end().strip_prefix("listening on ").and_then(|address| address.parse().ok());
        Self { command, child, address: address.unwrap_or_else(|| panic!("an address is not in {line:?}")) }
    }

    fn client(&self) -> Client {
        let stream = TcpStream::connect_timeout(&self.address, LIMIT).expect("the service accepts");
        stream.set_read_timeout(Some(LIMIT)).expect("a socket has timeouts");
        stream.set_write_timeout(Some(LIMIT)).expect("a socket has timeouts");
        Client(BufReader::new(stream))
    }

    /// Gives the order, waits for the end, and returns the output after the address.
    fn end(self, way: Way) -> Seen {
        self.client().write(way.order());
        finish(self.child, &self.command)
    }
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn write(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).expect("the service reads");
    }

    fn read(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("the service answers");
        line
    }

    /// Sends a line, which has to be the `count`-th that the service keeps.
    #[track_caller]
    fn send(&mut self, line: &str, count: usize) {
        self.write(line);
        assert_eq!(self.read(), format!("{count}\n"));
    }
}

/// How the service ends.
#[derive(Clone, Copy, Debug)]
enum Way {
    ReturnFromMain,
    ExitInTask,
}

impl Way {
    const ALL: [Self; 2] = [Self::ReturnFromMain, Self::ExitInTask];

    fn order(self) -> &'static str {
        match self {
            Self::ReturnFromMain => "quit\n",
            Self::ExitInTask => "die\n",
        }
    }

    fn status(self) -> i32 {
        match self {
            Self::ReturnFromMain => 0,
            Self::ExitInTask => 3,
        }
    }

    /// The end of a service that took this way out and whose handler succeeded.
    fn quietly(self) -> Seen {
        Seen { stdout: String::new(), stderr: String::new(), end: End::Status(self.status()) }
    }
}

#[test]
fn the_peer_gets_the_lines_of_all_clients() {
    for way in Way::ALL {
        let peer = Peer::new();
        let service = Service::start(&[], peer.address);
        let received = peer.receive();
        let (mut one, mut other) = (service.client(), service.client());
        one.send("first\n", 1);
        other.send("second, \u{fc}\n", 2);
        one.send("\n", 3);
        other.send(" quit\n", 4);
        assert_eq!(service.end(way), way.quietly(), "{way:?}");
        let bytes = received.recv_timeout(LIMIT).expect("the lines");
        assert_eq!(String::from_utf8(bytes).expect("UTF-8"), "first\nsecond, \u{fc}\n\n quit\n", "{way:?}");
    }
}

/// Far more than the sockets' buffers: the handler waits for the peer many times.
#[test]
fn the_peer_gets_megabytes() {
    for way in Way::ALL {
        let peer = Peer::new();
        let service = Service::start(&[], peer.address);
        let received = peer.receive();
        let mut client = service.client();
        let mut expected = Vec::new();
        for count in 1..=256 {
            let line = format!("{count:065535}\n");
            client.send(&line, count);
            expected.extend_from_slice(line.as_bytes());
        }
        assert_eq!(service.end(way), way.quietly(), "{way:?}");
        let bytes = received.recv_timeout(LIMIT).expect("the lines");
        assert!(bytes == expected, "{way:?}: {} bytes of {}", bytes.len(), expected.len());
    }
}

#[test]
fn a_line_without_an_end_is_not_kept() {
    let peer = Peer::new();
    let service = Service::start(&[], peer.address);
    let received = peer.receive();
    let mut client = service.client();
    client.send("whole\n", 1);
    client.write("cut o");
    client.0.get_mut().shutdown(Shutdown::Write).expect("a socket can be shut down");
    assert_eq!(client.read(), "", "the service has read it, and closes");
    assert_eq!(service.end(Way::ReturnFromMain), Way::ReturnFromMain.quietly());
    assert_eq!(received.recv_timeout(LIMIT).expect("the line"), b"whole\n");
}

#[test]
fn without_lines_the_peer_is_left_alone() {
    for way in Way::ALL {
        let peer = Peer::new();
        let service = Service::start(&[], peer.address);
        assert_eq!(service.end(way), way.quietly(), "{way:?}");
        peer.assert_left_alone();
    }
}

#[test]
fn without_the_handler_the_lines_are_lost() {
    for way in Way::ALL {
        let peer = Peer::new();
        let service = Service::start(&["--forget-handlers"], peer.address);
        service.client().send("lost\n", 1);
        assert_eq!(service.end(way), way.quietly(), "{way:?}");
        peer.assert_left_alone();
    }
}

/// The failure replaces a status of 0 but not 3.
#[test]
fn a_peer_that_is_gone_fails_the_handler() {
    // A port that is taken, and on which nobody listens.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let peer = socket.local_addr().expect("an address");
    let refused = TcpStream::connect_timeout(&peer, LIMIT).expect_err("nobody listens");
    for (way, status) in [(Way::ReturnFromMain, 1), (Way::ExitInTask, 3)] {
        let service = Service::start(&[], peer);
        let mut client = service.client();
        client.send("one\n", 1);
        client.send("two\n", 2);
        let stderr = format!(
            "Error: cannot reach {peer}; lines lost: 2\n\n    Caused by:\n        {refused}\n\
             at_exit: 1 handler failed:\n\
             at_exit: send the lines at {}: cannot reach {peer}; lines lost: 2 …\n",
            handler()
        );
        let expected = Seen { stdout: String::new(), stderr, end: End::Status(status) };
        assert_eq!(service.end(way), expected, "{way:?}");
    }
}

/// The place where the handler is declared.
fn handler() -> String {
    let above = include_str!("../src/outbox.rs").lines().take_while(|line| !line.starts_with("#[at_exit")).count();
    format!("examples/tokio_service/src/outbox.rs:{}", above + 1)
}

#[test]
fn a_wrong_command_line_is_an_error() {
    let usage = "usage: tokio-service [--forget-handlers] PEER";
    for (arguments, complaint) in [
        (&[][..], format!("there is no peer\n{usage}")),
        (&["--help"], format!("there is no option --help\n{usage}")),
        (&["127.0.0.1:1", "127.0.0.1:2"], format!("there is one peer only\n{usage}")),
        (&["nobody"], format!("nobody is no address\n{usage}\n\nCaused by:\n    invalid socket address syntax")),
    ] {
        assert_seen(&mut command(PROGRAM, arguments), "", &format!("Error: {complaint}\n"), End::Status(1));
    }
}
