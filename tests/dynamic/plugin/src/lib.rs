//! A plug-in that shares `atexit-core` with the program: both use that of a shared library. It leaves a value and a deadline behind.

use std::time::Duration;

use dynamic_library::atexit_core::{Config, DropAtExit, configure};

static VALUE: DropAtExit<u8> = DropAtExit::new(|| 1);

/// Returns what the value was.
#[unsafe(no_mangle)]
pub extern "C" fn dynamic_plugin() -> u8 {
    configure(Config::current().deadline(Duration::MAX));
    let value = *VALUE.get();
    match VALUE.close() {
        Ok(true) => value,
        _ => 0,
    }
}
