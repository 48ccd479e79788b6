//! Is ended by signals; the first argument names the scene it plays. It prints `ready` when it can be killed.

use std::error::Error as _;
use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use atexit_core::signals::{Signal, Signals, install, install_for};
use atexit_core::{Config, Handler, cause, configure, register};

fn main() {
    let scene = std::env::args().nth(1).unwrap_or_default();
    let (_, play) = SCENES.iter().find(|(name, _)| *name == scene).expect("a scene of this name");
    play();
}

const SCENES: &[(&str, fn())] = &[
    ("waits", || wait(false)),
    ("chooses", chooses),
    ("chooses_one", chooses_one),
    ("outlives_its_parent", outlives_its_parent),
    ("closes_descriptors", closes_descriptors),
    ("dies_of", dies_of),
    ("sends_itself", sends_itself),
    ("refused", refused),
    ("refused_by_the_system", refused_by_the_system),
    ("kills_itself", kills_itself),
    ("holds_stdout", || wait(true)),
    ("holds_stdout_and_prints", holds_stdout_and_prints),
    ("ignored", ignored),
    ("own_handler", own_handler),
    ("own_handler_is_told_more", own_handler_is_told_more),
    ("own_handler_afterwards", own_handler_afterwards),
    ("own_handler_between", own_handler_between),
    ("own_handlers_by_signal_hook", own_handlers_by_signal_hook),
    ("deadline", deadline),
    ("during_run", during_run),
    ("c_function", || calls_c_function(Signals::new())),
    ("c_function_by_exit", || calls_c_function(Signals::new().end_by_exit())),
    ("by_exit_exits", || by_exit(|| register(|| atexit_core::exit(9)), false)),
    ("by_exit_exits_with_0", || by_exit(|| register(|| atexit_core::exit(0)), false)),
    ("by_exit_fails", || by_exit(|| Handler::new(|| Err::<(), _>("bad")).name("fails").register(), false)),
    ("by_exit_and_main_returns", || by_exit(|| register(meet), true)),
    ("by_exit_then_returns", by_exit_then_returns),
    ("by_exit_in_an_exit", by_exit_in_an_exit),
    ("by_exit_calls_c_exit", || by_exit(|| register(calls_c_exit), false)),
    ("by_exit_while_c_exits", by_exit_while_c_exits),
    ("by_exit_no_longer", by_exit_no_longer),
    ("hangs", hangs),
    ("exits", exits),
    ("fails", fails),
    ("on_caller", on_caller),
    ("main_returns", main_returns),
    ("then_returns", then_returns),
    ("in_handler", in_handler),
    ("in_handler_that_exits", || in_handler_that_exits(Signals::new())),
    ("in_handler_that_exits_by_exit", || in_handler_that_exits(Signals::new().end_by_exit())),
    ("in_handler_twice", in_handler_twice),
    ("hangs_until_told", hangs_until_told),
    ("restores_the_default", restores_the_default),
    ("raises", raises),
    ("child", child),
    ("child_installs", || child_installs(false)),
    ("child_installs_as_process_1", || child_installs(true)),
    ("child_past_fork", child_past_fork),
    ("child_with_own_handler", child_with_own_handler),
];

fn say_why() {
    eprintln!("{:?} on {}", cause(), thread::current().name().unwrap_or("?"));
}

/// Installs twice, and sits in a system call until it is killed.
fn wait(holds_stdout: bool) {
    register(say_why);
    install().expect("installed");
    install().expect("installed");
    install_for(&[libc::SIGUSR1]).expect("installed");
    let mut out = io::stdout().lock();
    ready_on(&mut out);
    if !holds_stdout {
        drop(out);
    }
    block();
}

fn ready_on(out: &mut impl io::Write) {
    writeln!(out, "ready").and_then(|()| out.flush()).expect("stdout");
}

fn ready() {
    ready_on(&mut io::stdout());
}

/// Until stdin is closed, whatever signals arrive: an emulator interrupts even a read that Linux restarts.
fn block() {
    while io::stdin().read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {}
}

fn park() -> ! {
    loop {
        thread::park();
    }
}

fn kills_itself() {
    register(say_why);
    install().expect("installed");
    ready();
    // SAFETY: POSIX.
    unsafe { libc::kill(libc::getpid(), libc::SIGTERM) };
    block();
}

fn chooses() {
    register(say_why);
    Signals::new()
        .also([Signal::USR1, Signal::USR2])
        .except([Signal::USR2, Signal::QUIT])
        .install()
        .expect("installed");
    ready();
    block();
}

fn chooses_one() {
    register(say_why);
    Signals::new().also([Signal::USR1]).only([Signal::USR2]).install().expect("installed");
    ready();
    block();
}

/// The second argument.
fn number() -> i32 {
    std::env::args().nth(2).and_then(|number| number.parse().ok()).expect("a number")
}

/// Waits to die of the signal of this number, even one that Rust ignores.
fn dies_of() {
    register(say_why);
    // SAFETY: POSIX; no handler is set, only the default.
    unsafe { libc::signal(number(), libc::SIG_DFL) };
    install_for(&[number()]).expect("installed");
    ready();
    block();
}

fn sends_itself() {
    register(say_why);
    // SAFETY: as above.
    unsafe { libc::signal(number(), libc::SIG_DFL) };
    install_for(&[number()]).expect("installed");
    ready();
    // SAFETY: POSIX.
    unsafe { libc::kill(libc::getpid(), number()) };
    block();
}

/// Asks for each signal that is not supported, together with some that are.
fn refused() {
    register(say_why);
    ready();
    let no_signals = [0, -1, i32::MIN, i32::MAX, libc::SIGRTMIN() - 1, libc::SIGRTMAX() + 1];
    let not_caught = [libc::SIGKILL, libc::SIGSTOP];
    let faults = [libc::SIGABRT, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGSEGV, libc::SIGSYS, libc::SIGTRAP];
    let stops = [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];
    let no_ends = [&[libc::SIGCHLD, libc::SIGCONT][..], &stops, &[libc::SIGURG, libc::SIGWINCH]].concat();
    let others = [libc::SIGIO, libc::SIGRTMIN(), libc::SIGRTMAX()];
    for signal in [&no_signals[..], &not_caught, &faults, &no_ends, &others].concat() {
        let error = install_for(&[libc::SIGUSR1, signal, libc::SIGTERM]).expect_err("refused");
        println!("{error:?}: {error}");
    }
    // None of the supported ones was installed.
    // SAFETY: POSIX.
    unsafe { libc::raise(libc::SIGUSR1) };
}

/// Asks for a signal whose state the system does not reveal, and for one that it does not let a program catch.
fn refused_by_the_system() {
    register(say_why);
    ready();
    refuse_sigaction(libc::SIGUSR1, true);
    refuse_sigaction(libc::SIGUSR2, false);
    for signal in [Signal::USR1, Signal::USR2] {
        let error = Signals::new().only([Signal::TERM, signal]).install().expect_err("refused");
        println!("{:?}, {}: {error}", error.signal(), error.source().is_some());
    }
    raise(libc::SIGTERM);
    park();
}

/// Makes the system refuse to change what the process does about the signal, and also to reveal that if asked to.
fn refuse_sigaction(signal: i32, also_to_tell: bool) {
    // Where the filter finds the number of the call and its first two arguments: the signal, and the address of a new action.
    const CALL: u32 = 0;
    const SIGNAL: u32 = 16;
    const ACTION: u32 = 24;
    fn bits(value: impl TryInto<u16>) -> u16 {
        value.try_into().ok().expect("16 bits")
    }
    fn number(value: impl TryInto<u32>) -> u32 {
        value.try_into().ok().expect("32 bits")
    }
    let statement = |code: u32, k, jt, jf| libc::sock_filter { code: bits(code), jt, jf, k };
    let load = |from| statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, from, 0, 0);
    // Continues if equal, otherwise skips this many.
    let is = |value, skipped| statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, value, 0, skipped);
    let result = |value| statement(libc::BPF_RET | libc::BPF_K, value, 0, 0);
    let mut filter = [
        load(CALL),
        is(number(libc::SYS_rt_sigaction), 5),
        load(SIGNAL),
        is(number(signal), 3),
        load(ACTION),
        is(0, 2),
        // Without a new action, it asks for the present one.
        result(if also_to_tell { libc::SECCOMP_RET_ERRNO | number(libc::EPERM) } else { libc::SECCOMP_RET_ALLOW }),
        result(libc::SECCOMP_RET_ALLOW),
        result(libc::SECCOMP_RET_ERRNO | number(libc::EPERM)),
    ];
    let program = libc::sock_fprog { len: bits(filter.len()), filter: filter.as_mut_ptr() };
    // SAFETY: Linux: it copies the filter.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program), 0);
    }
}

fn holds_stdout_and_prints() {
    register(|| eprintln!("the next one"));
    Handler::new(|| println!("never printed")).name("prints").register();
    install().expect("installed");
    let mut out = io::stdout().lock();
    ready_on(&mut out);
    block();
}

fn ignored() {
    register(say_why);
    // SAFETY: POSIX; `nohup` does this.
    unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
    install().expect("installed");
    install_for(&[libc::SIGPIPE]).expect("Rust ignores it");
    ready();
    block();
}

static OWN: AtomicBool = AtomicBool::new(false);

extern "C" fn note(_: i32) {
    OWN.store(true, Ordering::SeqCst);
}

fn own_handler() {
    register(|| eprintln!("the program's own handler ran: {}", OWN.load(Ordering::SeqCst)));
    // SAFETY: POSIX; the handler only stores.
    unsafe { libc::signal(libc::SIGTERM, note as *const () as libc::sighandler_t) };
    install().expect("installed");
    ready();
    loop {
        block();
    }
}

/// What the program's own handler received.
static SENDER: AtomicI32 = AtomicI32::new(0);

fn own_handler_is_told_more() {
    extern "C" fn own(_: i32, information: *mut libc::siginfo_t, _: *mut libc::c_void) {
        // SAFETY: the system passes what `SA_SIGINFO` asks for; for a signal that a process has sent, that includes the sender.
        SENDER.store(unsafe { (*information).si_pid() }, Ordering::SeqCst);
    }
    register(|| eprintln!("it was told the sender: {}", SENDER.load(Ordering::SeqCst) == this_process()));
    // SAFETY: POSIX; zeros are no flags and an empty mask, and the handler only stores.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_flags = libc::SA_SIGINFO;
        action.sa_sigaction = own as *const () as libc::sighandler_t;
        libc::sigaction(libc::SIGTERM, &raw const action, std::ptr::null_mut());
    }
    install().expect("installed");
    ready();
    // SAFETY: POSIX.
    unsafe { libc::kill(libc::getpid(), libc::SIGTERM) };
    park();
}

fn this_process() -> libc::pid_t {
    // SAFETY: POSIX.
    unsafe { libc::getpid() }
}

/// Replaces the installed handler: the signal no longer ends the process.
fn own_handler_afterwards() {
    register(|| eprintln!("the program's own handler ran: {}, {:?}", OWN.load(Ordering::SeqCst), cause()));
    install().expect("installed");
    ready();
    // SAFETY: POSIX; the handler only stores. A signal that a thread sends itself has arrived when `raise` returns.
    unsafe {
        libc::signal(libc::SIGTERM, note as *const () as libc::sighandler_t);
        libc::raise(libc::SIGTERM);
    }
}

/// Installing once more takes the signal back.
fn own_handler_between() {
    register(|| eprintln!("the program's own handler ran: {}, {:?}", OWN.load(Ordering::SeqCst), cause()));
    install().expect("installed");
    // SAFETY: POSIX; the handler only stores.
    unsafe { libc::signal(libc::SIGTERM, note as *const () as libc::sighandler_t) };
    install().expect("installed");
    ready();
    block();
}

/// As Tokio and `ctrlc` do: one is set before `install`, one after it. All three are called, in this order.
fn own_handlers_by_signal_hook() {
    static SEEN: AtomicI32 = AtomicI32::new(0);
    fn see(digit: i32) {
        // One signal, one thread: nothing else stores between these two.
        SEEN.store(SEEN.load(Ordering::SeqCst) * 10 + digit, Ordering::SeqCst);
        if digit == 2 {
            BOTH.store(true, Ordering::SeqCst);
        }
    }
    static BOTH: AtomicBool = AtomicBool::new(false);
    register(|| {
        // The thread that runs this was woken before the second one was called.
        while !BOTH.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        eprintln!("the program's own handlers ran: {}", SEEN.load(Ordering::SeqCst));
    });
    // SAFETY: the functions only touch atomics.
    unsafe { signal_hook::low_level::register(libc::SIGTERM, || see(1)) }.expect("registered");
    install().expect("installed");
    // SAFETY: likewise.
    unsafe { signal_hook::low_level::register(libc::SIGTERM, || see(2)) }.expect("registered");
    ready();
    block();
}

/// Says that its handler has begun.
fn hangs() {
    register(|| eprintln!("never"));
    register(|| {
        println!("hangs");
        park();
    });
    install().expect("installed");
    ready();
    block();
}

fn exits() {
    register(|| eprintln!("the rest"));
    register(|| atexit_core::exit(9));
    install().expect("installed");
    ready();
    block();
}

fn fails() {
    Handler::new(|| Err::<(), _>("bad")).name("fails").register();
    install().expect("installed");
    ready();
    block();
}

fn deadline() {
    configure(Config::new().deadline(Duration::from_millis(50)));
    Handler::new(|| eprintln!("never")).name("never").register();
    Handler::new(|| park()).name("hangs").register();
    install().expect("installed");
    ready();
    block();
}

/// The signal arrives while handlers run because of the program: none is cut off, and none is lost.
fn during_run() {
    register(|| eprintln!("the rest: {:?}", cause()));
    register(|| {
        // SAFETY: POSIX.
        assert_eq!(unsafe { libc::raise(libc::SIGTERM) }, 0);
        thread::spawn(|| register(|| eprintln!("late: {:?}", cause()))).join().expect("no panic");
    });
    install().expect("installed");
    ready();
    atexit_core::run();
    park();
}

/// Says that C has run its exit functions, after the handlers. It is slow enough to be cut off by a thread that ends the process meanwhile.
fn register_with_c() {
    extern "C" fn function() {
        thread::sleep(Duration::from_millis(10));
        eprintln!("C's function");
    }
    // SAFETY: ISO C.
    unsafe { libc::atexit(function) };
    atexit_core::arm();
}

fn calls_c_function(signals: Signals) {
    register(say_why);
    register_with_c();
    signals.install().expect("installed");
    ready();
    block();
}

/// Is killed while `main` waits, or returns.
fn by_exit(register_another: fn() -> atexit_core::Registration, returns: bool) {
    register(|| eprintln!("the rest"));
    register_another();
    register_with_c();
    Signals::new().end_by_exit().install().expect("installed");
    ready();
    if returns {
        meet();
    } else {
        park();
    }
}

/// Here `main` and a handler wait for each other.
fn meet() {
    static BOTH: Barrier = Barrier::new(2);
    BOTH.wait();
}

fn by_exit_then_returns() {
    register(|| eprintln!("the rest"));
    register_with_c();
    Signals::new().end_by_exit().install().expect("installed");
    ready();
    raise(libc::SIGTERM);
}

fn by_exit_in_an_exit() {
    register(|| eprintln!("the rest"));
    register(|| raise(libc::SIGTERM));
    register_with_c();
    Signals::new().end_by_exit().install().expect("installed");
    ready();
    atexit_core::exit(3);
}

fn calls_c_exit() {
    // SAFETY: ISO C.
    unsafe { libc::exit(3) };
}

/// `main` waits inside C's `exit` until the handlers have run because of the signal.
fn by_exit_while_c_exits() {
    register(|| eprintln!("the rest"));
    register(|| {
        meet();
        // There is no way to see whether it is there; mostly it is by now.
        thread::sleep(Duration::from_millis(50));
    });
    register_with_c();
    Signals::new().end_by_exit().install().expect("installed");
    ready();
    meet();
    calls_c_exit();
}

fn by_exit_no_longer() {
    register(say_why);
    register_with_c();
    Signals::new().end_by_exit().install().expect("installed");
    install().expect("installed");
    ready();
    park();
}

fn raise(signal: i32) {
    // SAFETY: POSIX.
    assert_eq!(unsafe { libc::raise(signal) }, 0);
}

fn on_caller() {
    Handler::new(say_why).caller_thread().register();
    install().expect("installed");
    ready();
    block();
}

/// `main` returns while the handlers run because of a signal.
fn main_returns() {
    register(|| eprintln!("the rest"));
    register(meet);
    install().expect("installed");
    ready();
    meet();
}

/// The signal and the return from `main` coincide: whichever is first, the process dies by the signal.
fn then_returns() {
    register(|| eprintln!("ran"));
    install().expect("installed");
    ready();
    // SAFETY: POSIX.
    unsafe { libc::raise(libc::SIGTERM) };
}

fn in_handler() {
    register(|| eprintln!("the rest"));
    // SAFETY: POSIX.
    register(|| assert_eq!(unsafe { libc::raise(libc::SIGINT) }, 0));
    install().expect("installed");
    ready();
}

fn in_handler_that_exits(signals: Signals) {
    register(|| eprintln!("the rest"));
    register(|| {
        raise(libc::SIGTERM);
        atexit_core::exit(9);
    });
    signals.install().expect("installed");
    ready();
    atexit_core::exit(3);
}

fn hangs_until_told() {
    register(|| eprintln!("the rest"));
    register(|| {
        println!("waits");
        io::stdin().read_line(&mut String::new()).expect("it is told");
    });
    install_as_told();
    ready();
    park();
}

/// As C programs clean up in a signal handler.
fn restores_the_default() {
    extern "C" fn own(signal: i32) {
        let text = b"the program's own\n";
        // SAFETY: POSIX: all of this may be called in a signal handler.
        unsafe {
            libc::write(2, text.as_ptr().cast(), text.len());
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
    }
    register(|| eprintln!("the rest"));
    // SAFETY: POSIX; see above.
    unsafe { libc::signal(libc::SIGTERM, own as *const () as libc::sighandler_t) };
    install().expect("installed");
    ready();
    block();
}

/// Its handler waits for the parent to end, which may send a second signal before that.
fn outlives_its_parent() {
    register(|| eprintln!("the rest"));
    // SAFETY: POSIX; nothing waits for this program, so it must not wait forever.
    let parent = unsafe {
        libc::alarm(20);
        libc::getppid()
    };
    register(move || {
        // SAFETY: likewise.
        while unsafe { libc::getppid() } == parent {
            thread::yield_now();
        }
    });
    install_as_told();
    ready();
    park();
}

/// Each further argument is one more call of `install`: for how many milliseconds it takes a signal for a repeat.
fn install_as_told() {
    install().expect("installed");
    for milliseconds in std::env::args().skip(2) {
        let time = Duration::from_millis(milliseconds.parse().expect("a number"));
        Signals::new().ignore_repeats(time).install().expect("installed");
    }
}

/// Closes all descriptors, as a daemon does, and opens the file that the second argument names.
fn closes_descriptors() {
    register(say_why);
    install().expect("installed");
    let path = std::env::args_os().nth(2).expect("a path");
    // SAFETY: nothing here has any of these open.
    (3..256).for_each(|descriptor| unsafe {
        libc::close(descriptor);
    });
    let files: Vec<_> = (0..4).map(|_| OpenOptions::new().append(true).open(&path).expect("opened")).collect();
    let start = Instant::now();
    while !the_thread_sleeps() {
        assert!(start.elapsed() < Duration::from_secs(10), "it spins");
        thread::yield_now();
    }
    ready();
    std::mem::forget(files);
    park();
}

/// Whether the thread that a signal wakes sleeps, instead of spinning.
fn the_thread_sleeps() -> bool {
    let threads = std::fs::read_dir("/proc/self/task").expect("Linux").map(|thread| thread.expect("read").path());
    let mut states = threads.map(|thread| std::fs::read_to_string(thread.join("stat")).expect("read"));
    states.any(|state| state.contains("(at_exit_signals) S "))
}

fn raises() {
    register(|| eprintln!("the rest"));
    install().expect("installed");
    // SAFETY: POSIX.
    unsafe { libc::raise(libc::SIGTERM) };
    block();
}

/// While the process exits, the first signal waits for the handlers, and the second does not, unless it repeats the first.
fn in_handler_twice() {
    register(|| eprintln!("never"));
    register(|| {
        // SAFETY: POSIX.
        assert_eq!(unsafe { libc::raise(libc::SIGINT) }, 0);
        eprintln!("goes on");
        thread::sleep(Duration::from_millis(1100));
        // SAFETY: POSIX.
        unsafe { libc::raise(libc::SIGTERM) };
        eprintln!("never");
    });
    install().expect("installed");
    ready();
}

fn fork() -> libc::pid_t {
    // SAFETY: these tests are about just what the child does.
    unsafe { libc::fork() }
}

/// The child only waits; its parent kills it, and says how it died.
fn child() {
    install().expect("installed");
    register(|| eprintln!("parent's handler"));
    let pid = fork();
    if pid == 0 {
        park();
    }
    report_death(pid);
    atexit_core::clear();
}

/// A child that the C library does not know about.
fn child_past_fork() {
    install().expect("installed");
    // SAFETY: Linux; the child only waits.
    let pid = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
    if pid == 0 {
        loop {
            // SAFETY: POSIX allows it anywhere.
            unsafe { libc::pause() };
        }
    }
    report_death(libc::pid_t::try_from(pid).expect("the number of a process"));
}

/// The child may be process 1 of another namespace, as the parent is of its own.
fn child_installs(as_process_1: bool) {
    install().expect("installed");
    register(say_why);
    let (mut theirs, mut ours) = UnixStream::pair().expect("a pair of sockets");
    if as_process_1 {
        // SAFETY: Linux; it concerns the children of this thread, which can start no threads from now on.
        assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWPID) }, 0);
    }
    let pid = fork();
    if pid == 0 {
        install().expect("installed");
        ours.write_all(&[0]).expect("a pipe");
        park();
    }
    theirs.read_exact(&mut [0]).expect("the child is ready");
    report_death(pid);
    atexit_core::clear();
}

fn report_death(pid: libc::pid_t) {
    let mut status = 0;
    // SAFETY: POSIX; the child is ours.
    unsafe {
        libc::kill(pid, libc::SIGTERM);
        libc::waitpid(pid, &raw mut status, 0);
    }
    if libc::WIFEXITED(status) {
        println!("status {}", libc::WEXITSTATUS(status)); // process 1
    } else {
        println!("signal {}", libc::WTERMSIG(status));
    }
}

/// The child has the dispositions from before `install`.
fn child_with_own_handler() {
    // SAFETY: POSIX; the handler only stores.
    unsafe { libc::signal(libc::SIGTERM, note as *const () as libc::sighandler_t) };
    install().expect("installed");
    register(say_why);
    if fork() == 0 {
        // SAFETY: POSIX.
        unsafe { libc::raise(libc::SIGTERM) };
        eprintln!("the program's own handler ran: {}", OWN.load(Ordering::SeqCst));
        // SAFETY: POSIX allows it anywhere.
        unsafe { libc::_exit(0) };
    }
    // SAFETY: POSIX; the child is ours.
    unsafe { libc::wait(std::ptr::null_mut()) };
    atexit_core::clear();
}
