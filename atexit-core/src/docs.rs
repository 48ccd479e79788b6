//! Pages that explain what concerns more than one item.
//!
//! They are there in the documentation only: a program cannot name them.

// What this module must not know: anything that is not public.

#[cfg_attr(any(not(doctest), feature = "signals"), doc = include_str!("../README.md"))] // one of its programs catches signals
pub mod guide {}

/// When handlers run, when not, what they are told, and which status the process ends with.
///
/// Handlers run when the process calls C's `exit`, which is where most ways out of a process meet: a return from `main`
/// does, and [`std::process::exit`] does on Unix and WASI. On Windows this crate [replaces](crate::docs::platforms) what a program calls there.
/// [`exit`](crate::exit) of this crate runs them by itself, before it calls C's.
///
/// | the process ends by | handlers | [`cause()`](crate::cause) in a handler |
/// |---|---|---|
/// | return from `main`, also with `Err` | run | `Exit`, status of `main` |
/// | [`std::process::exit`], from any thread | run (on Windows, where a DLL calls it, [not those of the program](crate::docs::platforms)) | `Exit` with that status |
/// | C's `exit`: from Rust, or in a C program with a library in Rust | run | `Exit` with that status |
/// | a panic in `main` that unwinds | run | `Exit`, status 101 |
/// | [`atexit_core::exit`](crate::exit), from any thread | run, on every platform (for DLLs of Windows as above) | `Exit` with that status |
/// | a signal that [`signals::install`](crate::signals::install) has caught (feature `signals`) | run; then the process dies by it | `Signal`, and which |
/// | any other signal; SIGKILL always | do not run | |
/// | [`std::process::abort`], `_exit`, `quick_exit`, a panic with `panic = "abort"`, a second panic while one unwinds | do not run | |
/// | `exec` | do not run: the new program has none | |
/// | an exit before `main`, in a constructor | not promised | |
/// | `dlclose` or `FreeLibrary` of a shared library | those that the library declares or registered run | `Unload` |
/// | nothing: the program calls [`run`](crate::run) | run now, and not again at exit | `Run` |
///
/// A panic in a thread other than the main one ends that thread, and no process. With `panic = "abort"` it ends the process, and a panic
/// hook that calls [`run`](crate::run) runs the handlers before; what the thread holds locked that panics, they wait for in vain.
///
/// # Once
///
/// A handler is taken out of the set of pending ones before it starts. So it starts at most once, whatever meets: two
/// threads that exit, a [`run`](crate::run) and an exit, a handler that calls C's `exit`. Of two threads, one runs the
/// handlers and the other waits; that one never goes past the handlers that are left.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use std::thread;
///
/// static RAN: AtomicUsize = AtomicUsize::new(0);
///
/// for _ in 0..100 {
///     atexit_core::register(|| {
///         RAN.fetch_add(1, Ordering::Relaxed);
///     });
/// }
/// thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(atexit_core::run);
///     }
/// });
/// assert_eq!(RAN.load(Ordering::Relaxed), 100);
/// ```
///
/// # Other threads
///
/// They go on while handlers run, until the process ends. What they register meanwhile is taken at the end, in one
/// further round; what comes after that is not run, and counted on standard error.
///
/// # The status
///
/// It is what it would be without handlers, with these exceptions:
///
/// | about to end with | and this happens | ends with |
/// |---|---|---|
/// | 0 | a panic is the last failure | 101 |
/// | 0 | an `Err`, or a time limit or the deadline that is over, is the last failure | 1 |
/// | 0 | the last failure is a handler that called [`std::process::exit`] or C's `exit`, or waits for a lock of C's, and cannot go on | 1 |
/// | 0 | an [`ExitCode`](std::process::ExitCode) that is not 0, or a [`HandlerError`](crate::HandlerError) with a status, is the last failure | that |
/// | not 0 | any failure | what it was |
/// | anything | [`exit(code)`](crate::exit) in a handler | `code`; if that is 0 and a handler failed, the status of the failure |
/// | a signal | any failure | that signal, or 128 and its number after [`Signals::end_by_exit`](crate::signals::Signals::end_by_exit) |
///
/// A status is 0 if a parent reads it as 0: on Unix it sees the low eight bits. Where the platform does not tell which
/// status is pending (it does with glibc), a failure replaces any status.
/// [`Config::failure_status(false)`](crate::Config::failure_status) takes failures out of this table.
///
/// # Values
///
/// A [`DropAtExit`](crate::DropAtExit) or a [`CloseAtExit`](crate::CloseAtExit) in a `static` is finished after the handlers that are neither
/// `first` nor `last`. An exit waits for the initialization of one that is under way, and from the moment it finishes the first value
/// of a phase none of that phase is made any more.
///
/// # Fork
///
/// A forked child inherits what is pending, and runs it if it exits normally, as with C's `atexit` and in Python and
/// Ruby. A handler marked `this_process` runs only in the process that declared or registered it; a program declares its
/// handlers when it starts. In a child, what such a handler captured is forgotten and not dropped, for it belongs to the parent.
/// A child that a handler forks returns from that handler, too, and runs what is left; with musl, which tells no status, it ends with 0
/// then. After [`signals::install`](crate::signals::install) signals
/// have their former dispositions again in a child.
///
/// A daemon calls [`signals::install`](crate::signals::install) and registers after its last fork; declared handlers with `this_process` never run in it.
/// Its launcher leaves by `_exit`: by any other exit it runs what they share.
///
/// [`std::process::Command`] is not such a child: it becomes another program, which runs nothing of this.
///
/// # Tests
///
/// A test binary is a program like others, and its handlers run when it ends, after `--list` too: `cargo nextest` reads
/// that list from standard output, where a handler must not print then.
///
/// Doctests of edition 2024 are compiled to one program: each has the declared handlers of all, unless it says
/// `standalone_crate`.
///
/// # Functions of C that run at exit
///
/// C runs its exit functions last in, first out (ISO C says so of `atexit`), and the hook that runs handlers is
/// registered before `main`. So what a C library registers from `main` on runs before the handlers, and may take away
/// what they need: [`arm`](crate::arm) puts the hook in front again. What C registers in constructors that ran earlier
/// runs after the handlers, and so does what a handler registers with C. None of them runs when a caught signal ends the
/// process, unless [`Signals::end_by_exit`](crate::signals::Signals::end_by_exit) has said so.
///
/// On Windows the handlers of a program run before all of C's exit functions, whenever those were registered, and
/// [`std::process::exit`] runs none of C's. On Apple's systems, the BSDs and Android the first handler that is registered plants
/// the hook again, as [`arm`](crate::arm) does: what C registered until then runs after the handlers.
///
/// A function that C runs after the handlers, a destructor in `.fini_array` among them, may register handlers: they run
/// next (with musl, after all such functions). It may end the process with another status by [`exit`](crate::exit) or by C's `exit`
/// (but with musl not from a destructor, nor from a handler that one registers: C's `exit` calls all destructors again there and may
/// never end, or crashes from 1.2.6 on); [`std::process::exit`] aborts there, for std lets no thread in twice. The same goes for a
/// function that C runs before the handlers, and for the destructor of a thread-local of the exiting thread: the handlers run, and the
/// process ends with that status. (With musl nothing tells
/// that a function is one of these, so [`exit`](crate::exit) has another thread call std's. Where that one cannot get in, the process ends
/// without what else C would call. And musl drops no thread-locals of the exiting thread.)
///
/// # Shared libraries
///
/// Whether a library in Rust is linked, preloaded, or opened by `dlopen`: its handlers run at the exit of the process.
/// A program and its libraries may each have a copy of this crate. At an exit the handlers of all copies run, one copy
/// after the other (on Windows [not at every exit](crate::docs::platforms)). A caught signal runs those of the copy that has caught it, and then the process dies.
///
/// C's exit functions run last-in first-out, and a library's hook is planted when it is loaded. For one that is linked or preloaded that
/// is before the loader plants what finalises all libraries. Therefore the first handler that is registered plants the hook again, as
/// [`arm`](crate::arm) does: what C registered until then runs after the handlers, and [`cause`](crate::cause) knows the status.
///
/// If a linked or preloaded library only declares handlers, they run when the loader finalises it, after all exit functions of C. Then
/// [`cause`](crate::cause) is `Exit { status: None }`, but a failure still becomes the status of the process if that is 0. By then the
/// program may have closed standard error, as coreutils do in such a function: then a failure is not seen, but is the status. One call of
/// [`register`](crate::register) or [`arm`](crate::arm) in a function of the library has its handlers run before, with the status.
///
/// # Unloading a library
///
/// At `dlclose` the handlers run on the thread that calls it, because the loader's lock keeps a new thread from
/// starting. glibc does not unload a library that has used a thread-local with a destructor; then its handlers run when
/// the process exits, and musl never unloads any.
///
/// By the time the handlers run, glibc has decided to unload. So a handler there must not be the first in the library to
/// use a thread-local with a destructor, which channels, `tracing` and Tokio have, and `async fn` handlers with the
/// feature `tokio`: that destructor would run in code that is gone, and the process would crash when the thread ends. Nor may
/// it call [`std::thread::current`] or [`std::thread::park`] on a thread that std has not started: std takes a `pthread_key` for that,
/// with a destructor in the same code, and never gives it back; of these a process has 1024. And
/// it must not wait for a thread that it starts, which does not begin before `dlclose` returns. A library with such
/// handlers uses a thread-local with a destructor when it is set up: then it is kept, and they run at the exit of the process.
///
/// A failure there is told on standard error, and no status changes. [`exit`](crate::exit) in such a handler ends the whole
/// process, once the other handlers of the library have run. What stays behind is the buffer of the stdout in the library's copy of std,
/// of 1 KiB.
///
/// A `dlclose` in one of C's exit functions is an exit. If the handlers have not run before that function, they run on the thread
/// that calls it, and the status is not known, so that a failure replaces any status.
pub mod when_handlers_run {}

/// What a handler may use, on the thread on which it runs.
///
/// # Why it matters
///
/// When a thread reaches C's `exit`, Rust has destroyed its thread-locals on most platforms, and whatever has one with a destructor
/// panics there: "cannot access a Thread Local Storage value during or after destruction". That is `tracing` with its
/// spans, Tokio with the runtime that a thread is in, `rand` with its generator.
///
/// Therefore handlers run on a fresh thread, called `at_exit`, one after the other, while the exiting thread waits. The
/// handlers of one run mostly share that thread; after one that was abandoned, the next get a new one. Its stack is of
/// 8 MiB, or as large as [`Config::stack_size`](crate::Config::stack_size) says. A handler that overflows its stack aborts
/// the process, and the handlers after it are lost.
///
/// | | on the exit thread | on the exiting thread (`caller_thread`) |
/// |---|---|---|
/// | `println!` and `eprintln!` | work | work |
/// | locks, channels, atomics | work, but see [below](#locks) | work, but see [below](#locks) |
/// | looking up the name of a host | works | works, while a library is being unloaded too |
/// | [`std::thread::spawn`], [`std::thread::scope`] | work | work from Rust 1.88 on |
/// | thread-locals | work: they are those of a new thread | those with a destructor panic, if the thread had used them (with musl, on Windows and on WASI they are still there) |
/// | `tracing`, with spans | works | as thread-locals, which it is built on |
/// | Tokio: a new runtime | works | as thread-locals, which it is built on |
/// | `async fn` handlers | work | work, as far as what drives them does |
/// | [`register`](crate::register), [`run`](crate::run) and all else of this crate | works | works |
/// | [`exit`](crate::exit) of this crate | ends the handler | ends the handler |
/// | [`std::process::exit`], on Linux where the process exits by std | blocks, which is a failure after a second or two, for each such handler | aborts the process |
/// | [`std::process::exit`] otherwise | does what C's `exit` does | does what C's `exit` does |
/// | C's `exit` | ends the handler; blocks with glibc from 2.41 on (its bug 31997) and musl from 1.2.6 on, which is a failure after a second or two | ends the handler; crashes with musl from 1.2.6 on |
/// | a panic | is a failure | is a failure |
/// | a limit that is over | the handler is abandoned | is reported when the handler is over |
///
/// # When the exiting thread runs them
///
/// - where the attribute says `caller_thread`;
/// - while a library is being unloaded;
/// - where no thread can be started, as on WASI, which has none: that is no error and loses no handler;
/// - where the exiting thread holds the lock of stdout or stderr, on which a `println!` of the exit thread would wait
///   forever;
/// - at an exit of NetBSD, and when Windows detaches a DLL, where none can be started, and on [systems that nobody has looked
///   into](crate::docs::platforms); [`exit`](crate::exit) and [`run`](crate::run) do start one there.
///
/// After a signal that was caught there is no exiting thread: all handlers run on an exit thread, those with
/// `caller_thread` too. If some thread holds the lock of stdout or stderr then, each handler without a limit is given
/// one of 2 s, and the flush of stdout waits 1 s more.
///
/// # Locks
///
/// A handler that waits for the thread that exits waits forever, for that thread waits for the handlers: where it locks what that
/// thread has locked, which [`std::process::exit`] does not give back, or joins a worker that has called it. Only a time limit or the
/// deadline ends that. Hold no lock when you exit; where that cannot be known, use [`try_lock`](std::sync::Mutex::try_lock), or give
/// the handler a `time_limit`.
///
/// Other threads go on, and lock what they like: a handler that locks the same waits for them. A thread that panics
/// with a lock held poisons it: [`into_inner`](std::sync::PoisonError::into_inner) lets a handler go on.
///
/// ```
/// use std::sync::{Mutex, PoisonError};
/// use std::time::Duration;
///
/// use atexit_core::Handler;
///
/// static QUEUE: Mutex<Vec<String>> = Mutex::new(Vec::new());
///
/// Handler::new(|| {
///     for line in QUEUE.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
///         println!("{line}");
///     }
/// })
/// .name("empty the queue")
/// .time_limit(Duration::from_secs(5))
/// .register();
/// ```
///
/// # Leaving a handler early
///
/// [`exit`](crate::exit) ends the handler that calls it, and the code becomes the status of the process when all others
/// have run. With `panic = "abort"` nothing unwinds: what the handler holds locked stays so, and a later handler that wants
/// it waits forever. Let go of locks first.
///
/// [`std::process::exit`] cannot do this. On Linux it lets one thread of a process through (rust-lang/rust #126606):
/// called once more on that thread it aborts, and on any other it never returns. Where the process does not exit by
/// std, it is C's `exit`; after a caught signal its status is lost. A panic hook that calls it makes the same mistake, when a
/// handler panics. std keeps a panic hook locked while it is called, and so forever one that does not return, by whichever `exit`:
/// [`take_hook`](std::panic::take_hook) or [`set_hook`](std::panic::set_hook) in a later handler waits in vain, and so does a panic
/// after that.
///
/// On Linux it is seen that the exit thread waits there in vain, or for a lock of the C library's that the exiting thread has: its
/// `exit`, with glibc from 2.41 on, or a stream. Then the handler is abandoned, which is a failure, and the others run.
/// Where a thread that exits finds another one in a [`run`](crate::run) that waits so, it goes on with that run itself. A handler that calls
/// `pause` of POSIX for longer than a second, to wait for a signal, looks the same. Elsewhere a time limit or the deadline
/// ends such a handler, and one without is named on standard error after 10 s.
///
/// ```no_run
/// atexit_core::register(|| {
///     if std::env::var_os("KEEP").is_some() {
///         atexit_core::exit(2); // the other handlers still run
///     }
/// });
/// ```
///
/// # Output
///
/// stdout is flushed after a run on the exit thread, unless another thread holds it for longer than 1 s. (std flushes it before the
/// handlers, and leaves it without a buffer, when a Rust program exits; where a program in C does, nobody else would.)
/// Where stdout or stderr are closed, full or a broken pipe, nothing of this library panics. A `println!` of a handler
/// does where stdout is full or a broken pipe, which is a failure of that handler.
///
/// # When the system refuses
///
/// | there is no | what happens |
/// |---|---|
/// | memory for a registration, or for what a handler wants | the process aborts, as everywhere in std; handlers that are registered need no more memory to run |
/// | thread, for a limit on their number or for want of memory | handlers run on the exiting thread, as with `caller_thread`, and nobody watches the time: a limit is reported when the handler is over. [`signals::install`](crate::signals::install) returns an error |
/// | thread after [`signals::install`](crate::signals::install) | as above, on the thread that the signal wakes |
/// | file descriptor | handlers need none, nor do signals; a program may close all descriptors after [`signals::install`](crate::signals::install) |
/// | reader of standard error who keeps up | what this library prints waits for 10 s at most in all, and no longer than 0.2 s beyond the deadline, and is lost then (on Unix and Windows, but for a DLL that is [detached](crate::docs::platforms)). No time limit strikes later because of it: a notice about a handler that hangs does not wait |
/// | stdout or stderr that takes anything: closed, a full device, a pipe without a reader | what this library says is lost, and the status is what it would be; no process dies of SIGPIPE by that, even where the signal has its default |
/// | sense in `AT_EXIT_LOG`, UTF-8 or not | one line on standard error says so, and what [`Config::log`](crate::Config::log) says holds, or else `error` |
pub mod what_works_inside_a_handler {}

/// What differs from system to system, what is tested, and what is expected from which source.
///
/// The guide has the short table. What this page says of Windows was seen with Wine, unless it says otherwise.
///
/// # Windows
///
/// [`std::process::exit`] calls `ExitProcess` there, which runs no exit functions of a program. So this library replaces two functions in the
/// import table of the module that it is part of, the program or a DLL, when that module starts: `ExitProcess` and C's `exit`. They are
/// found by their names, and the protection of the table is put back. No code is changed, nor another module's table, nor anything of the
/// system's libraries. Handlers then run before either, with all threads alive and no lock held.
///
/// | the process ends by | handlers of the program | handlers of a DLL |
/// |---|---|---|
/// | return from `main`, also with `Err`; a panic in `main` | run, with the status | run when the DLL is detached |
/// | [`std::process::exit`], C's `exit` or `ExitProcess` in the program, from any thread | run, with the status | run when the DLL is detached |
/// | [`std::process::exit`] or C's `exit` in that DLL, from any thread | C's `exit`: run, without the status; std's: do not run | run, with the status |
/// | C's `exit` in another module | run, without the status | run when the DLL is detached |
/// | [`exit`](crate::exit) of this crate | run where the program calls it; where a DLL does, do not run | of the DLL that calls it run; of others run when they are detached |
/// | Ctrl-C, after [`signals::install`](crate::signals::install); other events of the console, which Wine does not have | run, if the program has called it | run, if that DLL has called it |
/// | `ExitProcess` in another module (such as std, where it is a DLL: `-C prefer-dynamic`), or by a pointer of `GetProcAddress`; the end of the last thread | do not run | run when the DLL is detached |
/// | `FreeLibrary` | | run on the calling thread, with [`Cause::Unload`](crate::Cause::Unload) |
/// | `_exit`; C's `abort` where it ends in that, as in `msvcrt` | do not run | run when the DLL is detached |
/// | [`std::process::abort`], `TerminateProcess`, a crash | do not run | do not run |
///
/// When a DLL is detached at the end of the process, the system has ended all other threads, wherever they were, and starts none. The
/// handlers run on the exiting thread, no limit or deadline ends one, and the status is not known, so that a failure replaces any status: then the
/// process ends by `TerminateProcess`, and DLLs that come later are not detached. A handler that another thread was running is named on standard
/// error as cut off, and the others run. What a dead thread has locked stays locked: a handler must use `try_lock`, and one that prints
/// hangs if that thread was just printing. Nobody flushes stdout, so what is printed without the end of its line is lost. A line of this
/// library takes as long as standard error does. If a dead thread had locked this library, no handler runs, and a line says so.
///
/// In a module without names in its import table nothing is replaced: then handlers run where C's exit functions do, at a return from `main` and
/// at C's `exit`, without the status, and not at [`std::process::exit`]. The C runtime keeps a lock meanwhile: a handler on the exit thread
/// that calls C's `exit` or `atexit` waits there, until a time limit or the deadline ends it. So it is wherever another module calls C's `exit`.
///
/// What is registered once a module has called `ExitProcess` is not run.
///
/// A DLL that has called [`signals::install`](crate::signals::install) is not unloaded any more. One in which a [`run`](crate::run) has abandoned a handler must not be: that
/// handler goes on in its code. Where a handler is the first in its DLL to use a thread-local with a destructor while the DLL is unloaded, the
/// thread-local is never dropped, and nothing crashes. With std for windows-gnu, a DLL cannot be loaded again and again: std takes indexes for
/// thread-locals, never gives them back, and aborts the process after some hundred times.
///
/// By Microsoft's documentation, and not tried:
///
/// - With the C runtime linked in (`+crt-static`), C's `exit` is no import: handlers run in it, without the status; and `_exit` runs them, too,
///   as it ends in this module's `ExitProcess`.
/// - On ARM64EC nothing is replaced, as in a module without names in its import table.
/// - When the console closes, Windows ends the process after some five seconds, whatever the handlers do.
///
/// The library ends a process at its deadline by `TerminateProcess`, which takes no lock; C's `_exit` takes that of `exit`.
///
/// # Apple's systems, the BSDs, Android
///
/// The library is linked for macOS, FreeBSD and NetBSD, and compiled for Android, but nothing has been run there. Their common code is tested on
/// Linux. What is expected rests on the sources of Apple's Libc-1725 and dyld-1378, of FreeBSD's C library before 14, of OpenBSD's of 2017, of
/// NetBSD's of 2007, and of Android's bionic of 2024:
///
/// | | |
/// |---|---|
/// | the status | is passed to no exit function: it is not known, and a failure replaces any status |
/// | an exit and an unload | are told apart: an exit calls an exit function that belongs to no library, an unload does not. A library that is linked, and only declares handlers, is taken for unloaded where the loader finalises it first; a call of [`register`](crate::register) or [`arm`](crate::arm) mends that |
/// | an unload on Apple's systems | does not happen to a library with thread-locals, which std has |
/// | threads in an exit | start; on NetBSD, whose C library keeps a lock meanwhile, and on systems that are not named here, handlers of an exit run on the exiting thread. The exiting thread must be able to take that lock again, which is so in later versions than the one of 2007 |
/// | another status than the pending one | C's `exit` is called again, and the rest of its functions run; on NetBSD and on systems that are not named here the process ends by `_exit` |
/// | what an exit function of C registers after the handlers have run | runs; but not on FreeBSD, whose `exit` calls nothing that is registered meanwhile |
/// | [`std::process::exit`] in a handler | does what C's `exit` does: std has its lock on Linux only |
/// | C's `exit` in a handler | ends the handler. bionic's lets in one thread only, so a handler on the exit thread waits there until a time limit or the deadline ends it |
///
/// # musl
///
/// What differs is in the guide's table. Two versions are tested: 1.2.5, which comes with Rust and is linked statically, and 1.2.3, linked
/// dynamically.
///
/// Where handlers ask for another status, the last function of `.fini_array` ends the process with it, once all of C's exit functions have
/// run. In a process with shared libraries it is the last one of the object that has this library: what others have there is skipped, if musl
/// would call it later. Where several threads call C's `exit` at once, or a handler on the exit
/// thread does, the process ends by `_exit` then: C's exit functions and the handlers of other copies of this library that have not run yet are skipped. What a
/// function of `.fini_array` registers is not run either, in these two cases.
///
/// # WebAssembly
///
/// On WASI handlers run when `main` returns, at [`std::process::exit`], C's `exit`, [`exit`](crate::exit) and [`run`](crate::run), on the one
/// thread there is. A panic traps, as `panic = "abort"` does elsewhere, and runs nothing. No limit ends a handler: it is reported when the
/// handler is over, and after the deadline no other handler starts. A handler that hangs hangs the process, and nothing names it.
///
/// `wasm32-unknown-unknown` has no C library, no exit and no clock. [`run`](crate::run) runs the handlers, and so does [`exit`](crate::exit),
/// before it traps. No limit is ever over, and a handler takes no time.
pub mod platforms {}

/// What it costs to have handlers, measured beside what one would pick instead.
///
/// The figures are ratios, and medians of the ratios of rounds in which each contender ran once, in a process of its own, one after the other,
/// in one run of the benchmarks, on two cores of x86-64 Linux with glibc 2.36 and Rust 1.95. They say who is ahead, not by how many nanoseconds
/// on another machine.
///
/// # Registering and running
///
/// | what | against | ratio |
/// |---|---|---|
/// | [`register`](crate::register) of a closure with 24 bytes of captures, 10^5 and 10^6 times | C's `atexit`, which takes no captures and gives no handle | 1.27, 1.27 |
/// | the same, into memory that handlers have had before | C's `atexit` | 0.71, 0.90 |
/// | the same from two threads at once | C's `atexit` from two threads | 1.25, 1.28 |
/// | running 10^5 handlers, the failures of each kept from the others | C's `exit` with as many | 0.92 |
/// | the same by [`run`](crate::run), whose report says of each how it ended and how long it took | C's `exit` with as many | 6.9 |
/// | [`unregister`](crate::Registration::unregister), in random order, of 10^6 handlers | of 10^3 | 3.5 |
/// | memory of a handler, resident | C's `atexit`, 32 bytes | 1.5: 48 bytes |
///
/// Registering takes one lock and writes 48 bytes. What it takes longer than C's `atexit`, it takes for the memory: it writes half as much again,
/// which the system has to provide, and two threads wait for each other while it does. A closure with more than three words of captures costs an allocation, and so do the options of a
/// [`Handler`](crate::Handler).
///
/// Running takes the lock for each handler, because another thread may take any handler back at any time, notes which one is running, for whoever
/// asks why the process does not end, and catches its panic. For a report, as an observer gets it, too, a clock is read twice, which alone takes
/// longer than that. A loop over a vector of boxed closures does none of that but the lock, and takes 0.5.
///
/// # Declared handlers
///
/// | what | against | ratio |
/// |---|---|---|
/// | instructions until `main` for each `#[at_exit]` | a bare `inventory::submit!` of a function pointer | 1.03 |
/// | collecting and ordering 10^4 of them, once at exit | sorting as many 64-byte records by an integer | 1.7 |
/// | the same, where each is constrained, for each of 10^4 and 10^5 | for each of 10^3 | 1.3, 1.5 |
///
/// # Values
///
/// | what | against | ratio |
/// |---|---|---|
/// | [`DropAtExit::get`](crate::DropAtExit::get), and giving the reference back | [`RwLock::read`](std::sync::RwLock::read) | 0.97 |
/// | the same from two threads at once | `RwLock::read` from two threads | 1.0 |
/// | [`CloseAtExit::get`](crate::CloseAtExit::get) | [`LazyLock`](std::sync::LazyLock) | 1.25 |
///
/// To count a reference takes two atomic operations, as for a lock, of some nanoseconds in all, and threads that do so at the same time wait for each
/// other. A `CloseAtExit` counts nothing; it reads one pointer more than a `LazyLock`.
///
/// # A whole process
///
/// | what | against | ratio |
/// |---|---|---|
/// | the library linked in, nothing pending | an empty process | 1.02 |
/// | one handler with `caller_thread` | an empty process | 1.03 |
/// | one ordinary handler | an empty process | 1.26 |
///
/// An ordinary handler costs a process a thread, once. Who cannot afford that marks all handlers `caller_thread`, and does without thread-locals
/// in them.
///
/// # Building
///
/// | what | against | ratio |
/// |---|---|---|
/// | processor time of a clean build of a program with one handler (dev) | the same with `linkme` | 1.3 |
/// | `cargo check` of 1000 uses of the attribute | the same written by hand | 1.1 |
///
/// # Where others are better
///
/// - `linkme` and `dtor` let a program start with fewer instructions: a slice of the linker's needs none, and a function in `.fini_array` one
///   relocation. Neither knows which crate comes before which, or can say so; for that, something has to run. `inventory` is what runs here, and its
///   constructor for each handler is most of the 77 instructions.
/// - `linkme` builds faster. Most of the difference is this crate itself: the ordering, the plan, and the hand-over between threads are compiled by
///   everyone who uses it. `syn`, `quote` and `proc-macro2` cost both about the same.
/// - C's `atexit` registers faster, as above: it keeps a function pointer and nothing to call it with, and takes none back.
/// - CPython runs its handlers faster, under the one lock that its interpreter holds anyway.
///
/// # To measure again
///
/// ```text
/// cargo run --release -p benches                  times and memory, one table
/// cargo run --release -p benches -- --plot DIR    the same, and pictures of cost against number of handlers
/// benches/instructions                            instructions, by callgrind: they are the same each time
/// benches/build-cost                              clean builds, checks, and the size of a program
/// ```
///
/// The repository has the pictures in `docs/costs`.
pub mod what_it_costs {}

/// For authors of libraries: what a library may call, and what is the program's.
///
/// A program has one set of handlers, one configuration, and one end, and whoever writes `main` decides about them. What a library does is
/// seen by all the others that are linked in. So it adds what it has to finish itself, and nothing more.
///
/// | a library may | because |
/// |---|---|
/// | declare handlers by [`#[at_exit]`](crate::at_exit) | they run after those that the program registers by calls, in the order of crates, dependencies last: what is built on this library is finished before it |
/// | [`register`](crate::register) what it sets up at run time, and take it back by its own [`Registration`](crate::Registration) | a stale one is harmless |
/// | make a [`guard`](crate::guard) for what usually ends before the process does | nobody else can run or take it back by name |
/// | keep a value in a [`DropAtExit`](crate::DropAtExit) or a [`CloseAtExit`](crate::CloseAtExit) | it is finished after all handlers but `last` ones, so that they may use it, and values in the reverse order of their initialization, whichever crate each is from |
/// | state by [`link!`](crate::link) which crates it needs, and in which order | statements of several crates add up, and [`check`](crate::check) finds contradictions |
/// | mark a handler `first` or `last`, with a reason that its docs give | the phases are shared by all crates: a logger is `last`; who merely wants to be early names by `before` and `after` whom it means |
/// | give its handlers a `time_limit` | it knows how long they may take; the program has the [deadline](crate::Config::deadline) |
/// | call [`cause`](crate::cause), [`remaining`](crate::remaining), [`plan`](crate::plan), [`pending`](crate::pending) | they change nothing |
///
/// | this is the program's | because |
/// |---|---|
/// | [`configure`](crate::configure) | it replaces what the program, or another library, has configured: limits, the deadline, the observer, the executor of async handlers |
/// | [`signals::install`](crate::signals::install), [`Signals`](crate::signals::Signals) | a signal ends the process for all of it, and the program may shut down in order instead |
/// | [`run`](crate::run) | it runs the handlers of all crates while the program still uses them |
/// | [`clear`](crate::clear), and [`unregister`](crate::unregister) of another crate's function | what others have to finish is lost |
/// | [`exit`](crate::exit) | a library returns an error, and the program decides whether that is its end |
/// | [`arm`](crate::arm) | it moves the handlers of all crates ahead of what C has planted so far |
///
/// # Features
///
/// The features of a crate are the same in all of a program: a library that asks for `tokio` gives every async handler of the program, which
/// names no executor, a Tokio runtime. A library whose async handler needs one names it instead, by `block_on` and a function of its own, and
/// leaves the feature to the program.
///
/// # Versions
///
/// One program has one version of this crate: two are an error when the program is linked, for they would be two sets of handlers, each with
/// an order and an end of its own. A library that has types of this crate in its interface re-exports it.
///
/// # Shared libraries
///
/// A `cdylib` is a program of its own in this: its copy of this crate has its own handlers, order and configuration, which run when it is
/// unloaded or when its host exits. There is no other `main`, so what is the program's above is the library's here, but for `exit` and signals, which
/// end the host. So it calls `configure` when it is set up, if it wants limits; see [the limits of such a library](crate::docs::guide).
///
/// # Examples
///
/// A connection pool that is closed at exit, whichever way it comes, and before that by whoever is done with it:
///
/// ```
/// use atexit_core::{ExitGuard, Handler};
///
/// pub struct Pool {
///     closes: ExitGuard,
/// }
///
/// impl Pool {
///     pub fn open(name: &str) -> Self {
///         let label = format!("close the pool of {name}");
///         let closes = Handler::new(move || println!("closed")).name(label).guard();
///         Self { closes }
///     }
///
///     /// Says what went wrong, which a mere drop does not.
///     pub fn close(self) -> Result<(), atexit_core::Failure> {
///         self.closes.finish()
///     }
/// }
///
/// Pool::open("orders").close()?;
/// # Ok::<(), atexit_core::Failure>(())
/// ```
pub mod for_authors_of_libraries {}
