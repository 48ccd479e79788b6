//! A process that waits to be killed by a signal, which nothing here catches: its handler does not run.
//!
//! The other half of `signal_parent`.

use std::io::Read as _;

use atexit_core::register;

fn not_called() {
    println!("CHILD: atexit handler should not have been called");
}

fn main() -> std::io::Result<()> {
    println!("CHILD: Registering atexit handler");
    register(not_called);
    println!("CHILD: Pausing to wait for signal");
    // The parent never writes: this reads until the signal comes.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
