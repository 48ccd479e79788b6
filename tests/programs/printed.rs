//! Has texts printed that would pass for others, or that nobody is to see; the argument says which of its scenes it plays.

use std::fmt;

use atexit_core::{Handler, at_exit, plan, register, unregister};

fn main() {
    std::panic::set_hook(Box::new(|_| {})); // what is looked at here is what the library says
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

/// What is shown on many lines, as errors that know their cause are.
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
