//! Starts `signal_child`, waits until it has registered its handler, and kills it with a signal: the handler does not run.
//!
//! `cargo run --example signal_parent` (after `cargo build --examples`)

use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

fn main() -> Result<(), Box<dyn Error>> {
    let mut program = std::env::current_exe()?;
    program.set_file_name("signal_child");
    println!("PARENT: Starting child...");
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().ok_or("the child has no stdout")?;
    let mut lines = BufReader::new(stdout).lines();
    for line in lines.by_ref() {
        let line = line?;
        println!("{line}");
        if line.contains("Pausing") {
            break;
        }
    }
    println!("PARENT: Signaling child");
    let pid = i32::try_from(child.id())?;
    // SAFETY: nobody has waited for the child yet, so its PID is still its own.
    unsafe { libc::kill(pid, libc::SIGTERM) };
    let status = child.wait()?;
    for line in lines {
        println!("{}", line?);
    }
    println!("PARENT: Child died by signal {:?}", status.signal());
    Ok(())
}
