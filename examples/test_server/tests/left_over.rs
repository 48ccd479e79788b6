//! Owns the proof that no server is left over when tests end, passed or failed, and that one would be without the handler;
//! runs the tests of `shared.rs` in a process of their own, and looks for the server when that is over.

#[path = "shared.rs"] // said so, because otherwise its own module would have to be in a folder `shared`
mod shared;

use std::env;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{self, Stdio};
use std::time::Duration;

use spawn::{End, command, run};
use test_server::Client;
use tokio::time::timeout;
use wait_timeout::ChildExt as _;

/// Far more than any step here needs; who reaches it hangs.
const LIMIT: Duration = Duration::from_secs(120);

const ALL: &str = "shared::";

/// What is to be seen of a test process that has ended.
struct Ended {
    end: End,
    output: String,
    pid: String,
    address: SocketAddr,
}

impl Ended {
    /// Runs those of the tests whose names begin so, as `cargo test` would; `name` is that of the file that takes the output. A pipe
    /// would have no end while a server that is left over has it, too.
    fn run(name: &str, tests: &str, variables: &[&str]) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}_{}", process::id()));
        let file = File::create(&path).expect("a file for the output");
        let program = env::current_exe().expect("this program has a path");
        let mut command = command(&program.to_string_lossy(), &[tests]);
        for variable in ["FORGET_HANDLERS", "TEST_FAILS", "TEST_STOPS_SERVER"] {
            command.env_remove(variable);
        }
        command.envs(variables.iter().map(|variable| (variable, "1")));
        command.stdin(Stdio::null()).stdout(file.try_clone().expect("a second handle")).stderr(file);
        let mut child = command.spawn().expect("the tests start");
        let status = child.wait_timeout(LIMIT).expect("the tests can be waited for").unwrap_or_else(|| {
            child.kill().expect("the tests can be killed");
            panic!("{command:?} hangs; see {}", path.display())
        });
        let output = fs::read_to_string(&path).expect("the output");
        fs::remove_file(path).expect("it is still there");
        let mut servers = output.lines().filter_map(|line| {
            let (left, address) = line.split_once(" listens on ")?;
            let (_, pid) = left.rsplit_once("server ")?; // one thread alone has begun a line for its test already
            Some((pid.to_owned(), address.parse().expect("an address")))
        });
        let (Some((pid, address)), None) = (servers.next(), servers.next()) else {
            panic!("the tests do not share one server:\n{output}")
        };
        drop(servers);
        Self { end: status.into(), pid, address, output }
    }

    /// Whether there is a process with the number of the server.
    fn is_alive(&self) -> bool {
        run(&mut command("sh", &["-c", r#"kill -0 "$0""#, &self.pid])).end == End::Status(0)
    }

    #[track_caller]
    fn assert_stopped(&self) {
        assert!(!self.is_alive(), "{}", self.output);
    }

    /// Fails unless the server is there as if nothing had happened. It is not, after this.
    async fn assert_left_over(&self) {
        let ask = async {
            let mut client = Client::connect(self.address).await?;
            let value = client.get("common").await?;
            client.stop().await?;
            Ok::<_, std::io::Error>(value)
        };
        let alive = self.is_alive();
        let value = timeout(LIMIT, ask).await.expect("the server answers").expect("the server answers");
        assert_eq!((alive, value.as_deref()), (true, Some("value")), "{}", self.output);
    }

    #[track_caller]
    fn assert_end(&self, status: i32, summary: &str) {
        assert_eq!(self.end, End::Status(status), "{}", self.output);
        assert!(self.output.contains(summary), "{}", self.output);
    }
}

#[test]
fn no_server_is_left_over_when_all_tests_pass() {
    let ended = Ended::run("pass", ALL, &[]);
    ended.assert_end(0, "test result: ok. 7 passed; 0 failed;");
    ended.assert_stopped();
}

#[test]
fn no_server_is_left_over_when_a_test_fails() {
    let ended = Ended::run("fail", ALL, &["TEST_FAILS"]);
    ended.assert_end(101, "test result: FAILED. 6 passed; 1 failed;");
    ended.assert_stopped();
}

#[tokio::test]
async fn without_the_handler_it_is_left_over_when_all_tests_pass() {
    let ended = Ended::run("pass_without", ALL, &["FORGET_HANDLERS"]);
    ended.assert_left_over().await;
    ended.assert_end(0, "test result: ok. 7 passed; 0 failed;");
}

#[tokio::test]
async fn without_the_handler_it_is_left_over_when_a_test_fails() {
    let ended = Ended::run("fail_without", ALL, &["FORGET_HANDLERS", "TEST_FAILS"]);
    ended.assert_left_over().await;
    ended.assert_end(101, "test result: FAILED. 6 passed; 1 failed;");
}

#[test]
fn handlers_run_after_a_list_of_the_tests_too() {
    let program = env::current_exe().expect("this program has a path");
    let mut listing = command(&program.to_string_lossy(), &["--list"]);
    let seen = run(listing.env("AT_EXIT_LOG", "trace"));
    assert_eq!(seen.end, End::Status(0), "{seen:?}");
    assert!(seen.stdout.contains("handlers_run_after_a_list_of_the_tests_too: test\n"), "{seen:?}");
    assert!(seen.stderr.contains("at_exit: started stop the server at "), "{seen:?}");
}

/// All tests pass, and still `cargo test` fails.
#[test]
fn a_server_that_is_gone_too_early_is_noticed() {
    let ended = Ended::run("gone", "shared::one_stops_the_server_if_told_to", &["TEST_STOPS_SERVER"]);
    ended.assert_end(1, "test result: ok. 1 passed; 0 failed;");
    ended.assert_stopped();
    assert!(ended.output.contains("\nError: cannot tell the server to stop\n\n    Caused by:\n"), "{}", ended.output);
    let above = include_str!("server/mod.rs").lines().take_while(|line| !line.starts_with("#[at_exit")).count();
    let at = format!("examples/test_server/tests/server/mod.rs:{}", above + 1);
    let summary =
        format!("at_exit: 1 handler failed:\nat_exit: stop the server at {at}: cannot tell the server to stop …\n");
    assert!(ended.output.ends_with(&summary), "{}", ended.output);
}
