//! Examines where handlers run and what works there; the first argument names the scene it plays.

use std::cell::RefCell;
use std::io::{self, Read as _, Write as _};
use std::net::ToSocketAddrs as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use atexit_core::{Config, Handler, Report, at_exit, cause, configure, register, run};

fn main() {
    std::panic::set_hook(Box::new(|info| eprintln!("hook: {}", info.to_string().lines().nth(1).unwrap_or("?"))));
    let scene = std::env::args().nth(1).unwrap_or_default();
    SCENE.lock().expect("no panic").clone_from(&scene);
    if !scene.ends_with("_in_limit") {
        atexit_core::unregister(limited);
    }
    let (_, play) = SCENES.iter().find(|(name, _)| *name == scene).expect("a scene of this name");
    play();
}

const SCENES: &[(&str, fn())] = &[
    ("names", names),
    ("one_thread", one_thread),
    ("no_thread", no_thread),
    ("thread_local", || with_thread_local(false)),
    ("thread_local_caller", || with_thread_local(true)),
    ("stdout_held", stdout_held),
    ("stderr_held", stderr_held),
    ("stdout_held_by_another", stdout_held_by_another),
    ("no_memory_for_a_thread", no_memory_for_a_thread),
    ("run_by_main", run_by_main),
    ("spawning", || spawning(false)),
    ("spawning_on_caller", || spawning(true)),
    ("names_of_hosts", names_of_hosts),
    ("std_exit_on_caller", std_exit_on_caller),
    ("c_exit_on_caller", c_exit_on_caller),
    ("waits_for_the_exiting_thread", waits_for_the_exiting_thread),
    ("time_limit", time_limit),
    ("default_time_limit", default_time_limit),
    ("time_limit_on_caller", time_limit_on_caller),
    ("abandoned_goes_on", abandoned_goes_on),
    ("deadline", || deadline(false)),
    ("deadline_on_caller", || deadline(true)),
    ("deadline_of_nothing", deadline_of_nothing),
    ("deadline_after_c_exit", deadline_after_c_exit),
    ("registers_after_the_deadline", registers_after_the_deadline),
    ("exit_in_limit", exit_in_limit),
    ("panic_in_limit", panic_in_limit),
    ("late_panic_in_limit", late_panic_in_limit),
    ("local_hangs", local_hangs),
    ("abandoned_nested", abandoned_nested),
    ("deadline_quiet", deadline_quiet),
    ("deadline_during_a_run", deadline_during_a_run),
    ("limited_caller_hangs", limited_caller_hangs),
    ("exit_with_limit", exit_with_limit),
    ("exit_with_limit_on_caller", exit_with_limit_on_caller),
    ("std_exit_with_limit", std_exit_with_limit),
    ("hangs_until_stdin_closes", hangs_until_stdin_closes),
    ("prints_a_lot", prints_a_lot),
    ("two_exits", two_exits),
    ("exit_during_run", exit_during_run),
    ("partial_line", partial_line),
    ("stdout_held_for_a_while", || stdout_held_for(Duration::from_millis(300))),
    ("stdout_held_for_good", || stdout_held_for(Duration::from_secs(3600))),
    ("cause", causes),
];

fn say_where(what: &str) {
    println!("{what} on {}", thread::current().name().unwrap_or("?"));
}

fn names() {
    register(|| say_where("plain"));
    Handler::new(|| say_where("caller")).caller_thread().register();
    register(|| say_where("plain"));
    Handler::new(|| say_where("caller")).caller_thread().register();
    Handler::new(|| say_where("caller")).caller_thread().register();
    register(|| say_where("plain"));
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").expect("procfs").count()
}

fn one_thread() {
    static ID: Mutex<Option<thread::ThreadId>> = Mutex::new(None);
    for _ in 0..3 {
        register(|| {
            let id = thread::current().id();
            let same = ID.lock().expect("no panic").replace(id).is_none_or(|before| before == id);
            println!("{} threads, the same: {same}", threads());
        });
    }
}

fn no_thread() {
    for _ in 0..2 {
        Handler::new(|| println!("{} thread", threads())).caller_thread().register();
    }
}

fn with_thread_local(caller: bool) {
    struct Dropped;
    impl Drop for Dropped {
        fn drop(&mut self) {
            println!("dropped");
        }
    }
    thread_local!(static LOCAL: RefCell<Vec<Dropped>> = const { RefCell::new(Vec::new()) });
    LOCAL.with_borrow_mut(|local| local.push(Dropped));
    let handler = Handler::new(|| {
        LOCAL.with_borrow_mut(|local| local.push(Dropped));
        println!("used");
    });
    if caller {
        handler.name("local").caller_thread().register()
    } else {
        handler.name("local").register()
    };
}

fn stdout_held() {
    register(|| println!("printed"));
    let mut out = io::stdout().lock();
    writeln!(out, "locked").expect("stdout");
    std::process::exit(3);
}

fn stderr_held() {
    register(|| eprintln!("printed"));
    let mut err = io::stderr().lock();
    writeln!(err, "locked").expect("stderr");
    std::process::exit(3);
}

fn stdout_held_by_another() {
    register(|| eprintln!("ran"));
    let held = std::sync::Arc::new(std::sync::Barrier::new(2));
    let theirs = std::sync::Arc::clone(&held);
    thread::spawn(move || {
        let _out = io::stdout().lock();
        theirs.wait();
        loop {
            thread::park();
        }
    });
    held.wait();
    std::process::exit(0);
}

fn no_memory_for_a_thread() {
    register(|| say_where("handler"));
    let status = std::fs::read_to_string("/proc/self/statm").expect("procfs");
    let pages: libc::rlim_t = status.split(' ').next().and_then(|pages| pages.parse().ok()).expect("a number");
    let limit = libc::rlimit { rlim_cur: pages * 4096 + (1 << 20), rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the structure is complete. A thread's stack is 2 MiB.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
}

fn run_by_main() {
    register(|| {
        say_where("outer");
        register(|| say_where("nested"));
        println!("nested: {} ran", atexit_core::run().ran());
    });
    Handler::new(|| say_where("caller")).caller_thread().register();
    println!("{} ran", atexit_core::run().ran());
}

fn spawning(caller: bool) {
    static LOCK: Mutex<u32> = Mutex::new(6);
    let handler = Handler::new(|| {
        let value = thread::spawn(|| *LOCK.lock().expect("no panic") * 7).join().expect("no panic");
        thread::scope(|scope| scope.spawn(|| println!("spawned {value}")).join().expect("no panic"));
    });
    if caller {
        handler.caller_thread().register()
    } else {
        handler.register()
    };
}

/// C loads libraries to resolve a host name, and keeps state for each thread.
fn names_of_hosts() {
    let look_up = || {
        let mut found = ("localhost", 80).to_socket_addrs()?;
        say_where(if found.all(|address| address.ip().is_loopback()) { "found" } else { "something else" });
        io::Result::Ok(())
    };
    Handler::new(look_up).register();
    Handler::new(look_up).caller_thread().register();
}

fn c_exit_on_caller() {
    register(|| say_where("older"));
    Handler::new(|| c_exit(3)).caller_thread().register();
}

fn std_exit_on_caller() {
    Handler::new(|| std::process::exit(9)).caller_thread().register();
    std::process::exit(0);
}

fn hang() {
    loop {
        thread::park();
    }
}

/// For a lock that it holds, and for its end: two handlers that would wait forever.
fn waits_for_the_exiting_thread() {
    static HELD: Mutex<()> = Mutex::new(());
    static WORKER: Mutex<Option<thread::JoinHandle<()>>> = Mutex::new(None);
    register(|| say_where("last"));
    let limit = Duration::from_millis(50);
    let joins = || WORKER.lock().expect("no panic").take().map(thread::JoinHandle::join).map_or((), drop);
    Handler::new(joins).name("joins").time_limit(limit).register();
    Handler::new(|| drop(HELD.lock())).name("locks").time_limit(limit).register();
    let mut worker = WORKER.lock().expect("no panic");
    *worker = Some(thread::spawn(|| {
        let _held = HELD.lock();
        drop(WORKER.lock()); // once the thread is known
        std::process::exit(0);
    }));
    drop(worker);
    hang();
}

fn time_limit() {
    register(|| say_where("last"));
    Handler::new(hang).name("hangs").time_limit(Duration::from_millis(50)).register();
    Handler::new(|| say_where("in time")).time_limit(Duration::from_secs(3600)).register();
    Handler::new(|| say_where("for ever")).time_limit(Duration::MAX).register();
}

fn default_time_limit() {
    configure(Config::new().time_limit(Duration::from_millis(50)));
    register(|| say_where("last"));
    Handler::new(hang).name("hangs").register();
}

/// Long enough to exceed a limit of zero.
fn spin() {
    let start = std::time::Instant::now();
    while start.elapsed() <= Duration::from_millis(1) {}
}

fn time_limit_on_caller() {
    register(|| say_where("last"));
    Handler::new(spin).name("slow").caller_thread().time_limit(Duration::from_nanos(1)).register();
}

/// The abandoned handler continues when the next one lets it, and tries everything it is no longer entitled to.
fn abandoned_goes_on() {
    static ABANDONED: AtomicBool = AtomicBool::new(false);
    static OVER: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());
    register(|| println!("last"));
    register(|| {
        ABANDONED.store(true, Ordering::Release);
        let mut over = OVER.0.lock().expect("no panic");
        while !*over {
            over = OVER.1.wait(over).expect("no panic");
        }
        println!("next");
    });
    Handler::new(|| {
        while !ABANDONED.load(Ordering::Acquire) {
            thread::yield_now();
        }
        println!("cause: {:?}", cause());
        register(|| println!("registered too late to be next"));
        *OVER.0.lock().expect("no panic") = true;
        OVER.1.notify_all();
        panic!("nobody's failure any more");
    })
    .name("abandoned")
    .time_limit(Duration::from_millis(20))
    .register();
}

fn deadline(caller: bool) {
    configure(Config::new().deadline(Duration::from_millis(50)));
    Handler::new(|| println!("never")).name("older").register();
    Handler::new(|| println!("never")).name("younger").register();
    let hangs = Handler::new(hang).name("hangs");
    if caller {
        hangs.caller_thread().register()
    } else {
        hangs.register()
    };
    register(|| say_where("in time"));
}

fn c_exit(status: i32) -> ! {
    // SAFETY: ISO C leaves this undefined inside a handler; glibc defines it.
    unsafe { libc::exit(status) }
}

/// A handler that calls C's `exit` takes neither the thread nor the deadline from the others.
fn deadline_after_c_exit() {
    configure(Config::new().deadline(Duration::from_millis(100)));
    Handler::new(|| println!("never")).name("older").register();
    Handler::new(hang).name("hangs").register();
    register(|| say_where("still"));
    register(|| c_exit(3));
}

fn registers_after_the_deadline() {
    extern "C" fn late() {
        register(|| println!("never"));
    }
    configure(Config::new().deadline(Duration::from_millis(20)));
    Handler::new(hang).name("hangs").register();
    // SAFETY: ISO C.
    unsafe { libc::atexit(late) };
    atexit_core::arm();
}

#[at_exit(time_limit = limit())]
fn limited() {
    println!("without a limit");
}

fn limit() -> Duration {
    let scene = SCENE.lock().expect("no panic").clone();
    match &*scene {
        "exit_in_limit" => atexit_core::exit(9),
        "late_panic_in_limit" => drop(ABANDONED.wait()),
        _ => {}
    }
    panic!("in the limit")
}

static SCENE: Mutex<String> = Mutex::new(String::new());

fn exit_in_limit() {
    register(|| println!("ran"));
}

fn panic_in_limit() {
    say_ends(&run());
}

/// The run inside an abandoned handler stops there, and is not in the report.
fn late_panic_in_limit() {
    Handler::new(|| {
        ABANDONED.wait();
        thread::sleep(Duration::from_millis(100));
    })
    .name("last")
    .last()
    .register();
    Handler::new(|| drop(run())).name("runs").time_limit(Duration::from_millis(20)).register();
    say_ends(&run());
}

static ABANDONED: Barrier = Barrier::new(2);

fn say_ends(report: &Report) {
    report.handlers().iter().for_each(|run| println!("{} {}", run.handler().label(), run.end()));
}

/// A thread-local whose destructor never ends does not keep the process alive.
fn local_hangs() {
    struct Hangs;
    impl Drop for Hangs {
        fn drop(&mut self) {
            hang();
        }
    }
    thread_local!(static LOCAL: RefCell<Option<Hangs>> = const { RefCell::new(None) });
    configure(Config::new().deadline(Duration::from_millis(100)));
    register(|| LOCAL.set(Some(Hangs)));
}

/// The run inside an abandoned handler goes with it.
fn abandoned_nested() {
    Handler::new(|| println!("{:?}", cause())).name("last").register();
    Handler::new(|| {
        register(hang);
        atexit_core::run();
    })
    .name("runs")
    .time_limit(Duration::from_millis(50))
    .register();
}

fn deadline_of_nothing() {
    configure(Config::new().deadline(Duration::ZERO));
    Handler::new(|| println!("never")).name("never").register();
}

/// The exit has to wait for a run that never ends, but not forever.
fn deadline_during_a_run() {
    static IN_RUN: std::sync::Barrier = std::sync::Barrier::new(2);
    configure(Config::new().deadline(Duration::from_millis(50)));
    Handler::new(|| println!("never")).name("never").register();
    Handler::new(|| {
        IN_RUN.wait();
        hang();
    })
    .name("hangs")
    .register();
    thread::spawn(atexit_core::run);
    IN_RUN.wait();
}

fn limited_caller_hangs() {
    let read = || io::stdin().read_to_end(&mut Vec::new()).map(drop);
    Handler::new(read).name("reads").caller_thread().time_limit(Duration::from_secs(1)).register();
}

fn deadline_quiet() {
    configure(Config::new().deadline(Duration::from_millis(50)).failure_status(false));
    Handler::new(hang).name("hangs").register();
    std::process::exit(0);
}

fn exit_with_limit() {
    Handler::new(|| atexit_core::exit(8)).time_limit(Duration::from_secs(3600)).register();
}

fn exit_with_limit_on_caller() {
    Handler::new(|| atexit_core::exit(9)).time_limit(Duration::from_secs(3600)).caller_thread().register();
}

fn std_exit_with_limit() {
    register(|| println!("last"));
    Handler::new(|| std::process::exit(9)).name("exits").time_limit(Duration::from_millis(50)).register();
    std::process::exit(0);
}

fn hangs_until_stdin_closes() {
    Handler::new(|| io::stdin().read_to_end(&mut Vec::new()).map(drop)).name("reads").register();
}

fn prints_a_lot() {
    for number in 0..100 {
        register(move || {
            let _ = writeln!(io::stdout(), "{number} {}", "x".repeat(100));
            let _ = writeln!(io::stderr(), "{number} {}", "x".repeat(100));
        });
    }
    Handler::new(|| Err::<(), _>("a failure to tell")).name("fails").register();
}

fn two_exits() {
    for number in 0..3 {
        register(move || println!("{number}"));
    }
    register(|| {
        let other = thread::spawn(|| std::process::exit(5));
        // It never comes back; it must not end the process either.
        assert!(!other.is_finished());
    });
    std::process::exit(4);
}

fn exit_during_run() {
    static IN_RUN: std::sync::Barrier = std::sync::Barrier::new(2);
    for number in 0..3 {
        register(move || println!("{number}"));
    }
    register(|| {
        IN_RUN.wait();
        println!("in the run");
    });
    thread::spawn(|| {
        atexit_core::run();
        hang();
    });
    IN_RUN.wait();
    std::process::exit(4);
}

fn partial_line() {
    register(|| print!("no line break"));
    // SAFETY: ISO C. Unlike std's, this exit leaves Rust's stdout alone.
    unsafe { libc::exit(0) }
}

/// Another thread holds stdout when the last handler ends, and releases it after a while.
fn stdout_held_for(time: Duration) {
    static HANDLER_ENDS: std::sync::Barrier = std::sync::Barrier::new(2);
    static IS_HELD: std::sync::Barrier = std::sync::Barrier::new(2);
    thread::spawn(move || {
        HANDLER_ENDS.wait();
        let _out = io::stdout().lock();
        IS_HELD.wait();
        thread::sleep(time); // the time itself is tested
    });
    register(|| {
        print!("no line break");
        HANDLER_ENDS.wait();
        IS_HELD.wait();
    });
    c_exit(0) // leaves Rust's stdout alone
}

fn causes() {
    register(|| println!("{:?}", cause()));
    register(|| {
        println!("{:?}", cause());
        register(|| println!("{:?}", cause()));
        atexit_core::run();
        println!("{:?}", cause());
        thread::spawn(|| println!("{:?}", cause())).join().expect("no panic");
    });
    assert_eq!(cause(), None);
    std::process::exit(7);
}
