//! A program whose handlers, and all of `atexit-core`, are in a shared library. It obeys the same words as `tests/programs/host.c`.

use std::process::exit;
use std::thread;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if words.iter().any(|word| word == "shared_start") {
        dynamic_library::start();
    }
    println!("host");
    if let Some(plugin) = words.iter().find_map(|word| word.strip_prefix("plugin=")) {
        use_and_close(plugin);
    }
    match words.last().map(String::as_str) {
        Some("exit") => exit(0),
        Some("exit3") => exit(3),
        Some("thread") => thread::spawn(|| exit(3)).join().unwrap_or_default(),
        _ => {}
    }
}

fn use_and_close(plugin: &str) {
    // SAFETY: the plug-in has this function, and nothing of it is used after it is closed.
    let closed = unsafe {
        let library = libloading::Library::new(plugin).expect("the plug-in can be loaded");
        let function = library.get::<extern "C" fn() -> u8>(b"dynamic_plugin").expect("the plug-in has this function");
        assert_eq!(function(), 1);
        library.close()
    };
    assert!(closed.is_ok());
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    assert!(!maps.contains("dynamic_plugin"), "the plug-in is still there");
}
