//! Lives as programs do that are not written for this library; the first argument says which of its scenes it plays.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use atexit_core::{Config, configure, guard, register};

fn main() {
    let scene = std::env::args().nth(1).unwrap_or_default();
    let (_, play) = SCENES.iter().find(|(name, _)| *name == scene).expect("a scene of this name");
    play();
}

const SCENES: &[(&str, fn())] = &[
    ("forks", forks),
    ("forks_while_others_register", forks_while_others_register),
    ("fails_often", fails_often),
    ("needs_stack", needs_stack),
    ("needs_more_stack", needs_more_stack),
    ("has_a_usual_stack", || has_stack(8 << 20)),
    ("has_a_large_stack", || has_stack(1 << 30)),
    ("has_no_stack", || has_stack(0)),
    ("has_an_impossible_stack", || has_stack(usize::MAX)),
];

/// An allocator with one lock, which it takes around each `fork`, as jemalloc does: from its first allocation on.
struct Locked;

static LOCK: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn lock() {
    while LOCK.swap(true, Ordering::Acquire) {
        std::hint::spin_loop();
    }
}

extern "C" fn unlock() {
    LOCK.store(false, Ordering::Release);
}

#[global_allocator]
static ALLOCATOR: Locked = Locked;

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Locked {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if ALLOCATIONS.fetch_add(1, Ordering::Relaxed) == 0 {
            // SAFETY: POSIX; both functions are there for as long as the process is.
            unsafe { libc::pthread_atfork(Some(lock), Some(unlock), Some(unlock)) };
        }
        lock();
        // SAFETY: the caller's duty.
        let allocated = unsafe { System.alloc(layout) };
        unlock();
        allocated
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        lock();
        // SAFETY: the caller's duty.
        unsafe { System.dealloc(pointer, layout) };
        unlock();
    }
}

/// Forks, and says how the child has ended.
fn child(leaves: fn()) -> i32 {
    // SAFETY: what the child does is what this is about.
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
    println!("{}", child(|| atexit_core::exit(3)));
}

fn forks_while_others_register() {
    static OVER: AtomicBool = AtomicBool::new(false);
    let others: Vec<_> = (0..2)
        .map(|_| {
            thread::spawn(|| {
                while !OVER.load(Ordering::Relaxed) {
                    let words = [1_usize; 8]; // more than fits without an allocation
                    register(move || assert_eq!(words.len(), 8)).unregister();
                }
            })
        })
        .collect();
    let ended = (0..100).filter(|_| child(|| atexit_core::exit(3)) == 3).count();
    OVER.store(true, Ordering::Relaxed);
    for other in others {
        other.join().expect("no panic");
    }
    println!("{ended} children");
}

/// Takes at least so many KiB of the stack.
fn deep(level: usize) -> usize {
    let used = std::hint::black_box([1_u8; 1024]);
    if level == 0 { 0 } else { usize::from(used[level % 1024]) + deep(level - 1) }
}

/// Several times as much of the stack as std gives a thread, and less than `main` has.
fn needs_stack() {
    register(|| println!("{}", deep(3000)));
}

/// More than twice as much as `main` has.
fn needs_more_stack() {
    configure(Config::new().stack_size(128 << 20));
    register(|| println!("{}", deep(20_000)));
}

/// How much memory the process has had at most while its handler runs.
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
