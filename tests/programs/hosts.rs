//! Acts like programs that were not written for this library; the first argument names the scene it plays.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, OnceLock};
use std::thread;
use std::time::Duration;

use atexit_core::{Config, Handler, configure, guard, pending, plan, register, run, unregister};

fn main() {
    let mut args = std::env::args().skip(1);
    let scene = args.next().unwrap_or_default();
    let (_, play) = SCENES.iter().find(|(name, _)| *name == scene).expect("a scene of this name");
    watch_late();
    if let Some(call) = args.next() {
        let (_, call) = CALLS.iter().find(|(name, _)| *name == call).expect("a call of this name");
        EACH_TIME.set(*call).expect("it is set once");
    }
    play();
}

const SCENES: &[(&str, fn())] = &[
    ("forks", forks),
    ("forks_while_others_register", forks_while_others_register),
    ("cannot_start_threads_in_the_child", cannot_start_threads_in_the_child),
    ("uses_everything", uses_everything),
    ("fails_often", fails_often),
    ("needs_stack", needs_stack),
    ("needs_more_stack", needs_more_stack),
    ("has_a_usual_stack", || has_stack(8 << 20)),
    ("has_a_large_stack", || has_stack(1 << 30)),
    ("has_no_stack", || has_stack(0)),
    ("has_an_impossible_stack", || has_stack(usize::MAX)),
];

/// An allocator with one lock, which it takes around each `fork`, as jemalloc does: from its first allocation on, or from `main` on if the
/// environment says `LATE`. At some calls it calls the library, unless the library called it.
struct Locked;

static LOCK: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
static EACH_TIME: OnceLock<fn()> = OnceLock::new();

thread_local! {
    /// Whether allocating on this thread calls the library.
    static CALLS_HERE: Cell<bool> = const { Cell::new(false) };
}

const CALLS: &[(&str, fn())] = &[
    ("registers", || {
        register(|| ());
    }),
    ("takes_back", || {
        register(|| ()).unregister();
        drop(guard(|| ()));
        unregister(nothing);
    }),
    ("configures", || drop(configure(Config::new()))),
    ("looks", || drop((pending(), plan(), atexit_core::cause()))),
    ("runs", || drop(run())),
];

/// More than the library allocates by itself, and few enough to stop even if each makes another one.
const CALLED_AT_MOST: usize = 2000;

fn call_the_library() {
    static CALLED: AtomicUsize = AtomicUsize::new(0);
    let Some(call) = EACH_TIME.get() else { return };
    if CALLED.load(Ordering::Relaxed) < CALLED_AT_MOST && CALLS_HERE.replace(false) {
        CALLED.fetch_add(1, Ordering::Relaxed);
        call();
        CALLS_HERE.set(true);
    }
}

extern "C" fn lock() {
    while LOCK.swap(true, Ordering::Acquire) {
        std::hint::spin_loop();
    }
}

extern "C" fn unlock() {
    LOCK.store(false, Ordering::Release);
}

fn is_late() -> bool {
    // SAFETY: the name is NUL-terminated, and nothing changes the environment.
    !unsafe { libc::getenv(c"LATE".as_ptr()) }.is_null()
}

/// The bytes that C's allocator has handed out.
#[cfg(target_env = "gnu")]
fn in_use() -> usize {
    // SAFETY: glibc: it takes no argument.
    unsafe { libc::mallinfo2() }.uordblks
}

/// Other C libraries do not say.
#[cfg(not(target_env = "gnu"))]
fn in_use() -> usize {
    0
}

static IN_USE: AtomicUsize = AtomicUsize::new(0);

/// Before the library learns of a fork in the child, because this is registered earlier.
extern "C" fn first_in_child() {
    IN_USE.store(in_use(), Ordering::Relaxed);
    if !is_late() {
        unlock();
    }
}

/// After the library has learned of it.
extern "C" fn last_in_child() {
    let is_changed = IN_USE.load(Ordering::Relaxed) != in_use();
    if is_changed {
        // SAFETY: POSIX.
        unsafe { libc::_exit(8) };
    }
    if is_late() {
        unlock();
    }
}

fn watch_early() {
    let (before, after): (Option<extern "C" fn()>, Option<_>) =
        if is_late() { (None, None) } else { (Some(lock), Some(unlock as extern "C" fn())) };
    watch(before, after, first_in_child);
}

fn watch_late() {
    let (before, after): (Option<extern "C" fn()>, Option<_>) =
        if is_late() { (Some(lock), Some(unlock as extern "C" fn())) } else { (None, None) };
    watch(before, after, last_in_child);
}

fn watch(before: Option<extern "C" fn()>, after: Option<extern "C" fn()>, in_child: extern "C" fn()) {
    unsafe extern "C" {
        fn pthread_atfork(
            before: Option<extern "C" fn()>,
            after: Option<extern "C" fn()>,
            in_child: Option<extern "C" fn()>,
        ) -> libc::c_int;
    }
    // SAFETY: POSIX; the functions exist as long as the process does.
    assert_eq!(unsafe { pthread_atfork(before, after, Some(in_child)) }, 0);
}

#[global_allocator]
static ALLOCATOR: Locked = Locked;

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Locked {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if ALLOCATIONS.fetch_add(1, Ordering::Relaxed) == 0 {
            watch_early();
        }
        call_the_library();
        lock();
        // SAFETY: the caller's obligation.
        let allocated = unsafe { System.alloc(layout) };
        unlock();
        allocated
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        call_the_library();
        lock();
        // SAFETY: the caller's obligation.
        unsafe { System.dealloc(pointer, layout) };
        unlock();
    }
}

/// Forks, and says how the child ended.
fn child(leaves: fn()) -> i32 {
    // SAFETY: the test is about just what the child does.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        leaves();
        // SAFETY: POSIX.
        unsafe { libc::_exit(9) };
    }
    let mut status = 0;
    // SAFETY: POSIX; the child is ours.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    libc::WEXITSTATUS(status)
}

fn forks() {
    let _guard = guard(|| println!("guarded"));
    Handler::new(|| ()).name(String::from("named")).this_process().register();
    println!("{}", child(|| atexit_core::exit(3)));
    register(|| println!("in a handler: {}", child(|| atexit_core::exit(4))));
    register(|| {
        // Only the running handler uses the memory of this name.
        Handler::new(|| println!("in a run of a handler: {}", child(|| ()))).name(String::from("named")).register();
        run();
    });
}

/// The others allocate, free, configure, and run handlers. No thread starts meanwhile: std takes a lock there, which a child may find locked.
fn forks_while_others_register() {
    static OVER: AtomicBool = AtomicBool::new(false);
    static STARTED: Barrier = Barrier::new(4);
    let runs_also = thread::spawn(|| {
        STARTED.wait();
        while !OVER.load(Ordering::Relaxed) {
            Handler::new(|| Err::<(), _>("failed")).caller_thread().register();
            configure(Config::new().failure_status(false).observer(|_| ()));
            run();
        }
    });
    let others = (0..2).map(|_| {
        thread::spawn(|| {
            STARTED.wait();
            while !OVER.load(Ordering::Relaxed) {
                let words = [1_usize; 8]; // too large to fit without an allocation
                let many: Vec<_> = (0..200)
                    .map(|_| Handler::new(move || assert_eq!(words.len(), 8)).caller_thread().register())
                    .collect();
                assert!(many.iter().filter(|one| one.unregister()).count() <= 200); // the others may run
                unregister(nothing);
                drop(plan());
            }
        })
    });
    let others: Vec<_> = others.collect();
    STARTED.wait();
    let ended = (0..100).filter(|_| child(|| atexit_core::exit(3)) == 3).count();
    OVER.store(true, Ordering::Relaxed);
    others.into_iter().chain([runs_also]).for_each(|other| other.join().expect("no panic"));
    println!("{ended} children");
}

/// Whether threads get stuck as they start. They do in a child, if another thread of its parent was just starting: std does not release the
/// lock that it takes there.
static STUCK: AtomicBool = AtomicBool::new(false);

type Start = extern "C" fn(*mut libc::c_void) -> *mut libc::c_void;

/// Called by std to start a thread.
///
/// # Safety
///
/// As POSIX requires.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_create(
    thread: *mut libc::pthread_t,
    attributes: *const libc::pthread_attr_t,
    start: Start,
    argument: *mut libc::c_void,
) -> libc::c_int {
    extern "C" fn stuck(_: *mut libc::c_void) -> *mut libc::c_void {
        loop {
            // SAFETY: POSIX.
            unsafe { libc::pause() };
        }
    }
    let start = if STUCK.load(Ordering::Relaxed) { stuck } else { start };
    // SAFETY: the caller's obligation.
    unsafe { create_of_c()(thread, attributes, start, argument) }
}

type Create =
    unsafe extern "C" fn(*mut libc::pthread_t, *const libc::pthread_attr_t, Start, *mut libc::c_void) -> libc::c_int;

#[cfg(not(target_feature = "crt-static"))]
fn create_of_c() -> Create {
    // SAFETY: the C library's function of this name has this type.
    unsafe { std::mem::transmute(libc::dlsym(libc::RTLD_NEXT, c"pthread_create".as_ptr())) }
}

/// If the C library is part of the program, this does not look it up: musl has another name for it.
#[cfg(target_feature = "crt-static")]
fn create_of_c() -> Create {
    unsafe extern "C" {
        fn __pthread_create(
            thread: *mut libc::pthread_t,
            attributes: *const libc::pthread_attr_t,
            start: Start,
            argument: *mut libc::c_void,
        ) -> libc::c_int;
    }
    __pthread_create
}

fn cannot_start_threads_in_the_child() {
    register(|| println!("handler"));
    let run_and_exit = || {
        STUCK.store(true, Ordering::Relaxed);
        register(|| ());
        println!("{} ran", run().ran());
        register(|| println!("registered later"));
        atexit_core::exit(3);
    };
    println!("{}", child(run_and_exit));
}

fn nothing() {}

fn named(name: &str) -> Handler {
    Handler::new(|| ()).name(String::from(name))
}

/// Everything that allocates or frees, including failures, nested runs and handlers that hang.
fn uses_everything() {
    CALLS_HERE.set(true);
    configure(Config::new().observer(|_| ()));
    let many: Vec<_> = (0..200).map(|at| named(&at.to_string()).register()).collect();
    let taken_back = many.iter().step_by(2).filter(|one| one.unregister()).count();
    assert!(taken_back == 100 || EACH_TIME.get().is_some(), "{taken_back}"); // the allocator may have run some
    register(nothing);
    assert!(unregister(nothing) <= 1);
    drop((plan(), guard(|| ())));
    register(|| {
        CALLS_HERE.set(true);
        named("inside").register();
        let failed = String::from("failed");
        register(|| Err::<(), _>(failed));
        assert!(run().failures().len() <= 1);
        CALLS_HERE.set(false);
    });
    run();
    register(|| ());
    atexit_core::clear();
    named("in time").time_limit(Duration::from_secs(3600)).register();
    Handler::new(|| {
        loop {
            thread::park();
        }
    })
    .name("hangs")
    .time_limit(Duration::from_millis(10))
    .register();
    atexit_core::exit(3);
}

/// Uses at least this many KiB of the stack.
fn deep(level: usize) -> usize {
    let used = std::hint::black_box([1_u8; 1024]);
    if level == 0 { 0 } else { usize::from(used[level % 1024]) + deep(level - 1) }
}

/// Several times the stack that std gives a thread, and less than that of `main`.
fn needs_stack() {
    register(|| println!("{}", deep(3000)));
}

/// More than twice the stack of `main`.
fn needs_more_stack() {
    configure(Config::new().stack_size(128 << 20));
    register(|| println!("{}", deep(20_000)));
}

/// The peak memory of the process while its handler runs.
fn has_stack(bytes: usize) {
    configure(Config::new().stack_size(bytes));
    register(|| {
        let status = std::fs::read_to_string("/proc/self/status").expect("procfs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak of what is resident");
        println!("{} {}", peak.trim().trim_end_matches(" kB"), thread::current().name().unwrap_or("?"));
    });
}

fn fails_often() {
    for number in 0..100 {
        register(move || Err::<(), _>(number));
    }
}
