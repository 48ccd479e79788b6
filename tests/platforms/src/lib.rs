//! Owns the parts that the programs of the table are made of: words that register handlers, and ways out. It knows only what every platform has.

mod system;
mod ways_out;
mod words;

pub use ways_out::{leave, prepare};
pub use words::set_up;

/// Makes a panic print one line without the names of threads and places, so that it can be compared.
pub fn shorten_panics() {
    std::panic::set_hook(Box::new(|info| eprintln!("hook: {}", info.to_string().lines().nth(1).unwrap_or("?"))));
}

/// A word, and the number after its colon.
fn split(word: &str) -> (&str, i32) {
    let (name, number) = word.split_once(':').unwrap_or((word, "0"));
    (name, number.parse().expect("a number behind the colon"))
}

/// Starts a thread, or reports that there is none.
fn spawn(f: impl FnOnce() + Send + 'static) -> Option<std::thread::JoinHandle<()>> {
    let started = std::thread::Builder::new().spawn(f);
    if started.is_err() {
        println!("no thread");
    }
    started.ok()
}
