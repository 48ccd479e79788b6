//! A program whose handlers, and all of `atexit-core`, are in a shared library. It obeys the same words as `tests/programs/host.c`.

use std::process::exit;
use std::thread;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if words.iter().any(|word| word == "shared_start") {
        dynamic_library::start();
    }
    println!("host");
    match words.last().map(String::as_str) {
        Some("exit") => exit(0),
        Some("exit3") => exit(3),
        Some("thread") => thread::spawn(|| exit(3)).join().unwrap_or_default(),
        _ => {}
    }
}
