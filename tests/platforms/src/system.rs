//! Owns what is asked of the C library and of the system, for which std has nothing.

use std::ffi::c_int;

/// C's `exit`.
pub(crate) fn exit(status: i32) -> ! {
    unsafe extern "C" {
        fn exit(status: c_int) -> !;
    }
    // SAFETY: ISO C; a handler that calls it does what C leaves undefined, which the table is to show.
    unsafe { exit(status) }
}

/// Has C's `exit` call a function.
pub(crate) fn plant() {
    extern "C" fn planted() {
        println!("function of C");
    }
    unsafe extern "C" {
        safe fn atexit(function: extern "C" fn()) -> c_int;
    }
    assert_eq!(atexit(planted), 0);
}

/// What a terminal sends at Ctrl-C; `false` if it cannot be sent.
pub(crate) fn interrupt() -> bool {
    send(2, 0)
}

/// What asks a process to end.
pub(crate) fn terminate() -> bool {
    send(15, 0)
}

/// This signal.
#[cfg(unix)]
fn send(signal: c_int, _: u32) -> bool {
    unsafe extern "C" {
        fn raise(signal: c_int) -> c_int;
    }
    // SAFETY: ISO C.
    unsafe { raise(signal) == 0 }
}

/// This event of the console.
#[cfg(windows)]
fn send(_: c_int, event: u32) -> bool {
    unsafe extern "system" {
        fn GenerateConsoleCtrlEvent(event: u32, group: u32) -> i32;
    }
    // SAFETY: any numbers will do.
    unsafe { GenerateConsoleCtrlEvent(event, 0) != 0 }
}

#[cfg(not(any(unix, windows)))]
fn send(_: c_int, _: u32) -> bool {
    false
}

/// Starts this program once more, in a console of its own: what is sent there reaches nobody else. Returns in that one only.
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

/// A signal is sent to this process alone.
#[cfg(not(windows))]
pub(crate) fn have_a_console() {}
