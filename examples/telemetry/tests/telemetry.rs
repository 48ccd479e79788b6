//! Owns the proof that every span reaches the collector whichever way the process ends, and that spans are lost without the library or on the
//! wrong runtime; it is the collector.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread::{self, JoinHandle};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use spawn::{End, Seen, command, interrupt, run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_telemetry");

const MISTAKES: &str = env!("CARGO_BIN_EXE_mistakes");

/// The ways out that the program takes by itself, with the end of standard error, and the status.
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

const SIGNALS: [i32; 2] = [2, 15]; // SIGINT, SIGTERM

const DONE: &str = "the work is done\n";

/// In milliseconds. Until then the SDK sends no batch by itself.
const AN_HOUR: &str = "3600000";

const LIMIT: &str = "exceeded its time limit of 5s\n";

/// Receives spans, and keeps their names.
struct Collector {
    address: SocketAddr,
    names: JoinHandle<Vec<String>>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let names = thread::spawn(move || {
            let requests = listener.incoming().map(|stream| receive(stream.expect("a client")));
            requests.map_while(|request| request).flatten().collect()
        });
        Self { address, names }
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = sends_to(&self.address.to_string(), program, args);
        command.env("OTEL_BSP_SCHEDULE_DELAY", AN_HOUR);
        command
    }

    /// The names of all spans that have arrived. Call this when the program has ended: clients are served one by one, and this is the last.
    fn names(self) -> Vec<String> {
        drop(TcpStream::connect(self.address).expect("it listens"));
        self.names.join().expect("the requests are as expected")
    }
}

/// A command that starts a program whose spans go to this address.
fn sends_to(address: &str, program: &str, args: &[&str]) -> Command {
    let mut command = command(program, args);
    command.env_remove("BY_HAND").env("NO_PROXY", "127.0.0.1");
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}"));
    command
}

/// The names of the spans in a request, or `None` if the client sends none.
fn receive(stream: TcpStream) -> Option<Vec<String>> {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).expect("a head in UTF-8") == 0 {
            assert_eq!(head, "");
            return None;
        }
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    let mut body = vec![0; length.parse().expect("a number")];
    stream.read_exact(&mut body).expect("the whole body");
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    stream.get_mut().write_all(answer.as_bytes()).expect("it waits for the answer");
    let request = ExportTraceServiceRequest::decode(&*body).expect("spans");
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    Some(scopes.flat_map(|scope| scope.spans).map(|span| span.name).collect())
}

/// Takes each way out with each client.
fn every_way_out(by_hand: bool) {
    let by_hand = by_hand.then_some(("BY_HAND", "1"));
    let arrives = |way| match by_hand {
        None => vec!["work", "tidy up"],
        Some(_) if way == "return" => vec!["work"],
        Some(_) => vec![],
    };
    for client in ["blocking", "async"] {
        for (way, said, status) in WAYS {
            let collector = Collector::start();
            let seen = run(collector.command(PROGRAM, &[client, way]).envs(by_hand));
            let is_all = way == "panic" || seen.stderr.len() == said.len(); // a panic also says where
            assert!(seen.stderr.ends_with(said) && is_all, "{client} {way}: {seen:?}");
            assert_eq!((seen.stdout.as_str(), seen.end), (DONE, End::Status(status)), "{client} {way}");
            assert_eq!(collector.names(), arrives(way), "{client} {way}");
        }
        for signal in SIGNALS {
            let collector = Collector::start();
            let seen =
                interrupt(collector.command(PROGRAM, &[client, "signal"]).envs(by_hand), DONE.trim_end(), signal);
            assert_eq!((seen.stderr.as_str(), seen.end), ("", End::Signal(signal)), "{client}");
            assert_eq!(collector.names(), arrives("signal"), "{client} {signal}");
        }
    }
}

/// The place of the provider, as reports name it.
fn place() -> String {
    let above = include_str!("../src/lib.rs").lines().take_while(|line| !line.contains("::empty()")).count();
    format!("telemetry/src/lib.rs:{}", above + 1)
}

/// Fails unless the program reports that the spans were not sent, and nothing else.
#[track_caller]
fn assert_fails(seen: &Seen, because: &str, status: i32) {
    let failure = format!("at_exit: 1 handler failed:\nat_exit: send the spans at {}: ", place());
    let (error, why) = seen.stderr.split_once(&failure).unwrap_or_default();
    assert!(error.is_empty() || error == format!("Error: {why}"), "{seen:?}");
    assert!(why.contains(because) && seen.end == End::Status(status), "{seen:?}");
}

#[test]
fn the_spans_arrive_on_every_way_out() {
    every_way_out(false);
}

#[test]
fn by_hand_they_arrive_after_a_return_only() {
    every_way_out(true);
}

#[test]
fn a_collector_that_is_not_there_is_a_failure() {
    for client in ["blocking", "async"] {
        for (way, status) in [("return", 1), ("process-exit", 3)] {
            let seen = run(&mut sends_to("127.0.0.1:1", PROGRAM, &[client, way]));
            assert_fails(&seen, "HTTP export failed", status);
        }
    }
}

/// Fails unless this mistake loses the span, for this reason.
fn mistake(name: &str, because: &str, status: i32) {
    let collector = Collector::start();
    let seen = run(&mut collector.command(MISTAKES, &[name]));
    assert_fails(&seen, because, status);
    assert_eq!(collector.names(), [""; 0]);
}

#[test]
fn a_runtime_in_main_is_gone() {
    mistake("local", "the channel is closed", 1);
}

#[test]
fn nobody_runs_the_tasks_of_a_current_thread_runtime() {
    mistake("current-thread", LIMIT, 1);
}

#[test]
fn nobody_runs_the_tasks_of_a_current_thread_runtime_whose_thread_exits() {
    mistake("current-thread-exit", LIMIT, 3);
}

#[test]
fn a_task_that_exits_stops_the_worker_that_would_send() {
    mistake("shared", LIMIT, 4);
}
