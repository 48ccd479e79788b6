//! Owns the proof that a terminal is as it was whichever way the program ends, and that ratatui alone misses some; looks from the terminal's side.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use spawn::{End, LIMIT, command, kill};

const TEXT: &str = "Any key ends this.";
const LAST_WORD: &str = "this."; // on a terminal, the cursor skips the blanks before it
const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l";
const HIDE: &str = "\x1b[?25l";
const SHOW: &str = "\x1b[?25h";
const GOODBYE: &str = "Goodbye.\r\n";

/// What ends the program.
#[derive(Clone, Copy, Debug)]
enum By {
    /// This key, after which it ends by itself.
    Key(&'static str),
    Signal(i32),
}

/// A way out.
#[derive(Clone, Copy, Debug)]
struct Way {
    name: &'static str,
    by: By,
    /// The program says this on standard error, before its handler says goodbye.
    said: &'static str,
    end: End,
    /// Ratatui restores the terminal by itself.
    ratatui_does: bool,
}

const WAYS: [Way; 10] = [
    Way { ratatui_does: true, ..way("return", 0) },
    Way { ratatui_does: true, by: By::Key("\x03"), ..way("return", 0) }, // in raw mode Ctrl-C is a key
    Way { ratatui_does: true, said: "Error: \"it ends by an error\"\r\n", ..way("error", 1) },
    Way { ratatui_does: true, said: "it ends by a panic\r\n", ..way("panic", 101) },
    way("process-exit", 3),
    way("exit", 4),
    way("worker", 5),
    way("frame", 6),
    signal(2),  // SIGINT
    signal(15), // SIGTERM
];

const fn way(name: &'static str, status: i32) -> Way {
    Way { name, by: By::Key("q"), said: "", end: End::Status(status), ratatui_does: false }
}

const fn signal(number: i32) -> Way {
    Way { by: By::Signal(number), end: End::Signal(number), ..way("return", 0) }
}

/// A terminal, from the side of its emulator.
struct Terminal {
    emulator: File,
    /// The other side, which stays open: the system resets a terminal that nobody has open.
    device: OwnedFd,
    /// Each piece of what is written to it, until nobody has the other side open.
    written: Receiver<Vec<u8>>,
}

impl Terminal {
    fn new() -> Self {
        const FLAGS: OpenptFlags = OpenptFlags::RDWR.union(OpenptFlags::NOCTTY).union(OpenptFlags::CLOEXEC);
        let emulator = openpt(FLAGS).expect("a terminal");
        unlockpt(&emulator).expect("it is ours");
        let device = ioctl_tiocgptpeer(&emulator, FLAGS).expect("the other side");
        let size = Winsize { ws_row: 3, ws_col: 40, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&emulator, size).expect("a size");
        let emulator = File::from(emulator);
        let written = pieces(emulator.try_clone().expect("a descriptor"));
        Self { emulator, device, written }
    }

    /// All of its modes.
    fn modes(&self) -> String {
        format!("{:?}", tcgetattr(&self.emulator).expect("a terminal has modes"))
    }

    fn is_raw(&self) -> bool {
        let modes = tcgetattr(&self.emulator).expect("a terminal has modes").local_modes;
        !modes.intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    /// Starts the program on it, except that its stdout may be something else. The command has it open, and is dropped.
    fn start(&self, mut command: Command, stdout: Option<Stdio>) -> Child {
        let device = || self.device.try_clone().expect("a descriptor");
        command.stdin(device()).stdout(stdout.unwrap_or_else(|| device().into())).stderr(device());
        command.spawn().expect("the program starts")
    }

    /// Reads until this is written, or for as long as anything may take.
    fn read_until(&self, text: &str) -> String {
        let began = Instant::now();
        let mut written = Vec::new();
        while !String::from_utf8_lossy(&written).contains(text) && began.elapsed() < LIMIT {
            written.extend(self.written.recv_timeout(LIMIT).unwrap_or_default());
        }
        String::from_utf8_lossy(&written).into_owned()
    }

    /// What is written until nobody has it open anymore.
    fn rest(self) -> String {
        drop(self.device);
        String::from_utf8(self.written.iter().flatten().collect()).expect("UTF-8")
    }
}

fn pieces(mut emulator: File) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut piece = [0; 4096];
        // A terminal that nobody has open is an error.
        while let Ok(read @ 1..) = emulator.read(&mut piece) {
            if sender.send(piece[..read].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// How the terminal was left.
#[derive(Debug)]
struct Left {
    has_same_modes: bool,
    written: String,
}

fn program(name: &str, is_held: bool) -> Command {
    let mut command = command(env!("CARGO_BIN_EXE_terminal"), &[name]);
    command.args(is_held.then_some("hold")).env_remove("RATATUI_RUN");
    command
}

/// Runs the program, ends it once it has drawn something, and looks at the terminal.
fn leave(way: Way, command: Command) -> Left {
    let mut terminal = Terminal::new();
    let modes = terminal.modes();
    let mut child = terminal.start(command, None);
    let mut written = terminal.read_until(LAST_WORD);
    let was_raw = terminal.is_raw();
    match way.by {
        By::Key(key) => terminal.emulator.write_all(key.as_bytes()).expect("the terminal takes it"),
        By::Signal(number) => kill(&child, number),
    }
    assert_eq!(spawn::end(&mut child), Some(way.end), "{way:?}: {written:?}");
    assert!(was_raw && written.starts_with(ENTER) && written.contains(HIDE), "{way:?}: {written:?}");
    let has_same_modes = terminal.modes() == modes;
    written += &terminal.rest();
    Left { has_same_modes, written }
}

/// The program leaves the alternate screen, shows the cursor, each of them once, and only then says something.
#[track_caller]
fn assert_is_restored(way: Way, left: &Left) {
    assert!(left.has_same_modes, "{way:?}: {left:?}");
    let parts = left.written.split_once(LEAVE).and_then(|(drawn, after)| Some((drawn, after.strip_suffix(GOODBYE)?)));
    let Some((drawn, after)) = parts else { panic!("{way:?}: {left:?}") };
    let said = after.replacen(SHOW, "", 1);
    assert!(!drawn.contains(SHOW) && after.contains(SHOW) && !said.contains('\x1b'), "{way:?}: {left:?}");
    assert!(said.contains(way.said) && said.is_empty() == way.said.is_empty(), "{way:?}: {left:?}");
}

#[test]
fn it_is_restored_on_every_way_out() {
    for way in WAYS {
        assert_is_restored(way, &leave(way, program(way.name, false)));
    }
}

#[test]
fn it_is_restored_while_main_holds_stdout() {
    for way in WAYS {
        assert_is_restored(way, &leave(way, program(way.name, true)));
    }
}

#[test]
fn ratatui_alone_misses_each_exit_and_signal() {
    for way in WAYS {
        let mut command = program(way.name, false);
        command.env("RATATUI_RUN", "1");
        let left = leave(way, command);
        assert_eq!(left.has_same_modes, way.ratatui_does, "{way:?}: {left:?}");
        for sequence in [LEAVE, SHOW] {
            assert_eq!(left.written.contains(sequence), way.ratatui_does, "{way:?}: {left:?}");
        }
    }
}

/// Runs the program with this as its stdout. The terminal, which is its stdin and stderr, does not change.
#[track_caller]
fn assert_is_left_alone(way: Way, stdout: Stdio) -> Option<ChildStdout> {
    let terminal = Terminal::new();
    let modes = terminal.modes();
    let mut child = terminal.start(program(way.name, false), Some(stdout));
    assert_eq!((spawn::end(&mut child), terminal.modes()), (Some(way.end), modes), "{way:?}");
    let written = terminal.rest();
    let said = written.strip_suffix(GOODBYE).unwrap_or_else(|| panic!("{way:?}: {written:?}"));
    assert!(said.contains(way.said) && !said.contains('\x1b'), "{way:?}: {written:?}");
    child.stdout
}

#[test]
fn a_pipe_and_a_file_get_nothing_but_the_text() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("terminal_stdout");
    // There is neither a frame to exit in, nor does anything wait for a signal.
    for way in WAYS.into_iter().filter(|way| !["worker", "frame"].contains(&way.name) && matches!(way.by, By::Key(_))) {
        let pipe = assert_is_left_alone(way, Stdio::piped()).expect("piped");
        assert_is_left_alone(way, File::create(&path).expect("a file").into());
        let piped = io::read_to_string(pipe).expect("UTF-8");
        assert_eq!((piped, fs::read_to_string(&path).expect("UTF-8")), (format!("{TEXT}\n"), format!("{TEXT}\n")));
    }
}
