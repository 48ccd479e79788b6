//! Owns how Linux is asked whether a thread waits in vain; must not know what the thread was doing.
//!
//! `/proc/self/task/N/syscall` says in which system call a thread is, and with which arguments. Two calls show that it never goes on:
//!
//! - `pause`, in which std's `exit` parks every thread but the first, and so does musl's from 1.2.6 on;
//! - `futex`, for a lock of the C library that is held by the very thread that waits for this one: the lock of glibc's `exit`, from 2.41 on, or
//!   that of a stream. glibc stores next to such a lock which thread has it; with musl, the lock itself is that thread's number.

use std::ffi::{CStr, c_int, c_long, c_void};
use std::io::Read;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::open_file;
use crate::sys::{DeadEnd, VainWait};

/// The calls of an architecture, by their numbers.
struct Calls {
    gettid: c_long,
    /// How the line begins.
    pause: &'static [u8],
    futex: &'static [u8],
}

const CALLS: Option<Calls> = if cfg!(all(target_arch = "x86_64", target_pointer_width = "64")) {
    Some(Calls { gettid: 186, pause: b"34 ", futex: b"202 " })
} else if cfg!(any(target_arch = "x86", target_arch = "arm")) {
    Some(Calls { gettid: 224, pause: b"29 ", futex: b"240 " })
} else if cfg!(any(target_arch = "aarch64", target_arch = "riscv64", target_arch = "loongarch64")) {
    Some(Calls { gettid: 178, pause: b"73 0x0 0x0 0x0 ", futex: b"98 " }) // a `ppoll` of nothing
} else if cfg!(target_arch = "s390x") {
    Some(Calls { gettid: 236, pause: b"29 ", futex: b"238 " })
} else if cfg!(target_arch = "powerpc64") {
    Some(Calls { gettid: 207, pause: b"29 ", futex: b"221 " })
} else {
    None
};

/// The thread on which the hook was called last, as C's locks name it. `Relaxed`: it publishes nothing else.
static IN_EXIT: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn note_exit_on_this_thread() {
    unsafe extern "C" {
        safe fn pthread_self() -> *mut c_void;
    }
    let name = if cfg!(target_env = "musl") {
        thread_id().and_then(|id| usize::try_from(id).ok()).unwrap_or_default()
    } else {
        pthread_self() as usize
    };
    IN_EXIT.store(name, Ordering::Relaxed);
}

pub(crate) fn thread_id() -> Option<u64> {
    unsafe extern "C" {
        // `gettid` itself is missing in C libraries on which Rust programs still run.
        fn syscall(number: c_long, ...) -> c_long;
    }
    let Calls { gettid, .. } = CALLS?;
    // SAFETY: the call takes no arguments, and never fails.
    u64::try_from(unsafe { syscall(gettid) }).ok()
}

pub(crate) fn vain_wait(thread_id: u64) -> Option<VainWait> {
    let mut buffer = Buffer::new();
    // First: if the thread goes on meanwhile, this number belongs to an earlier wait, and is not found again.
    let number = waits(buffer.read(thread_id, b"/status\0")?)?;
    let dead_end = dead_end(buffer.read(thread_id, b"/syscall\0")?)?;
    Some(VainWait { dead_end, number })
}

/// Whether the thread runs, or would run if a processor were free.
pub(crate) fn is_running(thread_id: u64) -> Option<bool> {
    Some(Buffer::new().read(thread_id, b"/syscall\0")?.starts_with(b"running"))
}

/// How often the thread has waited, as its status says. The rest of the status need not be UTF-8: the name of a thread may be cut off.
fn waits(status: &[u8]) -> Option<u64> {
    const NAME: &[u8] = b"\nvoluntary_ctxt_switches:\t";
    let mut rest = status;
    loop {
        if let Some(count) = rest.strip_prefix(NAME) {
            return number(count, 10);
        }
        rest = rest.get(1..)?;
    }
}

/// The number at the beginning of a text.
pub(super) fn number(text: &[u8], base: u64) -> Option<u64> {
    let mut number = None;
    for &byte in text {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' if base == 16 => byte - b'a' + 10,
            _ => break,
        };
        number = Some(number.unwrap_or(0_u64).checked_mul(base)?.checked_add(digit.into())?);
    }
    number
}

/// Takes the first word off a line.
#[inline(never)] // one copy, to keep programs small
fn word<'a>(line: &mut &'a [u8]) -> &'a [u8] {
    let mut parts = line.splitn(2, |&byte| byte == b' ');
    let word = parts.next().unwrap_or_default();
    *line = parts.next().unwrap_or_default();
    word
}

/// A buffer for the files about a thread, and their paths. It is on the stack, because a handler may have used up all memory.
struct Buffer {
    bytes: [u8; 4096],
    length: usize,
}

impl Buffer {
    fn new() -> Self {
        Self { bytes: [0; 4096], length: 0 }
    }

    /// A file about a thread, or as much of its end as fits: a status lists all groups of the user before the line in question.
    fn read(&mut self, thread_id: u64, file: &[u8]) -> Option<&[u8]> {
        self.length = 0;
        self.append(b"/proc/self/task/");
        self.append_number(thread_id);
        self.append(file);
        let path = CStr::from_bytes_with_nul(self.bytes.get(..self.length)?).ok()?;
        self.read_end(open_file(path, 0)?)
    }

    fn append(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if let Some(place) = self.bytes.get_mut(self.length) {
                *place = byte;
                self.length += 1;
            }
        }
    }

    fn append_number(&mut self, number: u64) {
        if number >= 10 {
            self.append_number(number / 10);
        }
        self.append(&[b'0' + (number % 10) as u8]);
    }

    fn read_end(&mut self, mut file: impl Read) -> Option<&[u8]> {
        self.length = 0;
        loop {
            if self.length == self.bytes.len() {
                self.length /= 2;
                let (first, second) = self.bytes.split_at_mut(self.length);
                first.copy_from_slice(second);
            }
            match file.read(self.bytes.get_mut(self.length..)?).ok()? {
                0 => return self.bytes.get(..self.length),
                more => self.length += more,
            }
        }
    }
}

fn dead_end(call: &[u8]) -> Option<DeadEnd> {
    let Calls { pause, futex, .. } = CALLS?;
    if call.starts_with(pause) {
        return Some(DeadEnd::Exit);
    }
    let mut rest = call.strip_prefix(futex)?;
    let [address, operation, value, end] = [word(&mut rest), word(&mut rest), word(&mut rest), word(&mut rest)];
    // This is how C waits for a lock: private to the process, and without a time-out. std's locks wait by another operation.
    if operation != b"0x80" || end != b"0x0" {
        return None;
    }
    let owner = if cfg!(target_env = "musl") {
        owner_of_stream(hexadecimal(value)?)?
    } else {
        owner(hexadecimal(address)?, hexadecimal(value)?)?
    };
    if owner != 0 && owner == IN_EXIT.load(Ordering::Relaxed) { Some(DeadEnd::Lock) } else { None }
}

fn hexadecimal(word: &[u8]) -> Option<u64> {
    number(word.strip_prefix(b"0x")?, 16)
}

/// A stream's lock in musl is the number of its owner, plus this bit while others wait.
fn owner_of_stream(lock: u64) -> Option<usize> {
    const IS_AWAITED: u64 = 1 << 30;
    let owner = lock.checked_sub(IS_AWAITED).filter(|&owner| owner < IS_AWAITED)?;
    usize::try_from(owner).ok()
}

/// Which thread has the lock, if it is one for which glibc stores that. The memory is read through a file, because it may not be such a lock, or
/// may be freed meanwhile.
fn owner(lock: u64, value: u64) -> Option<usize> {
    /// The value of a lock that is taken, while others wait.
    const IS_AWAITED: u64 = 2;
    if !cfg!(target_env = "gnu") || value != IS_AWAITED {
        return None;
    }
    let mut owner = [0; size_of::<usize>()];
    // It comes after the lock itself and the number of times that its owner has taken it.
    let at = lock.checked_add(2 * size_of::<c_int>() as u64)?;
    match open_file(c"/proc/self/mem", 0)?.read_at(&mut owner, at) {
        Ok(length) if length == owner.len() => Some(usize::from_ne_bytes(owner)),
        _ => None,
    }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn a_status_of_any_length_says_how_often_a_thread_has_waited() {
        for groups in [0, 100, 400, 65_536] {
            let mut status = b"Name:\tgr\xc3\nGroups:\t".to_vec();
            for group in 0..groups {
                status.extend_from_slice(format!("{} ", 4_000_000_000_u32 - group).as_bytes());
            }
            status.extend_from_slice(b"\nvoluntary_ctxt_switches:\t17\nnonvoluntary_ctxt_switches:\t4\n");
            assert_eq!(Buffer::new().read_end(&status[..]).and_then(waits), Some(17), "{groups} groups");
        }
    }

    #[test]
    fn a_thread_that_runs_is_told_from_one_that_waits() {
        let (say, hear) = mpsc::channel();
        let (let_go, held) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            say.send(thread_id()).expect("heard");
            while held.try_recv() == Err(mpsc::TryRecvError::Empty) {}
            assert!(held.recv().is_err());
        });
        let id = hear.recv().expect("said").expect("known on this processor");
        while is_running(id) != Some(true) {
            thread::yield_now();
        }
        let_go.send(()).expect("held");
        while is_running(id) != Some(false) {
            thread::yield_now();
        }
        drop(let_go);
        thread.join().expect("no panic");
    }
}
