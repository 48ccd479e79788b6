//! Owns the proof that requests under way are answered, that each kept line is in the journal whichever way the service ends, and that lines
//! are lost without the library; it is the client.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command};

use spawn::{End, LIMIT, Seen, command, finish, kill, start};

const PROGRAM: &str = env!("CARGO_BIN_EXE_service");

/// The ways out, with the end of standard error, and the status.
const WAYS: [(&str, &str, i32); 6] = [
    ("return", "", 0),
    ("error", "Error: \"it ends by an error\"\n", 1),
    (
        "panic",
        "it ends by a panic\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n",
        101,
    ),
    ("process-exit", "", 3),
    ("worker", "", 4),
    ("exit", "", 5),
];

/// Says that the head of a request is read.
const GO_ON: &[u8; 25] = b"HTTP/1.1 100 Continue\r\n\r\n";

const SHUTTING_DOWN: &str = "shutting down";

const ONCE_MORE: &str = "the next signal ends it at once";

const ENOSPC: i32 = 28;

const SIGHUP: i32 = 1;
const SIGINT: i32 = 2;
const SIGQUIT: i32 = 3;
const SIGTERM: i32 = 15;

/// The service, while it runs.
struct Service {
    command: Command,
    child: Child,
    address: String,
    journal: PathBuf,
}

impl Service {
    /// Starts it with this way out and, if there is one, with this variable in its environment.
    fn start(test: &str, way: &str, variable: Option<&str>) -> Self {
        let journal = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}_{}", process::id()));
        Self::start_with(journal, way, variable)
    }

    fn start_with(journal: PathBuf, way: &str, variable: Option<&str>) -> Self {
        let mut command = command(PROGRAM, &[&journal.to_string_lossy(), way]);
        command.env_remove("BY_HAND").env_remove("ALL_SIGNALS").envs(variable.map(|name| (name, "1")));
        let child = start(&mut command);
        let mut service = Self { command, child, address: String::new(), journal };
        service.address = service.line().replace("listening on ", "");
        service
    }

    /// The next line that it prints.
    fn line(&mut self) -> String {
        spawn::line(&mut self.child)
    }

    fn signal(&self, signal: i32) {
        kill(&self.child, signal);
    }

    /// Reads lines up to this one.
    fn read_to(&mut self, expected: &str) {
        while self.line() != expected {}
    }

    /// Waits for the end, and returns it with what else the service prints, and the journal.
    fn finish(self) -> (Seen, String) {
        let path = self.journal.clone();
        let seen = self.end();
        let journal = fs::read_to_string(&path).expect("the service has made it");
        fs::remove_file(path).expect("it is still there");
        (seen, journal)
    }

    fn end(self) -> Seen {
        let mut seen = finish(self.child, &self.command);
        for note in [SHUTTING_DOWN, ONCE_MORE] {
            seen.stdout = seen.stdout.replace(&format!("{note}\n"), ""); // printed or not, as time allows
        }
        seen
    }
}

/// A request under way: the service has read its head, and waits for the line.
struct Request {
    stream: TcpStream,
    line: &'static str,
}

impl Request {
    fn begin(service: &Service, line: &'static str) -> Self {
        let mut stream = TcpStream::connect(&service.address).expect("the service accepts");
        stream.set_read_timeout(Some(LIMIT)).expect("a socket has timeouts");
        let length = line.len();
        let head = format!("POST / HTTP/1.1\r\nhost: service\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n");
        stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).expect("the service reads");
        let mut go_on = [0; GO_ON.len()];
        stream.read_exact(&mut go_on).expect("the service asks for the line");
        assert_eq!(go_on, *GO_ON);
        Self { stream, line }
    }

    /// Sends the line, which the service keeps.
    fn end(mut self) {
        self.stream.write_all(self.line.as_bytes()).expect("the service reads");
        let answer = self.answer();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }

    /// All that the service sends before the connection ends.
    fn answer(mut self) -> String {
        let mut answer = Vec::new();
        let _ = self.stream.read_to_end(&mut answer); // an error is an end, too
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// Shuts a service down with one request before and one under way, which is answered.
fn shut_down(service: &mut Service, signal: i32) {
    Request::begin(service, "first\n").end();
    let under_way = Request::begin(service, "second\n");
    service.signal(signal);
    service.read_to(SHUTTING_DOWN);
    under_way.end();
}

/// Ends a service by `end` with one request before and one under way, which is cut off.
fn cut_off(test: &str, variable: Option<&str>, expected: End, end: impl Fn(&mut Service)) {
    let mut service = Service::start(test, "return", variable);
    Request::begin(&service, "first\n").end();
    let under_way = Request::begin(&service, "second\n");
    end(&mut service);
    let by_hand = variable == Some("BY_HAND");
    let (stdout, journal) = if by_hand { ("", "") } else { ("lines kept: 1\n", "first\n") };
    assert_eq!(service.finish(), (seen(stdout, expected), journal.to_owned()));
    assert_eq!(under_way.answer(), "");
}

/// What is seen of a service that has nothing to complain about.
fn seen(stdout: &str, end: End) -> Seen {
    Seen { stdout: stdout.to_owned(), stderr: String::new(), end }
}

/// Takes each way out of `main` after a shutdown.
fn every_way_out(test: &str, variable: Option<&str>) {
    let by_hand = variable.is_some();
    for (way, said, status) in WAYS {
        for signal in [SIGTERM, SIGINT] {
            let mut service = Service::start(test, way, variable);
            shut_down(&mut service, signal);
            let (seen, journal) = service.finish();
            let is_all = way == "panic" || seen.stderr.len() == said.len(); // a panic also says where
            assert!(seen.stderr.ends_with(said) && is_all, "{way}: {seen:?}");
            let stdout = if by_hand { "" } else { "lines kept: 2\n" };
            assert_eq!((seen.stdout.as_str(), seen.end), (stdout, End::Status(status)), "{way}");
            let is_complete = !by_hand || way == "return";
            assert_eq!(journal, if is_complete { "first\nsecond\n" } else { "" }, "{way}");
        }
    }
}

#[test]
fn requests_under_way_are_answered_and_then_handlers_run() {
    every_way_out("in_order", None);
}

#[test]
fn by_hand_the_journal_is_complete_after_a_return_only() {
    every_way_out("by_hand", Some("BY_HAND"));
}

#[test]
fn sighup_and_sigquit_run_handlers_at_once() {
    for signal in [SIGHUP, SIGQUIT] {
        for variable in [None, Some("BY_HAND")] {
            cut_off("at_once", variable, End::Signal(signal), |service| service.signal(signal));
        }
    }
}

#[test]
fn one_more_signal_does_not_wait_for_a_client() {
    for variable in [None, Some("BY_HAND")] {
        cut_off("once_more", variable, End::Signal(SIGINT), |service| {
            service.signal(SIGTERM);
            service.read_to(SHUTTING_DOWN);
            service.signal(SIGTERM); // still the same request
            service.read_to(ONCE_MORE);
            service.signal(SIGINT);
        });
    }
}

#[test]
fn after_the_shutdown_every_signal_runs_handlers() {
    for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
        let mut service = Service::start("after", "wait", None);
        shut_down(&mut service, SIGTERM);
        service.read_to("waiting");
        service.signal(signal);
        let journal = "first\nsecond\n".to_owned();
        assert_eq!(service.finish(), (seen("lines kept: 2\n", End::Signal(signal)), journal));
    }
}

#[test]
fn a_signal_of_the_service_that_the_library_catches_too_cuts_requests_off() {
    for signal in [SIGTERM, SIGINT] {
        cut_off("both", Some("ALL_SIGNALS"), End::Signal(signal), |service| service.signal(signal));
    }
}

#[test]
fn a_journal_that_cannot_be_written_is_a_failure() {
    let mut service = Service::start_with("/dev/full".into(), "return", None);
    shut_down(&mut service, SIGTERM);
    let above = include_str!("../src/journal.rs").lines().take_while(|line| !line.contains("::empty()")).count();
    let at = format!("journal at service/src/journal.rs:{}", above + 1);
    let why = io::Error::from_raw_os_error(ENOSPC);
    let stderr = format!("Error: {why:?}\nat_exit: 1 handler failed:\nat_exit: {at}: {why:?}\n");
    assert_eq!(service.end(), Seen { stderr, ..seen("lines kept: 2\n", End::Status(1)) });
}
