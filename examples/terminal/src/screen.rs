//! Owns the terminal: takes it over, draws on it, and restores it when the process ends; must not know what is drawn.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::time::Duration;

use atexit_core::{CloseAtExit, Failure};
use parking_lot::Mutex;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{LeaveAlternateScreen, disable_raw_mode, is_raw_mode_enabled};
use ratatui::{DefaultTerminal, Frame};

static TERMINAL: CloseAtExit<Mutex<DefaultTerminal>> =
    CloseAtExit::new(|| Mutex::new(ratatui::init())).close_with(restore).first();

fn restore(terminal: &Mutex<DefaultTerminal>) -> io::Result<()> {
    let _frame = terminal.try_lock_for(Duration::from_secs(1)); // the last one; it never ends if it is what exits
    let mut screen = File::from(io::stdout().as_fd().try_clone_to_owned()?); // stdout itself may be locked
    if is_raw_mode_enabled()? {
        disable_raw_mode()?; // after a panic, ratatui's hook has done both
        execute!(screen, LeaveAlternateScreen)?;
    }
    execute!(screen, Show)
}

/// The terminal, which the program has to itself.
pub struct Screen(&'static Mutex<DefaultTerminal>);

/// Takes the terminal over. `None`: the process is about to end.
pub fn open() -> Option<Screen> {
    TERMINAL.try_get().ok().map(Screen)
}

impl Screen {
    /// Draws a frame, unless the terminal is restored: then it returns `false`.
    pub fn draw(&self, render: impl FnOnce(&mut Frame<'_>)) -> io::Result<bool> {
        let mut terminal = self.0.lock();
        let is_open = TERMINAL.get_if_open().is_some();
        if is_open {
            terminal.draw(render)?;
        }
        Ok(is_open)
    }
}

/// Restores the terminal now, if it was taken over.
pub fn close() -> Result<(), Failure> {
    TERMINAL.close().map(drop)
}
