//! A Rust program with handlers of its own that loads a plug-in with handlers: two copies of the library in one process.

use std::error::Error;

use atexit_core::{at_exit, pending, register};
use libloading::{Library, Symbol};

#[at_exit]
fn declared() {
    println!("host: declared");
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().ok_or("no path of a plug-in")?;
    let way = args.next().unwrap_or_default();
    register(|| println!("host: registered"));
    // SAFETY: the plug-in's constructors only set up what its handlers need.
    let plugin = unsafe { Library::new(path) }?;
    {
        // SAFETY: the function has this type.
        let start: Symbol<'_, extern "C" fn()> = unsafe { plugin.get(b"plugin_start") }?;
        start();
    }
    println!("host: {} pending", pending());
    match way.as_str() {
        "unload" => {
            plugin.close()?;
            println!("host: unloaded, {} pending", pending());
        }
        "signal" => {
            atexit_core::signals::install()?;
            signal_hook::low_level::raise(signal_hook::consts::SIGTERM)?;
            loop {
                std::thread::park();
            }
        }
        _ => std::mem::forget(plugin),
    }
    Ok(())
}
