//! Has the terminal to itself until a key is pressed, and then ends the way that it is told to.
//!
//! ```text
//! terminal [return | error | panic | process-exit | exit | worker | frame] [hold]
//! ```
//!
//! `worker` is another thread that calls `process::exit` while `main` draws a frame; `frame` is a `process::exit` inside a frame. With `hold`,
//! `main` holds stdout's lock all the time. If stdout is no terminal, a line of text is all it writes.
//!
//! With `RATATUI_RUN` in the environment ratatui alone restores the terminal, to show which ways out it misses.

mod screen;

use std::error::Error;
use std::io::{self, IsTerminal as _};
use std::time::Duration;
use std::{env, process, thread};

use atexit_core::{at_exit, signals};
use parking_lot::Mutex;
use ratatui::Frame;
use ratatui::crossterm::event;

const TEXT: &str = "Any key ends this.";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Draws a frame; `false` if the terminal is not there anymore.
type Draw<'a> = dyn FnMut(&dyn Fn(&mut Frame<'_>)) -> Result<bool> + 'a;

/// Held by a `main` that draws until it cannot.
static DRAWING: Mutex<()> = Mutex::new(());

/// What it prints is seen, as the terminal is restored first. A `main` that draws soon stops: nothing can be drawn then.
#[at_exit]
fn say_goodbye() {
    let _stopped = DRAWING.try_lock_for(Duration::from_secs(1));
    eprintln!("Goodbye.");
}

fn main() -> Result<()> {
    signals::install()?;
    let has_word = |word| env::args().skip(1).any(|argument| argument == word);
    let _held = has_word("hold").then(|| io::stdout().lock());
    if !io::stdout().is_terminal() {
        println!("{TEXT}");
        return end(&mut |_| Ok(false));
    }
    if env::var_os("RATATUI_RUN").is_some() {
        return ratatui::run(|terminal| show(&mut |render| Ok(terminal.draw(render).map(|_| true)?)));
    }
    let Some(screen) = screen::open() else { return Ok(()) };
    let shown = show(&mut |render| Ok(screen.draw(render)?));
    screen::close()?; // before the error that `main` returns is printed
    shown
}

/// Draws until a key is pressed, or the terminal is gone.
fn show(draw: &mut Draw<'_>) -> Result<()> {
    const TICK: Duration = Duration::from_millis(10);
    while draw(&render)? {
        if event::poll(TICK)? && event::read()?.is_key_press() {
            return end(draw);
        }
    }
    Ok(())
}

fn render(frame: &mut Frame<'_>) {
    frame.render_widget(TEXT, frame.area());
}

fn end(draw: &mut Draw<'_>) -> Result<()> {
    match env::args().nth(1).as_deref().unwrap_or("return") {
        "return" => Ok(()),
        "error" => Err("it ends by an error".into()),
        "panic" => panic!("it ends by a panic"),
        "process-exit" => process::exit(3),
        "exit" => atexit_core::exit(4),
        "worker" => {
            let drawing = DRAWING.lock();
            draw(&exit_inside)?;
            while draw(&render)? {}
            drop(drawing);
            loop {
                thread::park(); // until the worker has ended the process
            }
        }
        "frame" => draw(&|_| process::exit(6)).map(drop),
        way => Err(format!("there is no way called {way}").into()),
    }
}

/// A slow frame, during which a worker ends the process.
fn exit_inside(frame: &mut Frame<'_>) {
    thread::spawn(|| process::exit(5));
    thread::sleep(Duration::from_millis(100));
    frame.render_widget("It ends now.", frame.area());
}
