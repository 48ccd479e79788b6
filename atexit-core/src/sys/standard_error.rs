//! Owns how Windows writes to standard error; must not know what is written.
//!
//! A write to a pipe or a console blocks as long as nobody reads, and there is no way to know beforehand. So a separate thread writes, and is
//! left alone if it takes too long; later writes wait for it. If no thread can be started, the write takes as long as it takes.

use std::fs::File;
use std::io::Write as _;
use std::mem::ManuallyDrop;
use std::os::windows::io::{FromRawHandle as _, RawHandle};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::System::Console::{GetConsoleMode, GetStdHandle, STD_ERROR_HANDLE, WriteConsoleW};

use crate::sys::sync::Instant;

/// A write gets at least this long, even if it must not wait for a reader: a thread takes time to start.
const START: Duration = Duration::from_millis(100);

/// How often to look whether an earlier write is done.
const LOOK: Duration = Duration::from_millis(5);

/// Whether a thread is writing, or was left alone while it was writing.
static IS_WRITING: AtomicBool = AtomicBool::new(false);

pub(crate) fn write_stderr(text: &str, until: Instant) -> bool {
    if !super::can_start_threads() {
        return write(text);
    }
    while IS_WRITING.swap(true, Ordering::Acquire) {
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(LOOK);
    }
    let (say, hear) = mpsc::sync_channel(1);
    let owned = text.to_owned();
    let body = move || {
        let is_written = write(&owned);
        IS_WRITING.store(false, Ordering::Release);
        let _ = say.send(is_written); // the receiver may have gone on meanwhile
    };
    let Some(thread) = crate::sys::spawn("at_exit_stderr", body) else {
        IS_WRITING.store(false, Ordering::Release);
        return write(text);
    };
    let at_most = until.saturating_duration_since(Instant::now()).max(START);
    let is_written = hear.recv_timeout(at_most);
    if is_written.is_ok() {
        super::await_end(&thread, START);
    }
    is_written.unwrap_or(false)
}

/// Writes without std, whose standard error has a lock that another thread may hold.
fn write(text: &str) -> bool {
    // SAFETY: it may be called at any time.
    let handle = unsafe { GetStdHandle(STD_ERROR_HANDLE) };
    if handle.is_null() || handle == INVALID_HANDLE_VALUE {
        return true; // std, too, discards what goes to a standard error that does not exist
    }
    let mut mode = 0;
    // SAFETY: the handle is the process's own. If it is not a console, the call fails.
    if unsafe { GetConsoleMode(handle, &raw mut mode) } != 0 {
        return write_to_console(handle, text);
    }
    // SAFETY: the handle stays open, as it is not dropped.
    let mut file = ManuallyDrop::new(unsafe { File::from_raw_handle(handle) });
    file.write_all(text.as_bytes()).is_ok()
}

/// A console takes UTF-16, and only so much at a time.
fn write_to_console(handle: RawHandle, text: &str) -> bool {
    const AT_A_TIME: usize = 4096;
    let text: Vec<u16> = text.encode_utf16().collect();
    text.chunks(AT_A_TIME).all(|chunk| {
        let (mut written, length) = (0, u32::try_from(chunk.len()).unwrap_or_default());
        // SAFETY: it gets the length of the text.
        let is_done = unsafe { WriteConsoleW(handle, chunk.as_ptr(), length, &raw mut written, std::ptr::null()) };
        is_done != 0 && written == length
    })
}
