//! Owns what happens to a process whose output is read late or never: it still ends, and in time.

use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::ops::RangeInclusive;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use spawn::c_library::after_failure;
use spawn::{End, LIMIT, command};

const BLOCKED_OUTPUT: &str = env!("CARGO_BIN_EXE_blocked_output");

/// What a stream of the program is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sink {
    Pipe,
    /// As for a service whose output goes to a journal.
    Socket,
    /// One that has been stopped, as by Ctrl-S.
    Terminal,
}

const SINKS: [Sink; 3] = [Sink::Pipe, Sink::Socket, Sink::Terminal];

/// A stream that is full.
struct Blocked {
    sink: Sink,
    reader: File,
    writer: File,
    /// How many bytes of our own fill it.
    filling: usize,
}

impl Sink {
    fn block(self) -> Blocked {
        let (reader, writer) = match self {
            Self::Pipe => pipe(),
            Self::Socket => {
                let (reader, writer) = UnixStream::pair().expect("two descriptors");
                (OwnedFd::from(reader).into(), OwnedFd::from(writer).into())
            }
            Self::Terminal => terminal(),
        };
        let mut blocked = Blocked { sink: self, reader, writer, filling: 0 };
        blocked.flow(false);
        blocked.fill();
        blocked
    }
}

fn pipe() -> (File, File) {
    let mut ends = [0; 2];
    // SAFETY: POSIX: it fills in two descriptors, which nobody else owns.
    unsafe {
        assert_eq!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC), 0, "two descriptors");
        (File::from_raw_fd(ends[0]), File::from_raw_fd(ends[1]))
    }
}

/// Returns the side of the terminal emulator, and the side of the program.
fn terminal() -> (File, File) {
    use std::os::unix::fs::OpenOptionsExt as _;

    let mut name = [0; 64];
    // SAFETY: POSIX, and a glibc that fills in a NUL-terminated name; nobody else owns the descriptor.
    let (reader, name) = unsafe {
        let reader = libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC);
        assert!(reader >= 0, "a terminal");
        let reader = File::from_raw_fd(reader);
        assert_eq!(libc::grantpt(reader.as_raw_fd()), 0, "grantpt");
        assert_eq!(libc::unlockpt(reader.as_raw_fd()), 0, "unlockpt");
        assert_eq!(libc::ptsname_r(reader.as_raw_fd(), name.as_mut_ptr(), name.len()), 0, "ptsname_r");
        (reader, std::ffi::CStr::from_ptr(name.as_ptr()))
    };
    let name = name.to_str().expect("a path of digits and letters");
    let options = &mut File::options();
    let writer = options.read(true).write(true).custom_flags(libc::O_NOCTTY).open(name).expect("the other side");
    // SAFETY: POSIX; the structure is filled in before it is used.
    unsafe {
        let mut settings = std::mem::zeroed();
        assert_eq!(libc::tcgetattr(writer.as_raw_fd(), &raw mut settings), 0, "tcgetattr");
        libc::cfmakeraw(&raw mut settings); // a line break stays as it is
        assert_eq!(libc::tcsetattr(writer.as_raw_fd(), libc::TCSANOW, &raw const settings), 0, "tcsetattr");
    }
    (reader, writer)
}

impl Blocked {
    /// Stops a terminal, or resumes it.
    fn flow(&self, goes_on: bool) {
        if self.sink == Sink::Terminal {
            let action = if goes_on { libc::TCOON } else { libc::TCOOFF };
            // SAFETY: POSIX.
            assert_eq!(unsafe { libc::tcflow(self.writer.as_raw_fd(), action) }, 0, "tcflow");
        }
    }

    /// Fills the stream, and leaves it as blocking as it was: the program shares that property.
    fn fill(&mut self) {
        self.set_flags(self.flags() | libc::O_NONBLOCK);
        for size in [4096, 1] {
            loop {
                match self.writer.write(&[b'.'; 4096][..size]) {
                    Ok(written) => self.filling += written,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => panic!("filling a {:?}: {error}", self.sink),
                }
            }
        }
        self.set_flags(self.flags() & !libc::O_NONBLOCK);
        assert!(self.blocks() && (self.filling > 0 || self.sink == Sink::Terminal));
    }

    fn flags(&self) -> i32 {
        // SAFETY: POSIX.
        unsafe { libc::fcntl(self.writer.as_raw_fd(), libc::F_GETFL) }
    }

    fn set_flags(&self, flags: i32) {
        // SAFETY: POSIX.
        assert_eq!(unsafe { libc::fcntl(self.writer.as_raw_fd(), libc::F_SETFL, flags) }, 0, "fcntl");
    }

    /// Whether a write blocks: this is a property of the stream, and everyone who shares it with the program relies on it.
    fn blocks(&self) -> bool {
        self.flags() & libc::O_NONBLOCK == 0
    }

    /// The end that the program gets.
    fn end_of_program(&self) -> OwnedFd {
        self.writer.try_clone().expect("a descriptor").into()
    }

    /// Reads this many bytes, which are the filling first, and no more.
    fn read(&mut self, bytes: usize) {
        self.reader.read_exact(&mut vec![0; bytes]).expect("it is full");
        self.filling = self.filling.saturating_sub(bytes);
    }

    fn read_a_page(&mut self) {
        self.read(4096);
    }

    /// Reads the filling.
    fn unblock(&mut self) {
        self.flow(true);
        self.read(self.filling);
    }

    /// Reads what was written after the filling, until the end.
    fn rest(mut self) -> String {
        self.flow(true);
        drop(self.writer);
        let mut bytes = Vec::new();
        if let Err(error) = self.reader.read_to_end(&mut bytes) {
            // This is how a terminal says that nobody has it open any more.
            assert_eq!((self.sink, error.raw_os_error()), (Sink::Terminal, Some(libc::EIO)));
        }
        let rest = bytes.split_off(self.filling);
        assert!(bytes.iter().all(|&byte| byte == b'.'), "somebody has read from a {:?}", self.sink);
        String::from_utf8_lossy(&rest).into_owned()
    }
}

/// A program whose outputs are blocked.
struct Spawned {
    child: Child,
    began: Instant,
    stdout: Blocked,
    stderr: Blocked,
    /// Through which its handlers report that they run.
    channel: BufReader<UnixStream>,
}

impl Spawned {
    fn new(sink: Sink, scene: &str, log: Option<&str>) -> Self {
        Self::with(scene, log, sink.block(), sink.block())
    }

    fn with(scene: &str, log: Option<&str>, stdout: Blocked, stderr: Blocked) -> Self {
        let (channel, theirs) = UnixStream::pair().expect("two descriptors");
        let mut program = command(BLOCKED_OUTPUT, &[scene]);
        program.envs(log.map(|level| ("AT_EXIT_LOG", level)));
        program.stdin(OwnedFd::from(theirs)).stdout(stdout.end_of_program()).stderr(stderr.end_of_program());
        let began = Instant::now();
        let child = program.spawn().expect("it starts");
        Self { child, began, stdout, stderr, channel: BufReader::new(channel) }
    }
}

/// Waits for the first report of a handler; returns nothing if there is none.
fn line(channel: &mut BufReader<UnixStream>) -> String {
    let mut line = String::new();
    channel.get_ref().set_read_timeout(Some(LIMIT)).expect("a socket has one");
    let read = channel.read_line(&mut line);
    assert!(read.is_ok(), "no handler runs: {read:?}");
    line
}

/// Returns all reports of handlers until the end.
fn rest(mut channel: BufReader<UnixStream>) -> String {
    let mut told = String::new();
    channel.read_to_string(&mut told).expect("UTF-8");
    told
}

/// How the program ended, and after what time; `None` if it hangs.
fn end(mut child: Child, began: Instant, shared: &[&Blocked]) -> (Option<End>, Duration) {
    let mut unchanged = true;
    let status = loop {
        unchanged &= shared.iter().all(|blocked| blocked.blocks());
        let status = child.try_wait().expect("it can be waited for");
        if status.is_some() || began.elapsed() > LIMIT {
            break status;
        }
        thread::sleep(Duration::from_millis(20));
    };
    if status.is_none() {
        child.kill().expect("it is still there");
        child.wait().expect("it can be waited for");
    }
    assert!(unchanged, "the program has made a stream that it shares one that does not block");
    (status.map(End::from), began.elapsed())
}

/// A program whose output is never read.
struct Case {
    scene: &'static str,
    log: Option<&'static str>,
    /// It must end neither earlier nor later.
    time: RangeInclusive<Duration>,
    /// The reports of its handlers must be one of these.
    told: &'static [&'static str],
    end: End,
}

const fn case(scene: &'static str, told: &'static [&'static str], status: i32) -> Case {
    Case { scene, log: None, time: Duration::ZERO..=LIMIT, told, end: End::Status(status) }
}

impl Case {
    const fn log(self, level: &'static str) -> Self {
        Self { log: Some(level), ..self }
    }

    /// Only the deadline ends it.
    fn hangs_until(self, deadline: Duration) -> Self {
        Self { time: deadline..=deadline + SLACK, ..self }
    }

    /// It takes no longer than this.
    fn at_most(self, time: Duration) -> Self {
        Self { time: Duration::ZERO..=time + SLACK, ..self }
    }

    const fn signal(self, signal: i32) -> Self {
        Self { end: End::Signal(signal), ..self }
    }

    /// Returns what is wrong, if anything.
    fn try_with(&self, sink: Sink) -> Option<String> {
        let Spawned { child, began, stdout, stderr, channel } = Spawned::new(sink, self.scene, self.log);
        let (end, elapsed) = end(child, began, &[&stdout, &stderr]);
        let (told, stdout, stderr) = (rest(channel), stdout.rest(), stderr.rest());
        let is_right = end == Some(self.end)
            && self.time.contains(&elapsed)
            && self.told.contains(&told.as_str())
            && (stdout.as_str(), stderr.as_str()) == ("", "");
        let how = end.map_or("hangs".to_owned(), |end| format!("{end:?}"));
        let Self { scene, log, .. } = self;
        (!is_right)
            .then(|| format!("{scene} {log:?} {sink:?}: {how} after {elapsed:.1?}, {told:?}, {stdout:?}, {stderr:?}"))
    }
}

#[track_caller]
fn check(cases: &[Case]) {
    let tries: Vec<_> = cases.iter().flat_map(|case| SINKS.map(|sink| (case, sink))).collect();
    let problems: Vec<String> = at_once(&tries, |(case, sink)| case.try_with(*sink)).into_iter().flatten().collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

/// Tries all of these at the same time: the programs spend most of their time waiting.
fn at_once<T: Sync, R: Send>(of: &[T], try_with: impl Fn(&T) -> R + Sync) -> Vec<R> {
    thread::scope(|scope| {
        let tries: Vec<_> = of.iter().map(|it| scope.spawn(|| try_with(it))).collect();
        tries.into_iter().map(|tried| tried.join().expect("no panic")).collect()
    })
}

const SECOND: Duration = Duration::from_secs(1);

/// How much longer a busy machine may take.
const SLACK: Duration = Duration::from_secs(7);

/// How long in total the library waits for a reader if there is no deadline.
const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn the_deadline_ends_the_process() {
    let nothing: &[&str] = &[""];
    check(&[
        case("hangs", nothing, 1).hangs_until(SECOND),
        case("caller_hangs", nothing, 1).hangs_until(SECOND),
        // These wait for the reader themselves.
        case("prints", nothing, 1).hangs_until(SECOND),
        case("eprints", nothing, 1).hangs_until(SECOND),
        case("caller_prints", nothing, 1).hangs_until(SECOND),
        case("caller_eprints", nothing, 1).hangs_until(SECOND),
        // The report of a failure may take all the remaining time.
        case("fails_and_exceeds", &["fails\n", "fails\nolder\n"], 1).at_most(2 * SECOND),
        case("fails_and_exits", &["fails\n", "fails\nolder\n"], after_failure(5, 1)).at_most(2 * SECOND),
        case("signal_and_deadline", &["fails\n", "fails\nolder\n"], 0).at_most(SECOND).signal(libc::SIGTERM),
    ]);
}

#[test]
fn a_handler_is_abandoned_at_its_limit_and_the_next_one_runs() {
    let older: &[&str] = &["older\n"];
    check(&[
        case("limit", older, 1).at_most(PATIENCE),
        case("limit_and_deadline", older, 1).at_most(2 * SECOND),
        case("prints_with_limit", older, 1).at_most(PATIENCE),
        case("eprints_with_limit", older, 1).at_most(PATIENCE),
        case("two_print_with_limit", older, 1).at_most(PATIENCE),
        case("two_eprint_with_limit", older, 1).at_most(PATIENCE),
        case("panics_with_limit", older, 1).at_most(PATIENCE),
    ]);
}

#[test]
fn the_notice_of_a_handler_that_hangs_stops_neither_limit_nor_deadline() {
    check(&[
        case("hangs_past_the_notice", &[""], 1).hangs_until(12 * SECOND),
        case("caller_hangs_past_the_notice", &[""], 1).hangs_until(12 * SECOND),
        case("limit_past_the_notice", &["older\n"], 1),
        case("limit_between_notice_and_deadline", &["older\n"], 1).at_most(19 * SECOND),
    ]);
}

#[test]
fn without_a_deadline_a_failure_loses_no_handler() {
    check(&[
        case("fails", &["fails\nreturns\nolder\n"], 3).at_most(PATIENCE),
        case("run_fails", &["fails\nolder\n"], 0).at_most(PATIENCE),
        case("guard_fails", &["fails\nolder\n"], 0).at_most(PATIENCE),
        case("signal", &["fails\nolder\n"], 0).at_most(PATIENCE).signal(libc::SIGTERM),
    ]);
}

#[test]
fn optional_log_lines_stop_nothing() {
    // The last level does not exist, which is reported.
    let cases = ["plan", "trace", "loud"].map(|level| {
        [
            case("succeeds", &["younger\nolder\n"], 0).log(level).at_most(PATIENCE),
            case("limit", &["older\n"], 1).log(level).at_most(PATIENCE),
            case("hangs", &[""], 1).log(level).hangs_until(SECOND),
            case("caller_hangs", &[""], 1).log(level).hangs_until(SECOND),
        ]
    });
    check(cases.as_flattened());
}

#[test]
fn output_that_cannot_be_flushed_is_given_up() {
    check(&[
        case("flush", &["older\n"], 0).at_most(PATIENCE),
        case("flush_and_deadline", &["older\n"], 0).at_most(SECOND),
        case("flush_of_a_run_and_deadline_of_an_exit", &["ended\n"], 0).at_most(SECOND),
    ]);
}

/// The summary of a scene in which the handler with this text fails.
fn summary(text: &str, message: &str) -> String {
    let lines = include_str!("programs/blocked_output.rs").lines();
    let line = lines.take_while(|line| !line.contains(text)).count() + 1;
    format!("at_exit: 1 handler failed:\nat_exit: fails at tests/programs/blocked_output.rs:{line}: {message:?}\n")
}

/// The report about `fails_at_length`.
fn at_length() -> String {
    let message = "x".repeat(100_000);
    format!("Error: {message:?}\n") + &summary("Handler::new(lengthy)", &message)
}

#[test]
fn a_reader_that_comes_late_misses_nothing() {
    let all = at_length();
    let scenes = ["fails_at_length", "fails_at_length_and_deadline_late"];
    at_once(&scenes.map(|scene| SINKS.map(|sink| (scene, sink))).concat(), |&(scene, sink)| {
        let Spawned { child, began, stdout, stderr, mut channel } = Spawned::new(sink, scene, None);
        let told = line(&mut channel);
        assert_eq!(told, "fails\n", "{scene} {sink:?}");
        let reader = thread::spawn(move || {
            thread::sleep(SECOND); // much less than the library waits
            stderr.rest()
        });
        let (end, _) = end(child, began, &[&stdout]);
        let stderr = reader.join().expect("no panic");
        let seen = (end, rest(channel), stdout.rest());
        assert_eq!(seen, (Some(End::Status(1)), "older\n".to_owned(), String::new()), "{scene} {sink:?}");
        assert!(stderr == all, "{scene} {sink:?}: {} of {} bytes", stderr.len(), all.len());
    });
}

/// Nobody waits for the reader any more, but by then there is room for the rest.
#[test]
fn a_reader_that_comes_too_late_misses_no_more_than_it_has_to() {
    let summary = summary("Handler::new(fails_early)", "bad");
    at_once(&SINKS, |&sink| {
        let Spawned { child, began, stdout, mut stderr, mut channel } = Spawned::new(sink, "fails_and_waits", None);
        let told = line(&mut channel);
        assert_eq!(told, "waits\n", "{sink:?}");
        stderr.unblock();
        channel.get_mut().write_all(b"!").expect("the handler reads it");
        let (end, _) = end(child, began, &[&stdout, &stderr]);
        assert_eq!(end, Some(End::Status(1)), "{sink:?}");
        let stderr = stderr.rest();
        // Output that nobody waited for may still arrive, before or after it.
        assert!(stderr.contains(&summary), "{sink:?}: {stderr}");
        assert_eq!((rest(channel), stdout.rest()), Default::default(), "{sink:?}");
    });
}

/// There is room for some of the output, and then there is none.
#[test]
fn a_reader_that_goes_away_again_stops_nothing() {
    let all = at_length().len();
    let scenes: [(_, &[&str]); 2] =
        [("fails_at_length", &["older\n"]), ("fails_at_length_and_deadline_soon", &["", "older\n"])];
    let sinks = [Sink::Pipe, Sink::Socket]; // a terminal that resumes for a moment takes as much as it likes
    at_once(&scenes.map(|scene| sinks.map(|sink| (scene, sink))).concat(), |&((scene, told), sink)| {
        let Spawned { child, began, stdout, mut stderr, mut channel } = Spawned::new(sink, scene, None);
        let first = line(&mut channel);
        assert_eq!(first, "fails\n", "{scene} {sink:?}");
        stderr.read_a_page();
        let (end, _) = end(child, began, &[&stdout, &stderr]);
        assert_eq!(end, Some(End::Status(1)), "{scene} {sink:?}");
        assert!(told.contains(&rest(channel).as_str()), "{scene} {sink:?}");
        let written = stderr.rest().len();
        assert!(written < all, "{scene} {sink:?}: {written} of {all} bytes");
        assert_eq!(stdout.rest(), "", "{scene} {sink:?}");
    });
}

/// `poll` reports it as writable, yet there is no room for a line.
#[test]
fn a_terminal_that_takes_a_little_stops_nothing() {
    let scenes = [("hangs", SECOND), ("limit", PATIENCE), ("fails", PATIENCE)];
    at_once(&scenes, |&(scene, at_most)| {
        let mut spawned = Spawned::with(scene, Some("trace"), Sink::Terminal.block(), {
            let (reader, writer) = terminal();
            let mut stderr = Blocked { sink: Sink::Terminal, reader, writer, filling: 0 };
            stderr.fill();
            stderr.read(100);
            stderr
        });
        let (end, elapsed) = end(spawned.child, spawned.began, &[&spawned.stdout, &spawned.stderr]);
        assert!(matches!(end, Some(End::Status(1 | 3))), "{scene}: {end:?}");
        assert!(elapsed < at_most + SLACK, "{scene}: {elapsed:?}");
        spawned.stderr.read(spawned.stderr.filling);
    });
}

/// No single line waits for as long as it may.
#[test]
fn a_slow_reader_does_not_keep_the_process_alive() {
    let Spawned { child, began, stdout, mut stderr, .. } = Spawned::new(Sink::Pipe, "fails_often", None);
    let (over, is_over) = std::sync::mpsc::channel();
    let reader = thread::spawn(move || {
        // One page each time; the program is much faster.
        while is_over.recv_timeout(Duration::from_millis(700)).is_err() {
            stderr.read_a_page();
        }
    });
    let (end, elapsed) = end(child, began, &[&stdout]);
    let _ = over.send(());
    reader.join().expect("no panic");
    assert_eq!(end, Some(End::Status(1)));
    assert!(elapsed < PATIENCE + SLACK, "{elapsed:?}");
}
