//! Owns what Windows does its own way; must not know what a handler is.
//!
//! # The problem
//!
//! `std::process::exit` is `ExitProcess` there, which calls no exit functions of a program. Those of a DLL are called when it is detached: then all
//! other threads are dead, wherever they were, and none can be started.
//!
//! # What we do
//!
//! What this module imports as `ExitProcess` and as C's `exit` is replaced when it starts. So a return from `main`, which ends in C's
//! `exit`, and `std::process::exit` call the hook while all is as it was: threads live, no lock is held, and the status is known.
//!
//! C's `atexit` is the fallback, for an exit that another module calls, and the only thing that hears of `FreeLibrary`.
//!
//! # What is not covered
//!
//! `_exit`, `abort` and `TerminateProcess`, which are to run nothing; an `ExitProcess` that was asked for by `GetProcAddress`; and the exits
//! of other modules, where this one is the program: C's exit functions run if they call C's `exit`, and nothing does if they call `ExitProcess`.
//!
//! With the C runtime linked in (`+crt-static`), its `exit` is no import. It calls the fallback, which knows no status; and its `_exit`
//! calls this module's `ExitProcess`.

pub(crate) use super::by_std::{
    STATUS_MASK, exit_by_std, has_rights_of_another, is_in_exit, is_running, thread_id, vain_wait, watch_forks,
};
pub(crate) use super::iso_c::exit;
pub(crate) use standard_error::write_stderr;

use std::cell::Cell;
use std::ffi::c_int;
use std::os::windows::io::AsRawHandle as _;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, GetModuleHandleExW,
    GetModuleHandleW,
};
use windows_sys::Win32::System::Threading::{
    ExitProcess, GetCurrentProcess, GetCurrentThreadId, TerminateProcess, WaitForSingleObject,
};

use super::sync::thread::JoinHandle;
use super::{ExitHook, call_at_exit, call_from_c};
use import_table::Replacement;

mod import_table;
mod standard_error;

#[link(name = "ntdll")]
unsafe extern "system" {
    /// Whether the process ends: then all threads but this one are dead.
    safe fn RtlDllShutdownInProgress() -> u8;
}

/// What was imported; zero where it was not replaced.
static EXIT_PROCESS: AtomicUsize = AtomicUsize::new(0);
static C_EXIT: AtomicUsize = AtomicUsize::new(0);

/// The number of the thread that is about to end the process, as far as it is known, and the status that it ends it with.
static ENDING: AtomicU64 = AtomicU64::new(0);

/// The handlers have run, and this module has called `ExitProcess`.
static HAS_LEFT: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// What was replaced calls the hook on this thread: none of the C runtime's list is used up by that. Without a destructor.
    static IS_BY_REPLACED: Cell<bool> = const { Cell::new(false) };
}

/// Where thread-locals are gone already, the C runtime detaches this DLL.
fn set_by_replaced(is_so: bool) {
    let _ = IS_BY_REPLACED.try_with(|it| it.set(is_so));
}

/// The loader detaches this DLL, because it is unloaded or the process ends.
static IS_DETACHED: AtomicBool = AtomicBool::new(false);

pub(crate) fn process_id() -> u32 {
    std::process::id()
}

pub(crate) fn install_hook<H: ExitHook>() {
    /// Once: who has replaced ours since calls it in turn.
    static IS_REPLACED: AtomicBool = AtomicBool::new(false);
    unsafe extern "C" {
        safe fn atexit(hook: extern "C" fn()) -> c_int;
    }
    if !IS_REPLACED.swap(true, Ordering::SeqCst) {
        let replacements = [
            Replacement { name: c"ExitProcess", by: exit_process::<H> as *const () as usize, imported: &EXIT_PROCESS },
            Replacement { name: c"exit", by: c_exit::<H> as *const () as usize, imported: &C_EXIT },
        ];
        let module = this_module();
        // The loader knows none of code that something else has put into memory.
        if !module.is_null() {
            // SAFETY: this code runs in the module; both functions are what their declarations in Windows and ISO C say.
            unsafe { import_table::replace(module, &replacements) };
        }
    }
    // The thread that is inside C's `exit`, and has the lock of its list, may be another one, and wait for this.
    if !IS_BY_REPLACED.try_with(Cell::get).unwrap_or_default() {
        atexit(at_exit::<H>);
    }
}

/// What the library calls instead of `ExitProcess`.
unsafe extern "system" fn exit_process<H: ExitHook>(status: u32) -> ! {
    let status = run_hook::<H>(i32::from_ne_bytes(status.to_ne_bytes()));
    HAS_LEFT.store(true, Ordering::SeqCst);
    leave(status)
}

/// The same for C's `exit`.
unsafe extern "C" fn c_exit<H: ExitHook>(status: c_int) -> ! {
    let status = run_hook::<H>(status);
    let imported = C_EXIT.load(Ordering::SeqCst);
    // SAFETY: this function has been put in the place of that one, whose address was noted before.
    let imported = unsafe { std::mem::transmute::<usize, unsafe extern "C" fn(c_int) -> !>(imported) };
    // SAFETY: ISO C: whoever has called this wanted to call that.
    unsafe { imported(status) }
}

/// Calls the hook, and says what to end with then.
fn run_hook<H: ExitHook>(status: i32) -> i32 {
    note_status(status);
    set_by_replaced(true);
    let mut end = status;
    call_from_c(|| {
        let asked = H::exiting(Some(status)).and_then(|asked| H::status(asked, Some(status)));
        end = asked.unwrap_or(status);
    });
    set_by_replaced(false);
    note_status(end);
    end
}

/// Calls the hook where the C runtime runs exit functions: those of a program in its `exit`, those of a DLL when it is detached.
extern "C" fn at_exit<H: ExitHook>() {
    set_by_replaced(false);
    if this_module() == program() {
        return call_at_exit::<H>(status());
    }
    let process_ends = RtlDllShutdownInProgress() != 0;
    // What this module's own exit has run is done; thread-locals may be gone by now, by which the rest would be known.
    if process_ends && HAS_LEFT.load(Ordering::SeqCst) {
        return;
    }
    IS_DETACHED.store(true, Ordering::SeqCst);
    if !process_ends {
        call_from_c(H::unloading);
    } else if H::go_on_alone() {
        call_at_exit::<H>(status());
    }
}

/// A status as Windows has it, of the same bits.
fn of_windows(status: i32) -> u32 {
    u32::from_ne_bytes(status.to_ne_bytes())
}

fn this_thread() -> u64 {
    // SAFETY: it takes nothing, and never fails.
    u64::from(unsafe { GetCurrentThreadId() })
}

fn note_status(status: i32) {
    ENDING.store((this_thread() << u32::BITS) | u64::from(of_windows(status)), Ordering::SeqCst);
}

/// What this thread is about to end the process with. Another one that was, and is dead by now, does not end it.
fn status() -> Option<i32> {
    let ending = ENDING.load(Ordering::SeqCst) ^ (this_thread() << u32::BITS);
    u32::try_from(ending).ok().map(|status| i32::from_ne_bytes(status.to_ne_bytes()))
}

fn this_module() -> *const u8 {
    find_this_module(GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT)
}

/// Keeps this module loaded for good, as a thread, or the system, is to call it at any time.
#[cfg(feature = "signals")]
pub(crate) fn keep_loaded() {
    use windows_sys::Win32::System::LibraryLoader::GET_MODULE_HANDLE_EX_FLAG_PIN;
    find_this_module(GET_MODULE_HANDLE_EX_FLAG_PIN);
}

fn find_this_module(flag: u32) -> *const u8 {
    let mut module = std::ptr::null_mut();
    let here = find_this_module as *const u16;
    // SAFETY: by this flag it is no name, but an address, of code that is loaded.
    unsafe { GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | flag, here, &raw mut module) };
    module.cast()
}

fn program() -> *const u8 {
    // SAFETY: no name means the program.
    unsafe { GetModuleHandleW(std::ptr::null()) }.cast()
}

pub(crate) fn in_library() -> bool {
    false // what is replaced comes first, whatever is installed later
}

pub(crate) fn is_unloaded() -> bool {
    is_detached() && RtlDllShutdownInProgress() == 0
}

fn is_detached() -> bool {
    IS_DETACHED.load(Ordering::SeqCst)
}

/// The loader's lock is held while it detaches a DLL, and at the end of the process the system starts none.
pub(crate) fn can_start_threads() -> bool {
    !is_detached()
}

/// With Wine, a process that calls `ExitProcess` while a thread of its own ends may hang for a while, and is killed then.
pub(crate) fn await_end(thread: &JoinHandle<()>, at_most: Duration) {
    // SAFETY: the handle is open as long as it is not dropped.
    unsafe { WaitForSingleObject(thread.as_raw_handle(), u32::try_from(at_most.as_millis()).unwrap_or(u32::MAX - 1)) };
}

/// By the `ExitProcess` that was imported, past the hook.
fn leave(status: i32) -> ! {
    let imported = EXIT_PROCESS.load(Ordering::SeqCst);
    if imported == 0 {
        // SAFETY: it may be called anywhere, and was not replaced.
        unsafe { ExitProcess(of_windows(status)) }
    }
    // SAFETY: that is its address, noted before it was replaced.
    let imported = unsafe { std::mem::transmute::<usize, unsafe extern "system" fn(u32) -> !>(imported) };
    // SAFETY: as above.
    unsafe { imported(of_windows(status)) }
}

/// C's streams are written out, as its `exit` would do; but when a DLL is detached, a dead thread may hold their locks.
pub(crate) fn exit_again(status: i32) -> ! {
    if is_detached() {
        exit_at_once(status)
    }
    super::iso_c::flush();
    leave(status)
}

/// Nothing forks.
pub(crate) fn exit_in_child(status: i32) -> ! {
    exit_again(status)
}

/// Not by C's `_exit`, which takes the lock of its `exit`, nor by `ExitProcess`, which calls all that is detached.
pub(crate) fn exit_at_once(status: i32) -> ! {
    // SAFETY: the process is this one.
    unsafe { TerminateProcess(GetCurrentProcess(), of_windows(status)) };
    std::process::abort()
}
