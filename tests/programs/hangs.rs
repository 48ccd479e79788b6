//! Hangs at its end, as programs do by mistake; the first argument names the scene it plays.

use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use atexit_core::{Config, Event, Handler, HandlerError, configure, register, run, signals};

unsafe extern "C" {
    static stdout: *mut c_void;
    fn flockfile(stream: *mut c_void);
    fn puts(text: *const c_char) -> c_int;
    // A thread's name fits in a word on every Linux, but musl types it as a pointer, which must not go to another thread.
    safe fn pthread_self() -> usize;
    fn pthread_kill(thread: usize, signal: c_int) -> c_int;
}

fn main() {
    let scene = std::env::args().nth(1).unwrap_or_default();
    let (_, play) = SCENES.iter().find(|(name, _)| *name == scene).expect("a scene of this name");
    play();
}

const SCENES: &[(&str, fn())] = &[
    ("std_exit", std_exit),
    ("std_exit_in_panic_hook", std_exit_in_panic_hook),
    ("take_hook_after_exit_in_panic_hook", take_hook_after_exit_in_panic_hook),
    ("exit_in_panic_hook", exit_in_panic_hook),
    ("c_exit", || register_exiting(|| c_exit(9))),
    ("c_exit_within_a_limit", c_exit_within_a_limit),
    ("c_exit_in_run_of_another_thread", c_exit_in_run_of_another_thread),
    ("c_exit_after_a_signal", c_exit_after_a_signal),
    ("std_exit_on_caller_of_another_thread", std_exit_on_caller_of_another_thread),
    ("observer_exits_in_another_thread", observer_exits_in_another_thread),
    ("late_in_a_run_that_is_taken_over", late_in_a_run_that_is_taken_over),
    ("stuck_in_exit", stuck_in_exit),
    ("ends_in_time", ends_in_time),
    ("ends_at_deadline_of_another", ends_at_deadline_of_another),
    ("waits_for_a_lock", waits_for_a_lock),
    ("pauses", pauses),
    ("stream", stream),
    ("observer_at_start", || observer_hangs(|event| matches!(event, Event::RunStarted { .. }))),
    ("observer_at_handler", || observer_hangs(|event| matches!(event, Event::Finished { failure: Some(_), .. }))),
    ("observer_at_end", || observer_hangs(|event| matches!(event, Event::RunFinished { .. }))),
    ("observer_of_another_thread", observer_of_another_thread),
    ("error_hangs_when_dropped", error_hangs_when_dropped),
    ("error_hangs_when_dropped_in_c_exit", error_hangs_when_dropped_in_c_exit),
    ("error_exits_when_dropped", error_exits_when_dropped),
    ("observer_hangs_when_dropped", observer_hangs_when_dropped),
    ("source_hangs_when_dropped", source_hangs_when_dropped),
    ("source_exits_when_dropped", || source_exits_when_dropped(None)),
    ("source_exits_when_dropped_within_a_limit", || source_exits_when_dropped(Some(Duration::MAX))),
    ("stdout_lost_after_a_signal", stdout_lost_after_a_signal),
    ("observer_stuck_after_an_end", observer_stuck_after_an_end),
    ("observer_hangs_in_a_run_of_a_handler", observer_hangs_in_a_run_of_a_handler),
    ("settings_panic_when_dropped_after_a_signal", settings_panic_when_dropped_after_a_signal),
    ("settings_panic_when_dropped_by_another_thread", settings_panic_when_dropped_by_another_thread),
    ("observer_after_a_signal", observer_after_a_signal),
    ("observer_before_a_handler", || observer_beside_a_handler(|event| matches!(event, Event::Started { .. }), hang)),
    ("observer_after_a_handler", || observer_beside_a_handler(|event| matches!(event, Event::Finished { .. }), hang)),
    ("observer_exits_before_a_handler", || {
        observer_beside_a_handler(|event| matches!(event, Event::Started { .. }), || c_exit(4));
    }),
    ("panic_hook_exits_by_c", panic_hook_exits_by_c),
    ("observer_exits", observer_exits),
    ("observer_leaves", observer_leaves),
    ("overflows", overflows),
    ("guards_locals_end", || guards_locals(Duration::MAX, || println!("thread-local dropped"))),
    ("guards_locals_hang", || guards_locals(Duration::from_millis(500), || hang())),
    ("guard_panics_late", guard_panics_late),
    ("local_exits", local_exits),
    ("key_hangs", key_hangs),
];

fn c_exit(status: i32) -> ! {
    // SAFETY: ISO C leaves this undefined inside a handler; C libraries define it, or block the thread.
    unsafe { libc::exit(status) }
}

fn hang() -> ! {
    loop {
        thread::park();
    }
}

/// Between two handlers that run.
fn register_exiting(exits: fn()) {
    register(|| println!("last"));
    Handler::new(exits).name("exits").register();
    register(|| println!("first"));
}

fn std_exit() {
    register_exiting(|| std::process::exit(9));
}

fn std_exit_in_panic_hook() {
    std::panic::set_hook(Box::new(|_| std::process::exit(9)));
    register_exiting(|| panic!("out of luck"));
}

fn take_hook_after_exit_in_panic_hook() {
    configure(Config::new().time_limit(Duration::from_millis(200)));
    std::panic::set_hook(Box::new(|_| std::process::exit(9)));
    register(|| println!("last"));
    Handler::new(|| panic!("without a hook")).name("panics").register();
    Handler::new(|| drop(std::panic::take_hook())).name("takes").register();
    register_exiting(|| panic!("out of luck"));
}

fn exit_in_panic_hook() {
    std::panic::set_hook(Box::new(|_| atexit_core::exit(9)));
    register_exiting(|| panic!("out of luck"));
}

/// `main` is in C's `exit` when the handler calls it.
fn c_exit_in_run_of_another_thread() {
    c_exit_in_run_by(|| {
        run();
        hang();
    });
}

fn c_exit_after_a_signal() {
    signals::install().expect("installed");
    c_exit_in_run_by(|| {
        // SAFETY: ISO C.
        unsafe { libc::raise(libc::SIGTERM) };
    });
}

fn c_exit_in_run_by(begin: fn()) {
    static BEGUN: Barrier = Barrier::new(2);
    register(|| println!("last"));
    Handler::new(|| {
        BEGUN.wait();
        wait_for_main();
        c_exit(9);
    })
    .name("exits")
    .register();
    thread::spawn(begin);
    BEGUN.wait();
    main_exits();
    c_exit(3);
}

/// Begins a run on another thread, whose handler calls std's `exit` there once this thread waits for it.
fn run_that_calls_std_exit() {
    static BEGUN: Barrier = Barrier::new(2);
    let exits = || {
        BEGUN.wait();
        wait_for_main();
        std::process::exit(9);
    };
    Handler::new(exits).name("exits").caller_thread().register();
    thread::spawn(run);
    BEGUN.wait();
}

static MAIN_EXITS: AtomicBool = AtomicBool::new(false);

/// Says that `main` exits next.
fn main_exits() {
    MAIN_EXITS.store(true, Ordering::Release);
}

/// Waits until `main`, which exits, waits for the handlers.
fn wait_for_main() {
    let main = format!("/proc/self/task/{}/wchan", std::process::id());
    let is_asleep = || std::fs::read_to_string(&main).is_ok_and(|call| call.contains("futex"));
    while !MAIN_EXITS.load(Ordering::Acquire) || !is_asleep() {
        thread::yield_now();
    }
}

fn std_exit_on_caller_of_another_thread() {
    register(|| println!("last"));
    run_that_calls_std_exit();
    main_exits();
    std::process::exit(0);
}

fn observer_exits_in_another_thread() {
    static TOLD: Barrier = Barrier::new(2);
    configure(Config::new().observer(|event| {
        if matches!(event, Event::RunFinished { .. }) {
            TOLD.wait();
            wait_for_main();
            std::process::exit(9);
        }
    }));
    register(|| println!("ran"));
    thread::spawn(run);
    TOLD.wait();
    register(|| println!("later"));
    main_exits();
    std::process::exit(3);
}

/// Handlers that `main` registers before it exits stay its own, even if it takes over another thread's run.
fn late_in_a_run_that_is_taken_over() {
    register(|| println!("first"));
    run_that_calls_std_exit();
    register(|| println!("last"));
    main_exits();
    std::process::exit(0);
}

/// On `main`, inside C's `exit`, while another thread exits, too.
fn stuck_in_exit() {
    register(|| println!("last"));
    let exits = || {
        thread::spawn(|| atexit_core::exit(5));
        loop {
            // SAFETY: POSIX. std's `exit` does the same on every thread except the first.
            unsafe { libc::pause() };
        }
    };
    Handler::new(exits).name("exits").caller_thread().register();
    c_exit(3);
}

/// C's `exit` takes longer than the deadline once the handlers have run, while another thread waits for its end.
fn ends_in_time() {
    extern "C" fn takes_its_time() {
        // No handshake: this is longer than the deadline and everything after it.
        thread::sleep(Duration::from_secs(2));
        println!("function");
    }
    configure(Config::new().deadline(Duration::from_secs(1)));
    register(|| {
        println!("handler");
        // SAFETY: ISO C.
        unsafe { libc::atexit(takes_its_time) };
        thread::spawn(|| atexit_core::exit(0));
    });
}

/// The thread that ends a run at its deadline keeps that role, although the owner is stuck by then.
fn ends_at_deadline_of_another() {
    configure(Config::new().deadline(Duration::from_millis(1400)).observer(|event| {
        if matches!(event, Event::RunFinished { .. }) {
            // No handshake: by then the other thread is certain, if it looks at all.
            thread::sleep(Duration::from_millis(400));
            println!("told");
        }
    }));
    run_that_calls_std_exit();
    main_exits();
    thread::spawn(|| atexit_core::exit(0));
    std::process::exit(0);
}

/// Like one of std's, and it also says which thread waits, as glibc's do.
fn waits_for_a_lock() {
    static OWNER: Mutex<usize> = Mutex::new(0);
    static HELD: Barrier = Barrier::new(2);
    register(|| println!("last"));
    register(|| println!("{}", *OWNER.lock().expect("no panic") != 0));
    *OWNER.lock().expect("no panic") = pthread_self();
    thread::spawn(|| {
        let _held = OWNER.lock().expect("no panic");
        HELD.wait();
        thread::sleep(Duration::from_millis(2500)); // no handshake: longer than a thread may seem stuck
    });
    HELD.wait();
}

/// Again and again, each time for a signal that comes.
fn pauses() {
    extern "C" fn nothing(_: c_int) {}
    // SAFETY: POSIX.
    unsafe { libc::signal(libc::SIGUSR1, nothing as *const () as usize) };
    register(|| println!("last"));
    register(|| {
        static IS_OVER: AtomicBool = AtomicBool::new(false);
        let me = pthread_self();
        let sender = thread::spawn(move || {
            while !IS_OVER.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(20));
                // SAFETY: POSIX: that thread waits for this one.
                unsafe { pthread_kill(me, libc::SIGUSR1) };
            }
        });
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(2500) {
            // SAFETY: POSIX.
            unsafe { libc::pause() };
        }
        IS_OVER.store(true, Ordering::Relaxed);
        sender.join().expect("no panic");
        println!("first");
    });
}

/// C's stdout, which the exiting thread has locked.
fn stream() {
    register(|| println!("last"));
    let prints = || {
        // SAFETY: ISO C: the text is NUL-terminated.
        unsafe { puts(c"never".as_ptr()) };
    };
    Handler::new(prints).name("prints").register();
    // SAFETY: POSIX; std's own stdout is none of C's.
    unsafe { flockfile(stdout) };
    std::process::exit(0);
}

fn observer_hangs(when: fn(&Event) -> bool) {
    let observer = move |event: &Event| {
        if when(event) {
            println!("observed");
            hang();
        }
    };
    configure(
        Config::new().deadline(Duration::from_millis(100)).time_limit(Duration::from_millis(10)).observer(observer),
    );
    Handler::new(|| hang()).name("hangs").register();
}

/// For the first handler only.
fn observer_beside_a_handler(when: fn(&Event) -> bool, then: fn() -> !) {
    let is_first = AtomicBool::new(true);
    configure(Config::new().deadline(Duration::from_millis(100)).observer(move |event| {
        if when(event) && is_first.swap(false, Ordering::Relaxed) {
            then();
        }
        if let Event::RunFinished { report, .. } = event {
            report.handlers().iter().for_each(|run| println!("{} {}", run.handler().label(), run.end()));
        }
    }));
    Handler::new(|| println!("last")).name("last").register();
    Handler::new(|| println!("first")).name("first").register();
}

/// The hook of a program that exits when something panics. This one does not exit by std, which lets no second thread in.
fn panic_hook_exits_by_c() {
    std::panic::set_hook(Box::new(|_| c_exit(0)));
    register(|| println!("last"));
    Handler::new(|| panic!("out of luck")).name("hooked").register();
    c_exit(0);
}

fn observer_of_another_thread() {
    static TOLD: Barrier = Barrier::new(2);
    configure(Config::new().deadline(Duration::from_millis(100)).observer(|event| {
        if matches!(event, Event::RunFinished { .. }) {
            TOLD.wait();
            hang();
        }
    }));
    register(|| println!("ran"));
    thread::spawn(run);
    TOLD.wait();
    register(|| println!("never"));
    std::process::exit(3);
}

/// A part of an error or of an observer; whoever has it last drops it.
#[derive(Debug)]
struct HangsWhenDropped;

impl Drop for HangsWhenDropped {
    fn drop(&mut self) {
        println!("dropped");
        hang();
    }
}

impl std::fmt::Display for HangsWhenDropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it hangs")
    }
}

impl std::error::Error for HangsWhenDropped {}

/// The run's results are its last owner, because there is an observer.
fn error_hangs_when_dropped() {
    configure(Config::new().deadline(Duration::from_secs(1)).observer(|_| {}));
    Handler::new(|| HandlerError::new("broken").with_source(HangsWhenDropped)).name("drops").register();
}

/// As above, and two threads watch this exit.
fn error_hangs_when_dropped_in_c_exit() {
    error_hangs_when_dropped();
    Handler::new(|| c_exit(5)).caller_thread().register();
}

/// The limit ends with its handler.
fn c_exit_within_a_limit() {
    let next = || println!("has a limit: {}", atexit_core::remaining().is_some());
    Handler::new(next).caller_thread().register();
    Handler::new(|| c_exit(0)).caller_thread().time_limit(Duration::from_secs(60)).register();
}

/// Its drop may do what a handler may.
fn error_exits_when_dropped() {
    #[derive(Debug)]
    struct Exits;

    impl Drop for Exits {
        fn drop(&mut self) {
            register(|| println!("registered by the drop"));
            println!("{} ran in the drop", run().ran());
            atexit_core::exit(9);
        }
    }

    impl std::fmt::Display for Exits {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("it exits")
        }
    }

    impl std::error::Error for Exits {}

    configure(Config::new().observer(|_| {}));
    Handler::new(|| HandlerError::new("broken").with_source(Exits)).name("fails last").register();
}

/// The handler's thread drops it: nobody asks for it.
fn source_hangs_when_dropped() {
    register(|| println!("last"));
    let fails = || HandlerError::new("broken").with_source(HangsWhenDropped);
    Handler::new(fails).name("drops").time_limit(Duration::from_millis(200)).register();
}

fn source_exits_when_dropped(limit: Option<Duration>) {
    #[derive(Debug)]
    struct Exits;

    impl Drop for Exits {
        fn drop(&mut self) {
            c_exit(0);
        }
    }

    impl std::fmt::Display for Exits {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("it exits")
        }
    }

    impl std::error::Error for Exits {}

    register(|| println!("last"));
    let mut drops = Handler::new(|| HandlerError::new("broken").with_source(Exits)).name("drops");
    if let Some(limit) = limit {
        drops = drops.time_limit(limit);
    }
    drops.register();
}

/// After a signal, no handler may wait forever for one that was left behind.
fn stdout_lost_after_a_signal() {
    signals::install().expect("installed");
    Handler::new(|| println!("never")).name("needs stdout").register();
    let keeps = || {
        let _held = std::io::stdout().lock();
        hang();
    };
    Handler::new(keeps).name("keeps stdout").time_limit(Duration::from_millis(200)).register();
    // SAFETY: ISO C.
    unsafe { libc::raise(libc::SIGTERM) };
    hang();
}

/// It knows how the handler has ended.
fn observer_stuck_after_an_end() {
    configure(Config::new().observer(|event| match event {
        Event::Finished { handler, .. } => {
            println!("{} finished", handler.label());
            if handler.label() == "ends well" {
                std::process::exit(6);
            }
        }
        Event::RunFinished { report, .. } => {
            println!("{} of {} failed", report.failures().len(), report.handlers().len());
        }
        _ => {}
    }));
    Handler::new(|| {}).name("last").register();
    Handler::new(|| {}).name("ends well").register();
}

fn observer_hangs_in_a_run_of_a_handler() {
    static RUNS: AtomicBool = AtomicBool::new(false);
    let at_inner_start = |event: &Event| {
        if matches!(event, Event::RunStarted { .. }) && RUNS.load(Ordering::Relaxed) {
            hang();
        }
    };
    configure(Config::new().deadline(Duration::from_millis(200)).observer(at_inner_start));
    let runs = || {
        RUNS.store(true, Ordering::Relaxed);
        run();
    };
    Handler::new(runs).name("runs").register();
}

struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

/// The run is the last owner of its settings.
fn settings_panic_when_dropped() {
    std::panic::set_hook(Box::new(|info| println!("{}", info.payload().downcast_ref::<&str>().unwrap_or(&"?"))));
    let (of_observer, of_executor) = (PanicsWhenDropped, PanicsWhenDropped);
    let observer = move |_: &Event| _ = &of_observer;
    configure(Config::new().observer(observer).block_on(move |_| _ = &of_executor));
    register(|| drop(configure(Config::new())));
}

fn settings_panic_when_dropped_after_a_signal() {
    signals::install().expect("installed");
    settings_panic_when_dropped();
    // SAFETY: ISO C.
    unsafe { libc::raise(libc::SIGTERM) };
    hang();
}

fn settings_panic_when_dropped_by_another_thread() {
    settings_panic_when_dropped();
    thread::spawn(|| atexit_core::exit(3));
    hang();
}

/// The run of another thread is its last owner: this thread has ended that run at its own deadline.
fn observer_hangs_when_dropped() {
    static BEGUN: Barrier = Barrier::new(2);
    let begins = || {
        BEGUN.wait();
        hang();
    };
    Handler::new(begins).name("begins").register();
    thread::spawn(run);
    BEGUN.wait();
    let part = HangsWhenDropped;
    configure(Config::new().deadline(Duration::from_millis(100)).observer(move |event| {
        let _ = &part;
        if matches!(event, Event::RunFinished { .. }) {
            drop(configure(Config::new()));
        }
    }));
    std::process::exit(3);
}

fn observer_after_a_signal() {
    signals::install().expect("installed");
    observer_hangs(|event| matches!(event, Event::RunStarted { .. }));
    // SAFETY: ISO C.
    unsafe { libc::raise(libc::SIGTERM) };
    hang();
}

/// By the library's own `exit`, at every event.
fn observer_leaves() {
    configure(Config::new().observer(|_| atexit_core::exit(6)));
    register(|| println!("last"));
    register(|| println!("first"));
}

fn overflows() {
    #[expect(unconditional_recursion, reason = "that is what overflows")]
    fn deeper(depth: u64) -> u64 {
        std::hint::black_box(deeper(depth + 1)) + depth
    }
    register(|| println!("never"));
    register(|| println!("{}", deeper(0)));
}

fn observer_exits() {
    configure(Config::new().observer(|event| {
        if let Event::RunFinished { report, .. } = event {
            println!("{} ran", report.ran());
            register(|| println!("later"));
            c_exit(4);
        }
    }));
    register(|| println!("ran"));
    Handler::new(|| Err::<(), _>("broken")).name("fails").register();
}

struct Exits;

impl Drop for Exits {
    fn drop(&mut self) {
        println!("dropped");
        c_exit(5);
    }
}

thread_local! {
    static EXITS: Exits = const { Exits };
}

/// While the exiting thread waits for the end of the exit thread's thread-locals.
fn local_exits() {
    configure(Config::new().deadline(Duration::from_secs(5)));
    register(|| EXITS.with(|_| println!("ran")));
}

fn key_hangs() {
    unsafe extern "C" fn never_returns(_: *mut c_void) {
        loop {
            // SAFETY: POSIX. Not by std, which may have dropped this thread's own data by then.
            unsafe { libc::pause() };
        }
    }
    register(|| {
        let mut key = 0;
        // SAFETY: POSIX; the value is only passed to the destructor, which does not read it.
        unsafe {
            assert_eq!(libc::pthread_key_create(&raw mut key, Some(never_returns)), 0);
            assert_eq!(libc::pthread_setspecific(key, std::ptr::dangling()), 0);
        }
        println!("ran");
    });
}

/// An async guard's function uses a thread-local of its thread.
fn guards_locals(limit: Duration, at_drop: fn()) {
    struct Local(fn());
    impl Drop for Local {
        fn drop(&mut self) {
            (self.0)();
        }
    }
    thread_local! {
        static LOCAL: std::cell::Cell<Option<Local>> = const { std::cell::Cell::new(None) };
    }
    let guard = Handler::new_async(async move || LOCAL.set(Some(Local(at_drop)))).time_limit(limit).guard();
    println!("{}", guard.finish().is_ok());
}

/// After its time limit, with a payload that uses a thread-local when it is dropped.
fn guard_panics_late() {
    static MEETING: Barrier = Barrier::new(2);
    thread_local!(static NAME: String = "the payload".to_owned());
    struct Payload;
    impl Drop for Payload {
        fn drop(&mut self) {
            NAME.with(|name| println!("{name} is dropped"));
            MEETING.wait();
        }
    }
    std::panic::set_hook(Box::new(|_| {}));
    let late = async || {
        NAME.with(|_| ());
        MEETING.wait();
        std::panic::panic_any(Payload);
    };
    let failed = Handler::new_async(late).time_limit(Duration::from_millis(50)).guard().finish().is_err();
    println!("failed: {failed}");
    MEETING.wait();
    MEETING.wait();
}
