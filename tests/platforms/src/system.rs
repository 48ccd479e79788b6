//! Owns the calls to the C library and the system that std does not offer.

use std::ffi::c_int;

/// C's `exit`.
pub(crate) fn exit(status: i32) -> ! {
    unsafe extern "C" {
        fn exit(status: c_int) -> !;
    }
    // SAFETY: ISO C; calling it in a handler is undefined in C, and the table shows what happens then.
    unsafe { exit(status) }
}

/// Registers a function with C's `exit`.
pub(crate) fn plant() {
    extern "C" fn planted() {
        println!("function of C");
    }
    unsafe extern "C" {
        safe fn atexit(function: extern "C" fn()) -> c_int;
    }
    assert_eq!(atexit(planted), 0);
}

/// Sends what a terminal sends at Ctrl-C; `false` if it cannot be sent.
pub(crate) fn interrupt() -> bool {
    send(2, 0)
}

/// Sends what asks a process to end.
pub(crate) fn terminate() -> bool {
    send(15, 0)
}

/// Sends this signal.
#[cfg(unix)]
fn send(signal: c_int, _: u32) -> bool {
    unsafe extern "C" {
        fn raise(signal: c_int) -> c_int;
    }
    // SAFETY: ISO C.
    unsafe { raise(signal) == 0 }
}

/// Sends this console event.
#[cfg(windows)]
fn send(_: c_int, event: u32) -> bool {
    unsafe extern "system" {
        fn GenerateConsoleCtrlEvent(event: u32, group: u32) -> i32;
    }
    // SAFETY: any numbers are valid.
    unsafe { GenerateConsoleCtrlEvent(event, 0) != 0 }
}

#[cfg(not(any(unix, windows)))]
fn send(_: c_int, _: u32) -> bool {
    false
}

/// Starts this program once more, in a console of its own, so that events sent there reach no other process. Returns only in that process.
#[cfg(windows)]
pub(crate) fn have_a_console() {
    use std::os::windows::process::CommandExt as _;
    const CREATE_NO_WINDOW: u32 = 0x0800_0000;
    const HAS_CONSOLE: &str = "PLATFORMS_HAS_CONSOLE";
    if std::env::var_os(HAS_CONSOLE).is_none() {
        let program = std::env::current_exe().expect("this program has a path");
        let mut again = std::process::Command::new(program);
        let again = again.args(std::env::args_os().skip(1)).env(HAS_CONSOLE, "").creation_flags(CREATE_NO_WINDOW);
        std::process::exit(again.status().expect("it starts").code().expect("Windows knows no signals"));
    }
}

/// Does nothing: a signal is sent to this process alone.
#[cfg(not(windows))]
pub(crate) fn have_a_console() {}
