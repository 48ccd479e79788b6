//! Owns what Windows does differently; must not know what a handler is.
//!
//! # The problem
//!
//! On Windows, `std::process::exit` is `ExitProcess`, which does not call a program's exit functions. It does call those of a DLL, when the DLL
//! is detached: then all other threads are dead, wherever they were, and none can be started.
//!
//! # What we do
//!
//! When this module starts, it replaces its imports of `ExitProcess` and of C's `exit`. So a return from `main`, which ends in C's `exit`, and
//! `std::process::exit` call the hook while nothing has been torn down: threads are alive, no lock is held, and the status is known.
//!
//! C's `atexit` is the fallback, for an exit that another module calls, and the only way to learn of `FreeLibrary`.
//!
//! # What is not covered
//!
//! `_exit`, `abort` and `TerminateProcess`, which are meant to run nothing; an `ExitProcess` whose address comes from `GetProcAddress`; and, if
//! this module is the program, the exits of other modules: C's exit functions run if they call C's `exit`, and nothing runs if they call
//! `ExitProcess`.
//!
//! With the C runtime linked in (`+crt-static`), its `exit` is not an import. It calls the fallback, which does not know the status; and its
//! `_exit` calls this module's `ExitProcess`.

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
    /// Whether the process is ending: then all threads but this one are dead.
    safe fn RtlDllShutdownInProgress() -> u8;
}

/// The addresses of the imported functions; zero if they were not replaced.
static EXIT_PROCESS: AtomicUsize = AtomicUsize::new(0);
static C_EXIT: AtomicUsize = AtomicUsize::new(0);

/// The number of the thread that is about to end the process, as far as is known, and the status that it ends it with.
static ENDING: AtomicU64 = AtomicU64::new(0);

/// Whether the handlers have run, and this module has called `ExitProcess`.
static HAS_LEFT: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether a replacement calls the hook on this thread: then no entry of the C runtime's list is used up. Without a destructor.
    static IS_BY_REPLACED: Cell<bool> = const { Cell::new(false) };
}

/// Does nothing if thread-locals are gone: then the C runtime is detaching this DLL.
fn set_by_replaced(is_so: bool) {
    let _ = IS_BY_REPLACED.try_with(|it| it.set(is_so));
}

/// Whether the loader detaches this DLL, because it is unloaded or because the process ends.
static IS_DETACHED: AtomicBool = AtomicBool::new(false);

pub(crate) fn process_number() -> u32 {
    std::process::id()
}

pub(crate) fn install_hook<H: ExitHook>() {
    /// Only once: if someone has replaced our function since, theirs calls ours in turn.
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
        // Null if this code was put into memory by something other than the loader.
        if !module.is_null() {
            // SAFETY: this code runs in the module, and both functions match their declarations in Windows and in ISO C.
            unsafe { import_table::replace(module, &replacements) };
        }
    }
    // Not inside a replacement: another thread may be inside C's `exit`, hold the lock of its list, and wait for this one.
    if !IS_BY_REPLACED.try_with(Cell::get).unwrap_or_default() {
        atexit(at_exit::<H>);
    }
}

/// What this module calls instead of `ExitProcess`.
unsafe extern "system" fn exit_process<H: ExitHook>(status: u32) -> ! {
    let status = run_hook::<H>(i32::from_ne_bytes(status.to_ne_bytes()));
    HAS_LEFT.store(true, Ordering::SeqCst);
    leave(status)
}

/// The same for C's `exit`.
unsafe extern "C" fn c_exit<H: ExitHook>(status: c_int) -> ! {
    let status = run_hook::<H>(status);
    let imported = C_EXIT.load(Ordering::SeqCst);
    // SAFETY: this function has replaced that one, whose address was noted before.
    let imported = unsafe { std::mem::transmute::<usize, unsafe extern "C" fn(c_int) -> !>(imported) };
    // SAFETY: ISO C. The caller of this function meant to call that one.
    unsafe { imported(status) }
}

/// Calls the hook, and returns the status to end with.
fn run_hook<H: ExitHook>(status: i32) -> i32 {
    note_status(status);
    set_by_replaced(true);
    let end = call_at_exit::<H>(Some(status)).unwrap_or(status);
    set_by_replaced(false);
    note_status(end);
    end
}

/// Calls the hook when the C runtime runs exit functions: those of a program in its `exit`, those of a DLL when it is detached.
extern "C" fn at_exit<H: ExitHook>() {
    set_by_replaced(false);
    if this_module() == program() {
        return exiting::<H>();
    }
    let process_ends = RtlDllShutdownInProgress() != 0;
    // The exit of this module has already run the handlers. Thread-locals may be gone by now, so nothing else would tell.
    if process_ends && HAS_LEFT.load(Ordering::SeqCst) {
        return;
    }
    IS_DETACHED.store(true, Ordering::SeqCst);
    if !process_ends {
        call_from_c(&mut H::unloading);
    } else if H::go_on_alone() {
        exiting::<H>();
    }
}

fn exiting<H: ExitHook>() {
    if let Some(status) = call_at_exit::<H>(status()) {
        exit_again(status);
    }
}

/// A status in the type that Windows uses, with the same bits.
fn of_windows(status: i32) -> u32 {
    u32::from_ne_bytes(status.to_ne_bytes())
}

fn this_thread() -> u64 {
    // SAFETY: it takes no arguments, and never fails.
    u64::from(unsafe { GetCurrentThreadId() })
}

fn note_status(status: i32) {
    ENDING.store((this_thread() << u32::BITS) | u64::from(of_windows(status)), Ordering::SeqCst);
}

/// The status that this thread is about to end the process with. That of another thread, which is dead by now, does not count.
fn status() -> Option<i32> {
    let ending = ENDING.load(Ordering::SeqCst) ^ (this_thread() << u32::BITS);
    u32::try_from(ending).ok().map(|status| i32::from_ne_bytes(status.to_ne_bytes()))
}

fn this_module() -> *const u8 {
    find_this_module(GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT)
}

/// Keeps this module loaded for good, because a thread, or the system, may call it at any time.
#[cfg(feature = "signals")]
pub(crate) fn keep_loaded() {
    use windows_sys::Win32::System::LibraryLoader::GET_MODULE_HANDLE_EX_FLAG_PIN;
    find_this_module(GET_MODULE_HANDLE_EX_FLAG_PIN);
}

fn find_this_module(flag: u32) -> *const u8 {
    let mut module = std::ptr::null_mut();
    let here = find_this_module as *const u16;
    // SAFETY: with this flag, the argument is not a name, but an address of loaded code.
    unsafe { GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | flag, here, &raw mut module) };
    module.cast()
}

fn program() -> *const u8 {
    // SAFETY: no name means the program.
    unsafe { GetModuleHandleW(std::ptr::null()) }.cast()
}

pub(crate) fn in_library() -> bool {
    false // the replacements come first, whatever is installed later
}

pub(crate) fn is_unloaded() -> bool {
    is_detached() && RtlDllShutdownInProgress() == 0
}

fn is_detached() -> bool {
    IS_DETACHED.load(Ordering::SeqCst)
}

/// While a DLL is detached, the loader's lock is held; and at the end of the process, the system starts no threads.
pub(crate) fn can_start_threads() -> bool {
    !is_detached()
}

/// With Wine, a process that calls `ExitProcess` while one of its threads ends may hang for a while, and is then killed.
pub(crate) fn await_end(thread: &JoinHandle<()>, at_most: Duration) {
    // SAFETY: the handle is open until it is dropped.
    unsafe { WaitForSingleObject(thread.as_raw_handle(), u32::try_from(at_most.as_millis()).unwrap_or(u32::MAX - 1)) };
}

/// Ends the process by the imported `ExitProcess`, without the hook.
fn leave(status: i32) -> ! {
    let imported = EXIT_PROCESS.load(Ordering::SeqCst);
    if imported == 0 {
        // SAFETY: it may be called anywhere, and is not replaced.
        unsafe { ExitProcess(of_windows(status)) }
    }
    // SAFETY: this is its address, noted before it was replaced.
    let imported = unsafe { std::mem::transmute::<usize, unsafe extern "system" fn(u32) -> !>(imported) };
    // SAFETY: as above.
    unsafe { imported(of_windows(status)) }
}

/// Flushes C's streams, as C's `exit` would do; but not when a DLL is detached, because a dead thread may hold their locks.
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

/// Not by C's `_exit`, which takes the lock of C's `exit`, nor by `ExitProcess`, which calls into every DLL as it detaches it.
pub(crate) fn exit_at_once(status: i32) -> ! {
    // SAFETY: the process is this one.
    unsafe { TerminateProcess(GetCurrentProcess(), of_windows(status)) };
    std::process::abort()
}
