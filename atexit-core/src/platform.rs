//! Owns every line of `unsafe` and every `cfg` of an operating system; must not know what a handler is for, or when it runs.
//!
//! Two rooms share this file because both need `unsafe`: [`Callback`], code of any type in four words, and the few
//! calls of the C library that std does not offer. They are declared here rather than taken from a binding crate:
//! there are five of them, ISO C and the Itanium C++ ABI fix their signatures, and everyone who uses
//! the attribute would pay for building the bindings.
//!
//! # Which call plants the hook, and why
//!
//! A constructor (by the `ctor` crate) calls `__cxa_atexit(hook, _, __dso_handle)` before `main`. The candidates were
//!
//! - `.fini_array`, which is what a `dtor` function is: it runs after everything that C code planted by `atexit`, and
//!   nothing tells it the exit status;
//! - `atexit` of the C library: nothing tells it the status either, and from a shared object it is the same call;
//! - `on_exit`: tells the status, but knows no shared object, so that it jumps into unmapped code after a `dlclose`;
//! - `__cxa_atexit`: glibc passes the status as a second argument; the third argument is the shared object
//!   whose unloading calls the hook too.
//!
//! Exit functions run last-in first-out, so whatever C code plants from `main` on runs before the hook, and what was
//! planted by constructors that ran earlier, `.fini_array`, and the flush of C's `stdout` come after it. `arm()` plants
//! the hook once more, in front. In a `cdylib` all of this belongs to the library: the hook runs when `dlclose` unloads
//! it, or at the exit of the process, whichever is first.

use std::any::TypeId;
use std::ffi::{c_int, c_long, c_void};
use std::fs::File;
use std::io::Write as _;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::handler::{About, Code};
use crate::runner::Cause;
use crate::status::Fault;

// ---- Closures ----------------------------------------------------------------------------------------------------

/// How many words a [`Callback`] holds without an allocation of its own.
const INLINE_WORDS: usize = 3;

type Payload = MaybeUninit<[usize; INLINE_WORDS]>;

/// What is known of a type once it is forgotten.
struct Table {
    /// # Safety
    ///
    /// The payload must hold the code this table was made for; it is moved out.
    call: unsafe fn(*mut Payload) -> Option<Fault>,
    /// # Safety
    ///
    /// As for `call`.
    drop: unsafe fn(*mut Payload),
    /// `None` of code that says nothing of itself, as most does: so nobody has to ask.
    ///
    /// # Safety
    ///
    /// The payload must hold the code this table was made for.
    about: Option<unsafe fn(&Payload) -> Option<About<'_>>>,
    /// Of a closure without captures and of a function: equal types are the same code.
    identity: Option<fn() -> TypeId>,
    type_name: fn() -> &'static str,
}

/// [`Code`] of any type, which lies in place when it is small.
///
/// The usual answer, a box of a trait object, costs an allocation for every registration.
pub(crate) struct Callback {
    table: &'static Table,
    payload: Payload,
}

// SAFETY: `Code` is `Send`. What can be asked of it by reference is the business of `WithOptions` and `DeclaredHandler`, which are `Sync`.
unsafe impl Send for Callback {}

impl Callback {
    pub(crate) fn new<C: Code>(code: C) -> Self {
        const {
            assert!(size_of::<Box<C>>() <= size_of::<Payload>() && align_of::<Box<C>>() <= align_of::<Payload>());
        }
        if const { size_of::<C>() <= size_of::<Payload>() && align_of::<C>() <= align_of::<Payload>() } {
            Self::store(code)
        } else {
            Self::store(Box::new(code))
        }
    }

    /// Stores code that fits.
    fn store<C: Code>(code: C) -> Self {
        let mut payload = Payload::uninit();
        // SAFETY: `new` has compared size and alignment of what it passes; the payload is fresh.
        unsafe { payload.as_mut_ptr().cast::<C>().write(code) };
        Self { table: const { &Table::of::<C>() }, payload }
    }

    /// Calls the code, which is gone afterwards, also if it panics.
    #[inline]
    pub(crate) fn call(self) -> Option<Fault> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: the table was made with the payload, and `ManuallyDrop` keeps anyone from using it again.
        unsafe { (this.table.call)(&raw mut this.payload) }
    }

    #[inline]
    pub(crate) fn about(&self) -> Option<About<'_>> {
        // SAFETY: the table was made with the payload; `call` never lets go of a callback that it has emptied.
        self.table.about.and_then(|about| unsafe { about(&self.payload) })
    }

    /// The type of the function or closure, if two values of it cannot differ.
    pub(crate) fn identity(&self) -> Option<TypeId> {
        self.table.identity.map(|identity| identity())
    }

    #[inline]
    pub(crate) fn type_name(&self) -> fn() -> &'static str {
        self.table.type_name
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        // SAFETY: as in `about`.
        unsafe { (self.table.drop)(&raw mut self.payload) }
    }
}

impl Table {
    const fn of<C: Code>() -> Self {
        Self {
            // SAFETY: the caller's duty, stated at the field, is that a valid `C` lies there.
            call: |payload| unsafe { payload.cast::<C>().read() }.call(),
            // SAFETY: likewise.
            drop: |payload| unsafe { payload.cast::<C>().drop_in_place() },
            about: if C::SAYS_MORE {
                // SAFETY: likewise.
                Some(|payload| unsafe { &*payload.as_ptr().cast::<C>() }.about())
            } else {
                None
            },
            identity: if size_of::<C::Function>() == 0 { Some(TypeId::of::<C::Function>) } else { None },
            type_name: std::any::type_name::<C::Function>,
        }
    }
}

// ---- The process -------------------------------------------------------------------------------------------------

// The only place that says so; without it, a program that registers nothing by a call would never plant the hook.
ctor::declarative::ctor! {
    #[ctor(unsafe)]
    fn before_main() {
        (1..HOOKS).for_each(|_| plant());
        arm();
        watch_forks();
        LOADED_IN.store(std::process::id(), Ordering::Relaxed);
    }
}

/// The process that declared handlers were declared in. Nothing else is published with it.
static LOADED_IN: AtomicU32 = AtomicU32::new(0);

pub(crate) fn loaded_in() -> u32 {
    LOADED_IN.load(Ordering::Relaxed)
}

/// Out of memory it does nothing: then a child may find a lock taken.
#[cfg(unix)]
fn watch_forks() {
    unsafe extern "C" {
        fn pthread_atfork(before: extern "C" fn(), in_parent: extern "C" fn(), in_child: extern "C" fn()) -> c_int;
    }
    extern "C" fn before() {
        crate::fork::before();
    }
    extern "C" fn in_parent() {
        crate::fork::in_parent();
    }
    extern "C" fn in_child() {
        crate::fork::in_child();
    }
    // SAFETY: POSIX. The functions are in this object, whose unloading takes the registration back.
    unsafe { pthread_atfork(before, in_parent, in_child) };
}

#[cfg(not(unix))]
fn watch_forks() {}

/// The low byte is all of a status that a parent sees.
pub(crate) const STATUS_MASK: i32 = if cfg!(unix) { 0xff } else { -1 };

/// Writes to descriptor 2 without a lock, a buffer or a panic. What cannot be written is lost: there is nowhere to say so.
#[cfg(unix)]
pub(crate) fn write_stderr(text: &str) {
    if !text.is_empty() {
        without_sigpipe(|| write_to(2, text.as_bytes()));
    }
}

/// Keeps a write to a pipe that nobody reads from killing a process that is not Rust, and does not ignore SIGPIPE.
#[cfg(target_os = "linux")]
fn without_sigpipe(write: impl FnOnce()) {
    const SIGPIPE: c_int = 13;
    const SIG_BLOCK: c_int = 0;
    const SIG_SETMASK: c_int = 2;
    /// As large as a `sigset_t` of glibc and of musl.
    #[repr(C)]
    struct Set([u64; 16]);
    unsafe extern "C" {
        fn sigaddset(set: *mut Set, signal: c_int) -> c_int;
        fn sigismember(set: *const Set, signal: c_int) -> c_int;
        fn sigpending(set: *mut Set) -> c_int;
        fn pthread_sigmask(how: c_int, set: *const Set, before: *mut Set) -> c_int;
        fn sigtimedwait(set: *const Set, info: *mut c_void, timeout: *const [c_long; 2]) -> c_int;
    }
    // A set of zeros is the empty set.
    let (mut pipe, mut pending, mut before) = (Set([0; 16]), Set([0; 16]), Set([0; 16]));
    // SAFETY: POSIX; all sets are ours.
    let was_pending = unsafe {
        sigaddset(&raw mut pipe, SIGPIPE);
        sigpending(&raw mut pending);
        pthread_sigmask(SIG_BLOCK, &raw const pipe, &raw mut before);
        sigismember(&raw const pending, SIGPIPE) == 1
    };
    write();
    let at_once = [0; 2];
    // SAFETY: POSIX: takes the signal of the write, which is this thread's, if it came, and puts the mask back.
    unsafe {
        if !was_pending {
            sigtimedwait(&raw const pipe, std::ptr::null_mut(), &raw const at_once);
        }
        pthread_sigmask(SIG_SETMASK, &raw const before, std::ptr::null_mut());
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
fn without_sigpipe(write: impl FnOnce()) {
    write();
}

/// Writes what can be written to a descriptor; fit for a signal handler.
#[cfg(unix)]
pub(crate) fn write_to(descriptor: i32, bytes: &[u8]) {
    use std::os::fd::FromRawFd as _;
    if descriptor >= 0 {
        // SAFETY: `ManuallyDrop` never closes the descriptor, and writing to one that is not open is an error, no more.
        let mut file = ManuallyDrop::new(unsafe { File::from_raw_fd(descriptor) });
        let _ = file.write_all(bytes);
    }
}

/// As above, as far as std goes: its standard error has no buffer and swallows a missing handle.
#[cfg(not(unix))]
pub(crate) fn write_stderr(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

unsafe extern "C" {
    #[link_name = "exit"]
    safe fn c_exit(status: c_int) -> !;
    fn fflush(stream: *mut c_void) -> c_int;
    fn _exit(status: c_int) -> !;
}

/// Ends the process by C's `exit`: what else is planted still runs. Not through std, whose own `exit` aborts the second
/// time that a thread enters it.
pub(crate) fn exit(status: i32) -> ! {
    c_exit(status)
}

/// What goes away when C calls the hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    Process,
    /// The shared object that this code is in.
    Library,
}

#[cfg(unix)]
unsafe extern "C" {
    safe static __dso_handle: c_void;
    fn __cxa_atexit(hook: *const c_void, argument: *mut c_void, dso: *const c_void) -> c_int;
}

/// How many hooks are planted before `main`, and so how many threads can be between being given one by C and planting the next, while
/// yet another thread calls `exit`, without that one passing by the handlers. glibc 2.41 lets one thread at a time into `exit`.
const HOOKS: usize = 8;

/// Puts a hook in front of everything that waits for the exit of the process. Out of memory it does nothing: the hooks
/// that were planted before still stand.
#[cfg(unix)]
pub(crate) fn plant() {
    extern "C" fn hook(_: *mut c_void, status: c_int) {
        // Only glibc passes a status; elsewhere the register holds anything.
        let status = if cfg!(target_env = "gnu") { Some(status) } else { None };
        // C knows no unwinding. What handlers panic with never gets here; what an observer has captured may, when it is dropped.
        if let Err(payload) = std::panic::catch_unwind(|| crate::hook::at_exit(herald::leaving(), status)) {
            crate::status::drop_quietly(payload);
        }
    }
    // SAFETY: the hook is in the object whose handle is passed, so that it is called before its code goes away. A C function
    // that gets one argument more than it declares, or one that it does not read, is what every System V ABI allows.
    unsafe { __cxa_atexit(hook as *const c_void, std::ptr::null_mut(), &raw const __dso_handle) };
}

/// Puts as many hooks in front as threads may meet there.
pub(crate) fn plant_all() {
    (0..HOOKS).for_each(|_| plant());
}

/// Puts a hook in front, and what tells it that the process exits before that.
pub(crate) fn arm() {
    plant();
    herald::plant();
}

/// Tells an exit from a `dlclose`, between which the hook cannot choose by itself.
///
/// The herald is an exit function planted after the hook, hence called before it, that belongs to no shared object: at an exit
/// it comes, at a `dlclose` it does not. As it must not be code that can be unloaded, it is the C library's own
/// `sem_post`, on a semaphore that is never freed.
#[cfg(target_os = "linux")]
mod herald {
    use std::ffi::{c_int, c_uint, c_void};
    use std::sync::OnceLock;

    use super::{__cxa_atexit, Leaving};

    unsafe extern "C" {
        fn calloc(count: usize, size: usize) -> *mut c_void;
        fn sem_init(semaphore: *mut c_void, shared: c_int, value: c_uint) -> c_int;
        fn sem_post(semaphore: *mut c_void) -> c_int;
        fn sem_getvalue(semaphore: *mut c_void, value: *mut c_int) -> c_int;
    }

    struct Semaphore(*mut c_void);

    // SAFETY: POSIX semaphores are made to be used from several threads.
    unsafe impl Send for Semaphore {}
    // SAFETY: likewise.
    unsafe impl Sync for Semaphore {}

    /// `None` out of memory.
    static HERALD: OnceLock<Option<Semaphore>> = OnceLock::new();

    /// Larger than a `sem_t` of glibc and of musl (32 bytes).
    const SIZE: usize = 128;

    fn semaphore() -> Option<*mut c_void> {
        let made = HERALD.get_or_init(|| {
            // SAFETY: ISO C; memory of `calloc` is aligned for every type.
            let memory = unsafe { calloc(1, SIZE) };
            // SAFETY: it is ours, and large enough, if it is not null.
            (!memory.is_null() && unsafe { sem_init(memory, 0, 0) } == 0).then_some(Semaphore(memory))
        });
        made.as_ref().map(|semaphore| semaphore.0)
    }

    pub(super) fn plant() {
        if let Some(semaphore) = semaphore() {
            // SAFETY: the semaphore lives for ever, and so does the C library.
            unsafe { __cxa_atexit(sem_post as *const c_void, semaphore, std::ptr::null()) };
        }
    }

    pub(super) fn leaving() -> Leaving {
        let mut count = 0;
        if let Some(semaphore) = semaphore() {
            // SAFETY: the semaphore was initialised, and is never destroyed.
            unsafe { sem_getvalue(semaphore, &raw mut count) };
        }
        if count > 0 { Leaving::Process } else { Leaving::Library }
    }
}

/// Elsewhere nothing tells them apart: it is an exit, and no thread is started in case it is not.
#[cfg(all(unix, not(target_os = "linux")))]
mod herald {
    use super::Leaving;

    pub(super) fn plant() {}

    pub(super) fn leaving() -> Leaving {
        Leaving::Process
    }
}

/// Whether a run may start threads: not while a library is being unloaded, when the loader's lock keeps them from starting, nor
/// in the hook where that is not known.
pub(crate) fn may_start_threads(cause: Cause) -> bool {
    match cause {
        Cause::Run | Cause::Signal(_) => cfg!(not(target_family = "wasm")),
        Cause::Exit { .. } => cfg!(target_os = "linux"),
        Cause::Unload => false,
    }
}

/// Whether the exit thread sits in the system call in which std's `exit` waits for ever on a second thread.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) fn exit_thread_pauses() -> bool {
    const PAUSE: &str = "34";
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let exit_threads = tasks
        .map(|task| task.path())
        .filter(|task| std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim_end() == "at_exit"));
    let system_call = |task: &std::path::PathBuf| std::fs::read_to_string(task.join("syscall")).unwrap_or_default();
    let number = |task: &std::path::PathBuf| task.file_name()?.to_str()?.parse::<u32>().ok();
    exit_threads.max_by_key(number).is_some_and(|task| system_call(&task).split(' ').next() == Some(PAUSE))
}

/// Elsewhere it cannot be known.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub(crate) fn exit_thread_pauses() -> bool {
    false
}

#[cfg(not(unix))]
unsafe extern "C" {
    safe fn atexit(hook: extern "C" fn()) -> c_int;
}

/// As above; the C runtime of Windows keeps a list for each module by itself, and tells no status.
#[cfg(not(unix))]
pub(crate) fn plant() {
    extern "C" fn hook() {
        crate::hook::at_exit(Leaving::Process, None);
    }
    atexit(hook);
}

#[cfg(not(unix))]
mod herald {
    pub(super) fn plant() {}
}

/// Ends the process from within the hook with another status than the one it was about to end with.
///
/// glibc lets the exiting thread call `exit` again: the remaining exit functions run, with the new status. C leaves this
/// undefined and newer versions of musl trap it, so elsewhere C's buffers are flushed and the process ends at once.
pub(crate) fn exit_again(status: i32) -> ! {
    if cfg!(target_env = "gnu") {
        c_exit(status)
    }
    // SAFETY: ISO C: a null stream means all of them.
    unsafe { fflush(std::ptr::null_mut()) };
    exit_at_once(status)
}

/// Ends the process without another word: nothing that is planted runs.
pub(crate) fn exit_at_once(status: i32) -> ! {
    // SAFETY: POSIX: `_exit` may be called at any time. The C runtime of Windows has it too.
    unsafe { _exit(status) }
}

// ---- Signals -----------------------------------------------------------------------------------------------------

/// What a process does about a signal.
#[cfg(all(unix, feature = "signals"))]
#[derive(Clone, Copy)]
pub(crate) struct Disposition(libc::sigaction);

#[cfg(all(unix, feature = "signals"))]
impl Disposition {
    pub(crate) fn is_ignored(&self) -> bool {
        self.0.sa_sigaction == libc::SIG_IGN
    }

    /// Makes it the disposition again that the signal has.
    pub(crate) fn restore(&self, signal: i32) {
        // SAFETY: the structure is one that the system has filled in. POSIX allows the call in a forked child.
        unsafe { libc::sigaction(signal, &raw const self.0, std::ptr::null_mut()) };
    }
}

/// What the process does about this signal now; `None` if there is no such signal.
#[cfg(all(unix, feature = "signals"))]
pub(crate) fn disposition(signal: i32) -> Option<Disposition> {
    let mut action = MaybeUninit::zeroed();
    // SAFETY: POSIX: it fills in the structure if it succeeds, and fails for what is no signal.
    (unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) } == 0)
        // SAFETY: filled in.
        .then(|| Disposition(unsafe { action.assume_init() }))
}

/// Calls `arrived` in the signal handler of this signal, after what the program had there before.
///
/// `arrived` must be fit for a signal handler: `signals` is the only caller, and says so at its function.
#[cfg(all(unix, feature = "signals"))]
pub(crate) fn on_signal(signal: i32, arrived: fn(i32)) -> std::io::Result<()> {
    // SAFETY: `arrived` does nothing but atomic operations, `write`, and what `signal-hook` offers for signal handlers.
    unsafe { signal_hook::low_level::register(signal, move || arrived(signal)) }.map(drop)
}

/// Keeps signals from this thread for as long as it lives.
#[cfg(all(unix, feature = "signals"))]
pub(crate) struct BlockedSignals(libc::sigset_t);

#[cfg(all(unix, feature = "signals"))]
impl BlockedSignals {
    pub(crate) fn all() -> Self {
        let (mut all, mut before) = (MaybeUninit::zeroed(), MaybeUninit::zeroed());
        // SAFETY: POSIX: the first call fills in a set, the second reads it and fills in the other, which zeroed is a set, too.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
            Self(before.assume_init())
        }
    }
}

#[cfg(all(unix, feature = "signals"))]
impl Drop for BlockedSignals {
    fn drop(&mut self) {
        // SAFETY: the set is the one that this thread had.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut()) };
    }
}
