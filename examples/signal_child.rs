//! The other half of `signal_parent`: waits for a signal that it does not catch, so its handler does not run.

use std::io::Read as _;

use atexit_core::register;

fn not_called() {
    println!("CHILD: atexit handler should not have been called");
}

fn main() -> std::io::Result<()> {
    println!("CHILD: Registering atexit handler");
    register(not_called);
    println!("CHILD: Pausing to wait for signal");
    // The parent never writes, so this waits for the signal.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
