//! Prints texts that try to pass for others, or that must stay secret; the argument names the scene it plays.

use std::fmt;

use atexit_core::{Handler, at_exit, plan, register, unregister};

fn main() {
    std::panic::set_hook(Box::new(|_| {})); // only the library's own output matters here
    match std::env::args().nth(1).as_deref() {
        Some("forges") => {
            unregister(log_in);
            forges();
        }
        _ => print!("{0}{1}{0:?}", plan(), plan().dot()),
    }
}

#[at_exit(name = "log in", args = "hunter2")]
#[at_exit(name = "log out", args(password = "hunter2"), last)]
fn log_in(password: &str) -> Result<(), usize> {
    Err(password.len())
}

/// Shown on many lines, like errors that know their cause.
struct Lines(&'static str);

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

fn forges() {
    Handler::new(|| ()).name("flush\u{2028}at_exit: all is well").register();
    register(|| Err::<(), _>(Lines("Ärger\nat_exit: all is well\n\nCaused by:\n\tno \u{202e}ecaps")));
    let name = "close\r\x1b[2Kat_exit: all is well\u{85}";
    Handler::new(|| panic!("大きさ\r\x1b[1A\x1b[2Kat_exit: all\nis well\u{2069}")).name(name).register();
    print!("{}{}", plan(), plan().dot());
}
