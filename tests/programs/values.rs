//! Has values in a `static`; the first argument names the scene it plays, the second how it ends.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use atexit_core::{
    CloseAtExit, Config, DropAtExit, Event, ExitRef, Failure, Handler, Unavailable, cause, clear, configure, pending,
    plan, register, remaining, run, signals, unregister,
};

fn main() {
    std::panic::set_hook(Box::new(|info| {
        if let Some(place) = info.location().filter(|place| place.file() != file!()) {
            eprintln!("hook: a panic at {place}");
        }
        if !IS_CAUGHT.get() {
            eprintln!("hook: {}", message(info.payload()));
        }
    }));
    let scene = std::env::args().nth(1).unwrap_or_default();
    let (_, play) = SCENES.iter().find(|(name, _)| *name == scene).expect("a scene of this name");
    play();
    leave();
}

macro_rules! scenes {
    ($($name:ident)*) => {
        const SCENES: &[(&str, fn())] = &[$((stringify!($name), $name)),*];
    };
}

scenes! {
    finished on_the_exit_thread order users_go_first as_it_ended made_by_a_handler made_by_a_last_handler too_late
    first_values last_values nothing_to_finish nothing_pending planned observed counted cleared ran ran_beside
    initialized_once tried_again tried_again_by_a_waiting_thread by_a_fallible_function set_once asks_for_itself ask_for_each_other
    exits_in_initialization exits_in_initialization_in_a_handler waits_for_main_that_exits set_meanwhile asked_for_while_main_initializes without_close shown places
    closed closed_never_made closed_while_borrowed closed_when_given_back closed_with_failure closed_by_one closed_too_slowly
    closed_in_a_handler exits_in_close closed_elsewhere closed_elsewhere_for_good fails_again_and_again asked_too_late
    borrowed borrowed_for_good borrowed_by_a_thread borrowed_by_another borrowed_at_deadline given_back
    kept asked_while_closing asked_while_closing_elsewhere fails panics_in_drop returns_status hangs hangs_at_deadline
    exits uses_others limited_by_all
    initialized_meanwhile never_initialized never_initialized_for_long never_initialized_at_deadline too_late_initialization handler_waits handler_waits_in_vain asked_after_the_hook asked_before_the_hook
    nothing_begins nothing_begins_without_handlers
    inherited inherits_initialization forked_in_initialization forked_by_a_handler forked_while_finishing
}

thread_local! {
    static IS_CAUGHT: Cell<bool> = const { Cell::new(false) };
}

fn message(payload: &(dyn std::any::Any + Send)) -> &str {
    let literal = payload.downcast_ref::<&str>().copied();
    literal.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("?")
}

/// The message of the panic, or the result.
fn caught<T: ToString>(f: impl FnOnce() -> T) -> String {
    let outer = IS_CAUGHT.replace(true);
    let caught = catch_unwind(AssertUnwindSafe(f));
    IS_CAUGHT.set(outer);
    caught.map_or_else(|payload| format!("panic: {}", message(&*payload)), |value| value.to_string())
}

/// Ends as the second argument says: with status 3, unless by a panic or a signal.
fn leave() {
    match std::env::args().nth(2).as_deref() {
        Some("exit") => std::process::exit(3),
        Some("core_exit") => atexit_core::exit(3),
        Some("c_exit") => c_exit(3),
        Some("panic") => panic!("main"),
        Some("thread_exit") => thread::spawn(|| std::process::exit(3)).join().expect("no panic"),
        Some("signal") => {
            signals::install().expect("installed");
            // SAFETY: ISO C.
            unsafe { libc::raise(libc::SIGTERM) };
            hang();
        }
        _ => {}
    }
}

fn c_exit(status: i32) -> ! {
    // SAFETY: ISO C leaves this undefined in a handler; C libraries define it.
    unsafe { libc::exit(status) }
}

fn hang() -> ! {
    loop {
        thread::park();
    }
}

fn place() -> String {
    thread::current().name().unwrap_or("?").to_owned()
}

/// Says when it is dropped.
struct Value(&'static str);

impl Drop for Value {
    fn drop(&mut self) {
        println!("{} dropped", self.0);
    }
}

fn stop(value: Value) {
    println!("{} stopped", value.0);
    drop(value);
}

fn close(value: &Value) {
    println!("{} closed", value.0);
}

/// Either cell.
trait Either: Sync {
    fn get(&'static self) -> &'static str;
    fn try_get(&'static self) -> Result<&'static str, Unavailable>;
    fn get_if_open(&'static self) -> Option<&'static str>;
    fn get_or_init(&'static self, name: &'static str) -> &'static str;
    fn get_or_try_init(&'static self, name: &'static str) -> Result<&'static str, String>;
    fn set(&'static self, name: &'static str) -> Result<(), &'static str>;
    fn close(&'static self) -> Result<bool, Failure>;
}

macro_rules! either {
    ($cell:ident) => {
        impl Either for $cell<Value> {
            fn get(&'static self) -> &'static str {
                self.get().0
            }
            fn try_get(&'static self) -> Result<&'static str, Unavailable> {
                self.try_get().map(|value| value.0)
            }
            fn get_if_open(&'static self) -> Option<&'static str> {
                self.get_if_open().map(|value| value.0)
            }
            fn get_or_init(&'static self, name: &'static str) -> &'static str {
                self.get_or_init(|| Value(name)).0
            }
            fn get_or_try_init(&'static self, name: &'static str) -> Result<&'static str, String> {
                self.get_or_try_init(|| Ok(Value(name))).map(|value| value.0)
            }
            fn set(&'static self, name: &'static str) -> Result<(), &'static str> {
                self.set(Value(name)).map_err(|value| std::mem::ManuallyDrop::new(value).0)
            }
            fn close(&'static self) -> Result<bool, Failure> {
                self.close()
            }
        }
    };
}

either!(DropAtExit);
either!(CloseAtExit);

/// Prints the answer of each method.
fn ask(cell: &'static dyn Either) {
    println!("get: {}", caught(|| cell.get()));
    println!("try_get: {}", caught(|| format!("{:?}", cell.try_get())));
    println!("get_if_open: {:?}", cell.get_if_open());
    println!("get_or_init: {}", caught(|| cell.get_or_init("other")));
    println!("get_or_try_init: {}", caught(|| format!("{:?}", cell.get_or_try_init("other"))));
    println!("set: {:?}", cell.set("other"));
    println!("close: {}", closing(cell));
}

fn closing(cell: &'static dyn Either) -> String {
    cell.close().map_or_else(|failure| format!("{}: {failure}", failure.kind()), |closed| closed.to_string())
}

/// Something that happens once, and that others wait for.
struct Moment {
    is_there: Mutex<bool>,
    changed: Condvar,
}

impl Moment {
    const fn new() -> Self {
        Self { is_there: Mutex::new(false), changed: Condvar::new() }
    }

    fn come(&self) {
        *self.is_there.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    fn wait_for(&self, at_most: Duration) {
        let is_there = self.is_there.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_timeout_while(is_there, at_most, |is_there| !*is_there));
    }

    fn wait(&self) {
        let is_there = self.is_there.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(is_there, |is_there| !*is_there));
    }

    /// Whether it happens although it must not; this waits a while.
    fn comes(&self) -> bool {
        let is_there = self.is_there.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(is_there, Duration::from_millis(100), |is_there| !*is_there);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

const SHORT: Duration = Duration::from_millis(50);
const DOUBLE: Duration = Duration::from_millis(100);
/// Enough even on a busy machine.
const LONG: Duration = Duration::from_millis(500);

// Which values are finished, and in which order.

fn finished() {
    static UNUSED: DropAtExit<Value> = DropAtExit::new(|| Value("unused"));
    static DROPPED: DropAtExit<Value> = DropAtExit::new(|| Value("a"));
    static STOPPED: DropAtExit<Value> = DropAtExit::new(|| Value("b")).close_with(stop);
    static CLOSED: CloseAtExit<Value> = CloseAtExit::new(|| Value("c")).close_with(close);
    register(|| println!("handler: {}{}{}", DROPPED.get().0, STOPPED.get().0, CLOSED.0));
    println!("main: {}{}{}", DROPPED.get().0, STOPPED.get().0, CLOSED.get().0);
    println!("{:?}", UNUSED.get_if_open().is_some());
}

fn on_the_exit_thread() {
    struct Says;
    impl Drop for Says {
        fn drop(&mut self) {
            println!("dropped on {} as {:?}", place(), cause().is_some());
        }
    }
    static DROPPED: DropAtExit<Says> = DropAtExit::new(|| Says);
    static CLOSED: CloseAtExit<()> = CloseAtExit::new(|| ()).close_with(|()| println!("closed on {}", place()));
    static NOW: DropAtExit<Says> = DropAtExit::new(|| Says);
    drop(DROPPED.get());
    CLOSED.get();
    drop(NOW.get());
    println!("{}", closing_of(NOW.close()));
}

/// No matter when a handler was registered, it runs before the values.
fn order() {
    static EARLIER: DropAtExit<Value> = DropAtExit::new(|| Value("earlier"));
    static LATER: CloseAtExit<Value> = CloseAtExit::new(|| Value("later")).close_with(close);
    register(|| println!("older"));
    Handler::new(|| println!("last")).last().register();
    EARLIER.get();
    LATER.get();
    register(|| println!("younger"));
    Handler::new(|| println!("first")).first().register();
}

fn users_go_first() {
    static SERVER: DropAtExit<Value> = DropAtExit::new(|| Value("server"));
    static CLIENT: CloseAtExit<Value> = CloseAtExit::new(client).close_with(close);
    static PAGE: DropAtExit<Value> = DropAtExit::new(|| Value(if CLIENT.0 == "client" { "page" } else { "?" }));
    fn client() -> Value {
        println!("{}", SERVER.get().0);
        Value("client")
    }
    PAGE.get();
}

/// The one that began first ends last.
fn as_it_ended() {
    static BEGUN: Barrier = Barrier::new(2);
    static MADE: Barrier = Barrier::new(2);
    static LONG: DropAtExit<Value> = DropAtExit::new(|| {
        BEGUN.wait();
        MADE.wait();
        Value("long")
    });
    static SHORT: DropAtExit<Value> = DropAtExit::new(|| Value("short"));
    let thread = thread::spawn(|| drop(LONG.get()));
    BEGUN.wait();
    SHORT.get();
    MADE.wait();
    thread.join().expect("no panic");
}

fn made_by_a_handler() {
    static OLD: DropAtExit<Value> = DropAtExit::new(|| Value("old"));
    static NEW: CloseAtExit<Value> = CloseAtExit::new(|| Value("new")).close_with(close);
    Handler::new(|| println!("last")).last().register();
    register(|| println!("handler"));
    register(|| println!("makes {}", NEW.0));
    OLD.get();
}

/// No value has been finished by then.
fn made_by_a_last_handler() {
    static NEW: DropAtExit<Value> = DropAtExit::new(|| Value("new"));
    Handler::new(|| println!("last")).last().register();
    Handler::new(|| println!("makes {}", NEW.get().0)).last().register();
}

/// Asks for values that were not initialized before the first was finished.
fn too_late() {
    static MADE: DropAtExit<Value> = DropAtExit::new(|| Value("made"));
    static DROPPED: DropAtExit<Value> = DropAtExit::new(|| Value("never")).name("dropped");
    static CLOSED: CloseAtExit<Value> = CloseAtExit::new(|| Value("never")).close_with(close).name("closed");
    static EMPTY: DropAtExit<Value> = DropAtExit::empty().name("empty");
    Handler::new(|| {
        ask(&DROPPED);
        ask(&CLOSED);
        ask(&EMPTY);
    })
    .last()
    .register();
    MADE.get();
}

fn first_values() {
    static FIRST: DropAtExit<Value> = DropAtExit::new(|| Value("first value")).first();
    static ANOTHER: CloseAtExit<Value> = CloseAtExit::new(|| Value("another")).close_with(close).first();
    static NEVER: DropAtExit<Value> = DropAtExit::new(|| Value("never")).first();
    static LATER: DropAtExit<Value> = DropAtExit::new(|| Value("made in time"));
    register(|| println!("{:?}, {}", NEVER.try_get().err(), LATER.get().0));
    Handler::new(|| println!("first and older")).first().register();
    FIRST.get();
    Handler::new(|| println!("first and younger: {}", ANOTHER.0)).first().register();
}

fn last_values() {
    static FIRST_USED: DropAtExit<Value> = DropAtExit::new(|| Value("of its own phase"));
    static LAST: DropAtExit<Value> = DropAtExit::new(|| Value("last value")).last();
    static ANOTHER: CloseAtExit<Value> = CloseAtExit::new(|| Value("another")).close_with(close).last();
    static NEVER: DropAtExit<Value> = DropAtExit::new(|| Value("never")).last();
    Handler::new(|| println!("last and older: {:?}", NEVER.try_get().err())).last().register();
    LAST.get();
    FIRST_USED.get();
    Handler::new(|| println!("last and younger: {}", ANOTHER.0)).last().register();
}

/// After the run at exit nothing is initialized any more, whether there was a value or not.
fn nothing_to_finish() {
    static NEVER: DropAtExit<Value> = DropAtExit::new(|| Value("never"));
    configure(Config::new().observer(|event| {
        if let Event::RunFinished { .. } = event {
            println!("{:?}", NEVER.try_get().err());
        }
    }));
    register(|| println!("handler"));
}

static ASKS_AT_END: AtomicBool = AtomicBool::new(false);

/// Nor if no handler was pending when the exit began: functions that C calls afterwards find that out.
fn nothing_pending() {
    ASKS_AT_END.store(true, Ordering::Relaxed);
}

extern "C" fn asks_at_end() {
    static NEVER: DropAtExit<Value> = DropAtExit::new(|| Value("never"));
    if ASKS_AT_END.load(Ordering::Relaxed) {
        println!("{:?}", NEVER.try_get().err());
    }
}

// SAFETY: the section holds pointers to functions of this type.
#[used]
#[unsafe(link_section = ".fini_array")]
static AT_END: extern "C" fn() = asks_at_end;

// What others learn about them.

fn planned() {
    static NAMED: DropAtExit<u8> = DropAtExit::new(|| 1).name("named").time_limit(SHORT);
    static UNNAMED: CloseAtExit<u8> = CloseAtExit::new(|| 2).close_with(|_| ()).name("");
    static FIRST: DropAtExit<u8> = DropAtExit::new(|| 3).first().name("first value");
    static LAST: DropAtExit<u8> = DropAtExit::new(|| 4).last().name("last value");
    LAST.get();
    NAMED.get();
    UNNAMED.get();
    FIRST.get();
    Handler::new(|| ()).name("handler").register();
    let plan = plan();
    print!("{plan}");
    for planned in plan.iter().skip(1) {
        println!("{}: {}, {}", planned.handler(), planned.phase(), planned.why());
    }
    clear();
}

fn observed() {
    static GOOD: DropAtExit<Value> = DropAtExit::new(|| Value("good")).name("good");
    static BAD: CloseAtExit<Value> = CloseAtExit::new(|| Value("bad")).close_with(|_| ExitCode::from(7)).name("bad");
    configure(Config::new().observer(|event| match event {
        Event::RunStarted { pending, .. } => println!("run of {pending}"),
        Event::Started { handler, .. } => println!("started {}", handler.label()),
        Event::Finished { handler, end, .. } => println!("finished {}: {end}", handler.label()),
        Event::RunFinished { report, .. } => {
            report.handlers().iter().for_each(|run| println!("{}: {}", run.handler().label(), run.end()));
        }
        _ => {}
    }));
    GOOD.get();
    BAD.get();
    let report = run();
    println!("{} ran, {} failed: {report}", report.ran(), report.failures().len());
}

fn counted() {
    static DROPPED: DropAtExit<Value> = DropAtExit::new(make);
    static CLOSED: CloseAtExit<Value> = CloseAtExit::new(make).close_with(close);
    static EMPTY: DropAtExit<Value> = DropAtExit::empty();
    fn make() -> Value {
        Value("made")
    }
    println!("{} pending", pending());
    DROPPED.get();
    CLOSED.get();
    println!("{} pending", pending());
    println!("{}, {} pending", EMPTY.set(Value("set")).is_ok(), pending());
    println!("{} unregistered", unregister(make) + unregister(close));
    println!("{}, {} pending", closing(&DROPPED), pending());
    println!("{}, {} pending", closing(&CLOSED), pending());
}

/// The value lives on, and is closed by whoever asks for that.
fn cleared() {
    static DROPPED: DropAtExit<Value> = DropAtExit::new(|| Value("a"));
    static CLOSED: CloseAtExit<Value> = CloseAtExit::new(|| Value("b")).close_with(close);
    static FORGOTTEN: DropAtExit<Value> = DropAtExit::new(|| Value("c"));
    println!("{}{}{}", DROPPED.get().0, CLOSED.0, FORGOTTEN.get().0);
    println!("{} cleared, {} pending", clear(), pending());
    println!("{:?}{:?}", FORGOTTEN.get_if_open().map(|value| value.0), (&CLOSED as &dyn Either).try_get());
    println!("{}, {}", closing(&DROPPED), closing(&CLOSED));
}

/// Values that `run` has finished are closed for good; others can still be initialized.
fn ran() {
    static DROPPED: DropAtExit<Value> = DropAtExit::new(|| Value("a")).name("dropped");
    static CLOSED: CloseAtExit<Value> = CloseAtExit::new(|| Value("b")).close_with(close).name("closed");
    static LATER: DropAtExit<Value> = DropAtExit::new(|| Value("later"));
    DROPPED.get();
    CLOSED.get();
    println!("{} ran", run().ran());
    ask(&DROPPED);
    ask(&CLOSED);
    println!("{}, {} pending", LATER.get().0, pending());
}

/// A run that is not an exit lets other threads make values, and leaves them alone.
fn ran_beside() {
    static VALUE: DropAtExit<Value> = DropAtExit::new(|| Value("made meanwhile"));
    register(|| thread::spawn(|| println!("{}", VALUE.get().0)).join().expect("no panic"));
    println!("{} ran, {} pending", run().ran(), pending());
}

// How they are initialized.

fn initialized_once() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    static STARTED: Barrier = Barrier::new(8);
    static DROPPED: DropAtExit<Value> = DropAtExit::new(|| {
        CALLS.fetch_add(1, Ordering::Relaxed);
        Value("a")
    });
    static CLOSED: CloseAtExit<Value> = CloseAtExit::<Value>::empty().close_with(close);
    let threads: Vec<_> = (0..8)
        .map(|_| {
            thread::spawn(|| {
                STARTED.wait();
                let dropped = DROPPED.get();
                let closed = CLOSED.get_or_init(|| {
                    CALLS.fetch_add(1, Ordering::Relaxed);
                    Value("b")
                });
                (std::ptr::from_ref(&*dropped).addr(), std::ptr::from_ref(closed).addr())
            })
        })
        .collect();
    let mut seen: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("no panic")).collect();
    seen.dedup();
    println!("{} calls, {} seen", CALLS.load(Ordering::Relaxed), seen.len());
}

/// Panics the first time.
fn fragile() -> Value {
    static HAS_PANICKED: AtomicBool = AtomicBool::new(false);
    assert!(HAS_PANICKED.swap(true, Ordering::Relaxed), "no luck");
    Value("made")
}

fn tried_again() {
    static DROPPED: DropAtExit<Value> = DropAtExit::new(fragile);
    static CLOSED: CloseAtExit<Value> = CloseAtExit::<Value>::empty().close_with(close);
    println!("{}", caught(|| DROPPED.get().0));
    println!("{:?}, {} pending", DROPPED.get_if_open().is_some(), pending());
    println!("{}", caught(|| DROPPED.get().0));
    println!("{}", caught(|| CLOSED.get_or_init(|| panic!("no luck either")).0));
    println!("{}", CLOSED.get_or_init(|| Value("made, too")).0);
}

fn tried_again_by_a_waiting_thread() {
    static BEGUN: Moment = Moment::new();
    static ASKS: Moment = Moment::new();
    static VALUE: DropAtExit<Value> = DropAtExit::new(|| {
        let panics = place() != "waits";
        if panics {
            BEGUN.come();
            ASKS.wait();
            panic!("no luck");
        }
        Value("made by the one that has waited")
    });
    let waits = || {
        BEGUN.wait();
        println!("{:?}, {} while another one makes it", VALUE.get_if_open().is_some(), closing(&VALUE));
        ASKS.come();
        println!("{}", VALUE.get().0);
    };
    let thread = thread::Builder::new().name("waits".to_owned()).spawn(waits).expect("started");
    println!("{}", caught(|| VALUE.get().0));
    thread.join().expect("no panic");
}

fn by_a_fallible_function() {
    static DROPPED: DropAtExit<Value> = DropAtExit::empty();
    static CLOSED: CloseAtExit<Value> = CloseAtExit::<Value>::empty().close_with(close);
    println!("{:?}", DROPPED.get_or_try_init(|| Err("no luck")).map(|value| value.0));
    println!("{:?}", CLOSED.get_or_try_init(|| Err("no luck")).map(|value| value.0));
    println!("{:?} {:?}", DROPPED.try_get().err(), CLOSED.try_get().err());
    println!("{:?}", DROPPED.get_or_try_init(|| Ok::<_, ()>(Value("a"))).map(|value| value.0));
    println!("{:?}", CLOSED.get_or_try_init(|| Ok::<_, ()>(Value("b"))).map(|value| value.0));
    println!("{:?}", DROPPED.get_or_try_init(|| Err("not called")).map(|value| value.0));
}

fn set_once() {
    static DROPPED: DropAtExit<Value> = DropAtExit::empty().name("dropped");
    static CLOSED: CloseAtExit<Value> = CloseAtExit::<Value>::empty().close_with(close).name("closed");
    for cell in [&DROPPED as &dyn Either, &CLOSED] {
        println!("{}, {:?}", caught(|| cell.get()), cell.try_get());
        println!("{:?}, {:?}, {:?}", cell.set("set"), cell.set("again"), cell.try_get());
    }
    println!("{}", caught(|| CLOSED.0));
}

fn asks_for_itself() {
    static DROPPED: DropAtExit<Value> = DropAtExit::new(|| dropped("a")).name("dropped");
    static CLOSED: CloseAtExit<Value> = CloseAtExit::new(|| closed("b")).close_with(close).name("closed");
    fn dropped(name: &'static str) -> Value {
        ask(&DROPPED);
        Value(name)
    }
    fn closed(name: &'static str) -> Value {
        ask(&CLOSED);
        println!("deref: {}", caught(|| CLOSED.0));
        Value(name)
    }
    static FAILS: DropAtExit<Value> = DropAtExit::new(|| Value(FAILS.get().0)).name("fails");
    println!("{}{}", DROPPED.get().0, CLOSED.0);
    println!("{}", caught(|| FAILS.get().0));
    println!("{}", FAILS.get_or_init(|| Value("made another way")).0);
}

/// Each makes one, and wants the other: the second to ask panics, and the first then makes both.
fn ask_for_each_other() {
    static LEFT: DropAtExit<Value> = DropAtExit::empty().name("left");
    static RIGHT: CloseAtExit<Value> = CloseAtExit::<Value>::empty().close_with(close).name("right");
    static BEGUN: Barrier = Barrier::new(2);
    let left = thread::spawn(|| {
        caught(|| {
            LEFT.get_or_init(|| {
                BEGUN.wait();
                Value(RIGHT.get_or_init(|| Value("right by left")).0)
            })
            .0
        })
    });
    let right = caught(|| {
        RIGHT
            .get_or_init(|| {
                BEGUN.wait();
                Value(LEFT.get_or_init(|| Value("left by right")).0)
            })
            .0
    });
    let mut said = [left.join().expect("no panic"), right];
    said.sort_by_key(|said| !said.starts_with("panic"));
    println!("{}\n{}", said[0], said[1]);
    println!("{} {}", LEFT.try_get().map_or("none", |value| value.0), RIGHT.try_get().map_or("none", |value| value.0));
    clear();
}

/// Nothing waits for it: its thread does not continue.
fn exits_in_initialization() {
    static OTHER: DropAtExit<Value> = DropAtExit::new(|| Value("other"));
    static DROPPED: DropAtExit<Value> = DropAtExit::new(leaves).name("dropped");
    fn leaves() -> Value {
        leave();
        Value("never")
    }
    configure(Config::new().deadline(Duration::from_millis(1500))); // less than anything would wait
    OTHER.get();
    DROPPED.get();
}

/// That ends the handler, and the next one makes the value.
fn exits_in_initialization_in_a_handler() {
    static DROPPED: DropAtExit<Value> = DropAtExit::empty();
    register(|| println!("{}", DROPPED.get_or_init(|| Value("made by the next one")).0));
    register(|| {
        DROPPED.get_or_init(|| atexit_core::exit(5));
    });
}

fn asked_for_while_main_initializes() {
    static DROPPED: DropAtExit<Value> = DropAtExit::new(leaves).name("dropped");
    static NEXT: DropAtExit<Value> = DropAtExit::new(|| Value(DROPPED.get().0)).name("next");
    fn leaves() -> Value {
        leave();
        Value("never")
    }
    register(|| {
        ask(&DROPPED);
        println!("{}", caught(|| NEXT.get().0));
    });
    configure(Config::new().deadline(Duration::from_millis(1500)));
    DROPPED.get();
}

/// Neither the exit nor a handler waits for a thread that waits for `main`.
fn waits_for_main_that_exits() {
    static BEGUN: Barrier = Barrier::new(2);
    static OTHER: DropAtExit<Value> = DropAtExit::new(|| Value("other"));
    static DROPPED: DropAtExit<Value> = DropAtExit::new(leaves).name("dropped");
    static NEXT: DropAtExit<Value> = DropAtExit::new(next).name("next");
    fn leaves() -> Value {
        thread::spawn(|| caught(|| NEXT.get().0)); // which may learn in time that it is too late
        BEGUN.wait();
        leave();
        Value("never")
    }
    fn next() -> Value {
        BEGUN.wait();
        Value(DROPPED.get().0)
    }
    OTHER.get();
    register(|| println!("{}", caught(|| NEXT.get().0)));
    configure(Config::new().deadline(Duration::from_millis(1500)));
    DROPPED.get();
}

/// `set` waits for an initialization in progress, and stores its value if that fails.
fn set_meanwhile() {
    static BEGUN: Barrier = Barrier::new(2);
    static SETS: Moment = Moment::new();
    static GOOD: DropAtExit<Value> = DropAtExit::new(|| fallible("made"));
    static BAD: CloseAtExit<Value> = CloseAtExit::new(|| fallible("")).close_with(close);
    fn fallible(name: &'static str) -> Value {
        BEGUN.wait();
        SETS.wait();
        assert!(!name.is_empty(), "no luck");
        Value(name)
    }
    for cell in [&GOOD as &'static dyn Either, &BAD] {
        let thread = thread::spawn(|| caught(|| cell.get()));
        BEGUN.wait();
        SETS.come();
        println!("{:?}", cell.set("set"));
        println!("{}", thread.join().expect("no panic"));
    }
}

fn without_close() {
    static CLOSED: CloseAtExit<Value> = CloseAtExit::new(|| Value("never"));
    static EMPTY: CloseAtExit<Value> = CloseAtExit::<Value>::empty().name("empty");
    println!("{}", caught(|| CLOSED.0));
    println!("{}", caught(|| CLOSED.get().0));
    println!("{}", caught(|| format!("{:?}", CLOSED.try_get().is_ok())));
    println!("{}", caught(|| EMPTY.get_or_init(|| Value("never")).0));
    println!("{}", caught(|| format!("{:?}", EMPTY.set(Value("came back")).is_ok())));
    println!("{:?}", EMPTY.get_if_open().is_some());
}

fn shown() {
    static DROPPED: DropAtExit<u8> = DropAtExit::new(|| 1).name("dropped");
    static CLOSED: CloseAtExit<u8> = CloseAtExit::new(|| 2).close_with(|_| ());
    println!("{DROPPED:?}\n{CLOSED:?}");
    let value = DROPPED.get();
    println!("{value} {value:?} {} {}", value.as_ref(), value.clone());
    println!("{DROPPED:?}");
    drop(value);
    CLOSED.get();
    println!("{CLOSED:?}");
    println!("{} {}", closing_of(DROPPED.close()), closing_of(CLOSED.close()));
    println!("{DROPPED:?}\n{CLOSED:?}");
    println!("{:?}\n{:?}", DropAtExit::<u8>::default(), CloseAtExit::<u8>::default());
    unwinds(&DROPPED);
    unwinds(&CLOSED);
    for unavailable in [Unavailable::Closed, Unavailable::Empty, Unavailable::Initializing] {
        println!("{unavailable}");
    }
}

fn unwinds<T: RefUnwindSafe>(_: &T) {}

fn closing_of(closed: Result<bool, Failure>) -> String {
    closed.map_or_else(|failure| failure.to_string(), |closed| closed.to_string())
}

/// The places that the panics report.
fn places() {
    static EMPTY: DropAtExit<Value> = DropAtExit::empty();
    static CLOSED: CloseAtExit<Value> = CloseAtExit::<Value>::empty().close_with(close);
    static WITHOUT: CloseAtExit<Value> = CloseAtExit::<Value>::empty();
    std::panic::set_hook(Box::new(|info| println!("{}", info.location().expect("a place"))));
    let tries: [fn(); 12] = [
        || _ = EMPTY.get(),
        || _ = EMPTY.get_or_init(|| Value(EMPTY.get_or_init(|| Value("")).0)),
        || _ = EMPTY.get_or_try_init(|| EMPTY.get_or_try_init(|| Err(())).map(|value| Value(value.0))),
        || _ = EMPTY.get_or_init(|| Value(EMPTY.try_get().expect("no value").0)),
        || _ = CLOSED.get(),
        || _ = CLOSED.0,
        || _ = CLOSED.get_or_init(|| Value(CLOSED.get_or_init(|| Value("")).0)),
        || _ = CLOSED.get_or_try_init(|| CLOSED.get_or_try_init(|| Err(())).map(|value| Value(value.0))),
        || _ = CLOSED.get_or_init(|| Value(CLOSED.try_get().expect("no value").0)),
        || _ = WITHOUT.get(),
        || _ = WITHOUT.get_or_init(|| Value("")),
        || _ = WITHOUT.set(Value("")),
    ];
    for attempt in tries {
        drop(catch_unwind(attempt));
    }
}

// `close`.

fn closed() {
    static DROPPED: DropAtExit<Value> = DropAtExit::new(|| Value("a")).name("dropped");
    static STOPPED: DropAtExit<Value> = DropAtExit::new(|| Value("b")).close_with(stop);
    static CLOSED: CloseAtExit<Value> = CloseAtExit::new(|| Value("c")).close_with(close).name("closed");
    for cell in [&DROPPED as &dyn Either, &STOPPED, &CLOSED] {
        cell.get();
        println!("{}, then {}", closing(cell), closing(cell));
    }
    ask(&DROPPED);
    ask(&CLOSED);
}

/// That is not for this call to do, and nothing changes.
fn closed_never_made() {
    static DROPPED: DropAtExit<Value> = DropAtExit::new(|| Value("a"));
    static CLOSED: CloseAtExit<Value> = CloseAtExit::new(|| Value("b")).close_with(close);
    static EMPTY: DropAtExit<Value> = DropAtExit::empty();
    println!("{} {} {}", closing(&DROPPED), closing(&CLOSED), closing(&EMPTY));
    println!("{}{}{:?}", DROPPED.get().0, CLOSED.0, EMPTY.set(Value("c")).is_ok());
}

fn closed_while_borrowed() {
    static DROPPED: DropAtExit<Value> = DropAtExit::new(|| Value("a")).name("dropped").time_limit(SHORT);
    let value = DROPPED.get();
    println!("{}", closing(&DROPPED));
    println!("{} is there, {:?}, {}", value.0, DROPPED.try_get().err(), closing(&DROPPED));
}

fn closed_when_given_back() {
    static DROPPED: DropAtExit<Value> = DropAtExit::new(|| Value("a"));
    static BORROWED: Barrier = Barrier::new(2);
    let thread = thread::spawn(|| borrow_until_closed(&DROPPED, || _ = BORROWED.wait()));
    BORROWED.wait();
    println!("{}", closing(&DROPPED));
    thread.join().expect("no panic");
}

/// Drops the reference as soon as its cell is closed.
fn borrow_until_closed(cell: &'static DropAtExit<Value>, borrowed: impl FnOnce()) {
    let value = cell.get();
    borrowed();
    while cell.get_if_open().is_some() {
        thread::yield_now();
    }
    println!("{} given back", value.0);
}

fn closed_with_failure() {
    static FAILS: DropAtExit<()> = DropAtExit::new(|| ()).close_with(|()| Err::<(), _>("no luck")).name("fails");
    static PANICS: CloseAtExit<String> = CloseAtExit::new(String::new).close_with(panics).name("panics");
    fn panics(_: &String) {
        panic!("no luck");
    }
    FAILS.get();
    PANICS.get();
    println!("{}, then {}", closing_of(FAILS.close()), closing_of(FAILS.close()));
    println!("{}, then {}", closing_of(PANICS.close()), closing_of(PANICS.close()));
}

/// One of several, while the process exits, which waits for them.
fn closed_by_one() {
    static STARTED: Barrier = Barrier::new(4);
    static VALUE: DropAtExit<Value> = DropAtExit::new(|| Value("a"));
    VALUE.get();
    let closes = || {
        STARTED.wait();
        usize::from(VALUE.close().expect("it does not fail"))
    };
    let threads: Vec<_> = (0..3).map(|_| thread::spawn(closes)).collect();
    let count =
        || println!("{}", threads.into_iter().map(|thread| thread.join().expect("no panic")).sum::<usize>() < 2);
    Handler::new(count).last().register();
    STARTED.wait();
}

fn closed_too_slowly() {
    static BUSY: Moment = Moment::new();
    static DROPPED: DropAtExit<Value> = DropAtExit::new(|| Value("a")).close_with(slow).name("slow").time_limit(SHORT);
    fn slow(value: Value) {
        BUSY.comes();
        println!("{} stopped", value.0);
        drop(value);
    }
    DROPPED.get();
    println!("{}", closing(&DROPPED));
}

fn closed_in_a_handler() {
    static EXITS: CloseAtExit<Value> = CloseAtExit::new(|| Value("a")).close_with(|_| atexit_core::exit(6));
    static DROPPED: DropAtExit<Value> = DropAtExit::new(|| Value("b"));
    register(|| println!("{}, {}", closing(&DROPPED), closing(&EXITS)));
    register(|| println!("never: {}", closing(&EXITS)));
    register(|| println!("{}, {}", EXITS.0, DROPPED.get().0));
}

/// A thread closes the value while the process exits.
fn closed_elsewhere() {
    static USED: DropAtExit<Value> = DropAtExit::new(|| Value("used"));
    static VALUE: DropAtExit<Value> = DropAtExit::new(|| Value("a")).close_with(stop_when_exiting);
    static STOPS: Barrier = Barrier::new(2);
    static EXITS: Moment = Moment::new();
    fn stop_when_exiting(value: Value) {
        STOPS.wait();
        EXITS.wait();
        println!("{} stopped with {}", value.0, USED.get().0);
        drop(value);
    }
    USED.get();
    VALUE.get();
    thread::spawn(|| VALUE.close());
    STOPS.wait();
    register(|| EXITS.come());
}

fn closed_elsewhere_for_good() {
    static VALUE: CloseAtExit<Value> =
        CloseAtExit::new(|| Value("a")).close_with(|_| hangs()).name("hangs").time_limit(SHORT);
    static STOPS: Barrier = Barrier::new(2);
    fn hangs() {
        STOPS.wait();
        hang();
    }
    VALUE.get();
    thread::spawn(|| VALUE.close());
    STOPS.wait();
}

/// Each attempt uses a part of the time that an exit waits.
fn fails_again_and_again() {
    static VALUE: DropAtExit<Value> = DropAtExit::empty().name("a").time_limit(SHORT);
    static TRIES: Barrier = Barrier::new(2);
    static NEVER: Moment = Moment::new();
    thread::spawn(|| {
        let mut attempts = 0;
        let mut attempt = || {
            attempts += 1;
            if attempts == 1 {
                TRIES.wait();
            }
            NEVER.wait_for(SHORT / 2);
            Err::<Value, _>(())
        };
        while VALUE.get_or_try_init(&mut attempt).is_err() {}
    });
    TRIES.wait();
}

/// A thread asks for a value when the first one is finished.
fn asked_too_late() {
    static VALUE: DropAtExit<Value> = DropAtExit::new(|| Value("a")).close_with(tells);
    static OTHER: DropAtExit<Value> = DropAtExit::new(|| Value("b"));
    static LATE: Moment = Moment::new();
    static BELOW: DropAtExit<Value> = DropAtExit::new(|| Value("below"));
    static ASKS: Moment = Moment::new();
    fn tells(value: Value) {
        LATE.come();
        ASKS.wait();
        println!("{} stopped", value.0);
        drop(value);
    }
    BELOW.get();
    VALUE.get();
    thread::spawn(|| {
        LATE.wait();
        ASKS.come();
        OTHER.get();
        println!("never");
    });
}

fn exits_in_close() {
    static OTHER: DropAtExit<Value> = DropAtExit::new(|| Value("other"));
    static EXITS: DropAtExit<Value> = DropAtExit::new(|| Value("a")).close_with(exits);
    fn exits(value: Value) {
        println!("{} exits", value.0);
        leave();
        drop(value);
    }
    OTHER.get();
    EXITS.get();
    println!("{}", closing(&EXITS));
}

// Borrowers of a value at its turn. It has no limit, because on a busy machine it might be abandoned before it says so.

fn borrowed() {
    static OTHER: DropAtExit<Value> = DropAtExit::new(|| Value("other"));
    static VALUE: DropAtExit<Value> = DropAtExit::new(|| Value("a")).name("a");
    Handler::new(|| println!("last: {}", if VALUE.try_get().is_err() { "closed" } else { "open" })).last().register();
    OTHER.get();
    let value = VALUE.get();
    let another = value.clone();
    if std::env::args().nth(2).is_none() {
        return std::mem::forget([value, another]);
    }
    drop(another);
    leave();
}

/// A value that was left alone stays so when its last reference is dropped.
fn borrowed_for_good() {
    static VALUE: DropAtExit<Value> = DropAtExit::new(|| Value("a")).close_with(stop).name("a");
    static BORROWED: Mutex<Option<ExitRef<Value>>> = Mutex::new(None);
    *BORROWED.lock().expect("no panic") = Some(VALUE.get());
    Handler::new(|| {
        let value = BORROWED.lock().expect("no panic").take().expect("it is borrowed");
        println!("last: {}", value.0);
        drop(value);
        println!("given back, {}", closing(&VALUE));
    })
    .last()
    .register();
}

fn borrowed_by_a_thread() {
    static VALUE: DropAtExit<Value> = DropAtExit::new(|| Value("a")).name("a");
    static BORROWED: Barrier = Barrier::new(2);
    thread::spawn(|| {
        let _value = VALUE.get();
        BORROWED.wait();
        hang();
    });
    BORROWED.wait();
}

/// By a younger value, which goes first; by an older one, which does not.
fn borrowed_by_another() {
    struct Keeps(&'static str, Mutex<Option<ExitRef<Value>>>);
    impl Drop for Keeps {
        fn drop(&mut self) {
            println!("{} dropped", self.0);
        }
    }
    static LENT: DropAtExit<Value> = DropAtExit::new(|| Value("lent"));
    static YOUNGER: DropAtExit<Keeps> = DropAtExit::new(|| Keeps("younger", Mutex::new(Some(LENT.get()))));
    static OLDER: DropAtExit<Keeps> = DropAtExit::new(|| Keeps("older", Mutex::new(None)));
    static HELD: DropAtExit<Value> = DropAtExit::new(|| Value("held")).name("held");
    OLDER.get();
    *OLDER.get().1.lock().expect("no panic") = Some(HELD.get());
    YOUNGER.get();
}

/// The wait leaves time to say what is wrong, and for the rest.
fn borrowed_at_deadline() {
    static OTHER: DropAtExit<Value> = DropAtExit::new(|| Value("other"));
    static VALUE: DropAtExit<Value> = DropAtExit::new(|| Value("a")).name("a");
    configure(Config::new().deadline(Duration::from_millis(1600)));
    OTHER.get();
    std::mem::forget(VALUE.get());
}

fn given_back() {
    static VALUE: DropAtExit<Value> = DropAtExit::new(|| Value("a")).close_with(stop);
    static BORROWED: Barrier = Barrier::new(2);
    thread::spawn(|| borrow_until_closed(&VALUE, || _ = BORROWED.wait()));
    BORROWED.wait();
}

/// Nothing waits for references to a value that is never dropped.
fn kept() {
    static CLOSED: CloseAtExit<Value> = CloseAtExit::new(|| Value("a")).close_with(close);
    let value: &'static Value = CLOSED.get();
    configure(Config::new().deadline(Duration::from_millis(1500)));
    Handler::new(move || println!("last: {}, {}", value.0, CLOSED.0)).last().register();
}

// While a value is finished, and what may go wrong then.

fn asked_while_closing() {
    static DROPPED: DropAtExit<Value> = DropAtExit::new(|| Value("a")).close_with(asks_dropped).name("dropped");
    static CLOSED: CloseAtExit<Value> = CloseAtExit::new(|| Value("b")).close_with(asks_closed).name("closed");
    fn asks_dropped(_: Value) {
        ask(&DROPPED);
    }
    fn asks_closed(_: &Value) {
        ask(&CLOSED);
        println!("deref: {}", CLOSED.0);
    }
    DROPPED.get();
    CLOSED.get();
}

fn asked_while_closing_elsewhere() {
    static DROPPED: DropAtExit<Value> = DropAtExit::new(|| Value("a")).close_with(asks_dropped).name("dropped");
    static CLOSED: CloseAtExit<Value> = CloseAtExit::new(|| Value("b")).close_with(asks_closed).name("closed");
    fn asks_dropped(_: Value) {
        thread::spawn(|| ask(&DROPPED)).join().expect("no panic");
    }
    fn asks_closed(_: &Value) {
        thread::spawn(|| ask(&CLOSED)).join().expect("no panic");
    }
    DROPPED.get();
    CLOSED.get();
}

fn fails() {
    static DROPPED: DropAtExit<Value> = DropAtExit::new(|| Value("a"));
    static FAILS: DropAtExit<Value> = DropAtExit::new(|| Value("b")).close_with(|_| Err::<(), _>("no luck")).name("b");
    static PANICS: CloseAtExit<Value> = CloseAtExit::new(|| Value("c")).close_with(panics).name("c");
    fn panics(_: &Value) {
        panic!("none either");
    }
    DROPPED.get();
    FAILS.get();
    PANICS.get();
}

fn panics_in_drop() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in Drop");
        }
    }
    static OTHER: DropAtExit<Value> = DropAtExit::new(|| Value("other"));
    static PANICS: DropAtExit<Panics> = DropAtExit::new(|| Panics);
    OTHER.get();
    PANICS.get();
}

fn returns_status() {
    static CLOSED: CloseAtExit<Value> = CloseAtExit::new(|| Value("a")).close_with(|_| ExitCode::from(7)).name("a");
    CLOSED.get();
}

fn hangs() {
    static OTHER: DropAtExit<Value> = DropAtExit::new(|| Value("other"));
    static DROPPED: DropAtExit<Value> =
        DropAtExit::new(|| Value("a")).close_with(|_| hang()).name("a").time_limit(SHORT);
    static CLOSED: CloseAtExit<Value> = CloseAtExit::new(|| Value("b")).close_with(hangs).name("b").time_limit(SHORT);
    fn hangs(_: &Value) {
        println!("{:?}", remaining().is_some_and(|left| left <= SHORT));
        hang();
    }
    OTHER.get();
    DROPPED.get();
    CLOSED.get();
}

fn hangs_at_deadline() {
    static OTHER: DropAtExit<Value> = DropAtExit::new(|| Value("other")).name("other");
    static HANGS: CloseAtExit<Value> = CloseAtExit::new(|| Value("a")).close_with(|_| hang()).name("a");
    configure(Config::new().deadline(LONG));
    OTHER.get();
    HANGS.get();
}

fn exits() {
    static DROPPED: DropAtExit<Value> = DropAtExit::new(|| Value("a"));
    static EXITS: DropAtExit<Value> = DropAtExit::new(|| Value("b")).close_with(|_| atexit_core::exit(5));
    static EXITS_BY_C: CloseAtExit<Value> = CloseAtExit::new(|| Value("c")).close_with(|_| c_exit(6));
    DROPPED.get();
    EXITS.get();
    if std::env::args().nth(2).is_some() {
        EXITS_BY_C.get();
    }
}

/// A closed one, one that was never initialized, and an older one, which is open.
fn uses_others() {
    static OLDER: DropAtExit<Value> = DropAtExit::new(|| Value("older"));
    static USER: CloseAtExit<Value> = CloseAtExit::new(|| Value("user")).close_with(uses).name("user");
    static YOUNGER: DropAtExit<Value> = DropAtExit::new(|| Value("younger")).name("younger");
    static NEVER: DropAtExit<Value> = DropAtExit::new(|| Value("never"));
    fn uses(_: &Value) {
        println!("{}", OLDER.get().0);
        println!("{}", caught(|| YOUNGER.get().0));
        NEVER.get();
    }
    OLDER.get();
    USER.get();
    YOUNGER.get();
}

/// The limit of all handlers applies to values, too.
fn limited_by_all() {
    static BORROWED: DropAtExit<Value> = DropAtExit::new(|| Value("a")).name("a");
    static HANGS: CloseAtExit<Value> = CloseAtExit::new(|| Value("b")).close_with(|_| hang()).name("b");
    static OTHER: DropAtExit<Value> = DropAtExit::new(|| Value("other"));
    configure(Config::new().time_limit(Duration::from_millis(1600)));
    OTHER.get();
    HANGS.get();
    std::mem::forget(BORROWED.get());
}

// Initializations in progress at an exit.

/// The exit waits for it, and finishes the value.
fn initialized_meanwhile() {
    static IS_FINISHED: Moment = Moment::new();
    static EXITS: Moment = Moment::new();
    static BEGUN: Barrier = Barrier::new(2);
    static OTHER: CloseAtExit<Value> = CloseAtExit::new(|| Value("other")).close_with(|_| IS_FINISHED.come());
    static VALUE: DropAtExit<Value> = DropAtExit::new(|| {
        BEGUN.wait();
        EXITS.wait();
        println!("another one is finished meanwhile: {}", IS_FINISHED.comes());
        Value("made")
    });
    static CLOSED: CloseAtExit<Value> = CloseAtExit::new(|| Value(VALUE.get().0)).close_with(close);
    OTHER.get();
    register(|| EXITS.come());
    Handler::new(|| println!("last")).last().register();
    thread::spawn(|| CLOSED.get());
    BEGUN.wait();
}

fn never_initialized() {
    static BEGUN: Barrier = Barrier::new(2);
    static OTHER: DropAtExit<Value> = DropAtExit::new(|| Value("other")).name("other");
    static HANGS: DropAtExit<Value> = DropAtExit::new(hangs).name("hangs").time_limit(SHORT);
    static HANGS_TOO: CloseAtExit<Value> = CloseAtExit::new(hangs).close_with(close).name("too").time_limit(DOUBLE);
    fn hangs() -> Value {
        BEGUN.wait();
        hang();
    }
    configure(Config::new().observer(|event| {
        if let Event::RunFinished { report, .. } = event {
            report.handlers().iter().for_each(|run| println!("{}: {}", run.handler().label(), run.end()));
        }
    }));
    OTHER.get();
    thread::spawn(|| HANGS.get());
    BEGUN.wait();
    thread::spawn(|| HANGS_TOO.get());
    BEGUN.wait();
    Handler::new(|| println!("last: {:?}", HANGS.try_get().err())).last().name("last").register();
}

/// For the time that applies if no limit is set.
fn never_initialized_for_long() {
    static BEGUN: Barrier = Barrier::new(2);
    static HANGS: DropAtExit<Value> = DropAtExit::new(|| {
        BEGUN.wait();
        hang();
    })
    .name("hangs");
    thread::spawn(|| HANGS.get());
    BEGUN.wait();
}

fn never_initialized_at_deadline() {
    static BEGUN: Barrier = Barrier::new(2);
    static HANGS: DropAtExit<Value> = DropAtExit::new(|| {
        BEGUN.wait();
        hang();
    })
    .name("hangs");
    configure(Config::new().deadline(LONG).observer(|event| {
        if let Event::RunStarted { .. } = event {
            println!("a run starts");
        }
    }));
    thread::spawn(|| HANGS.get());
    BEGUN.wait();
}

/// They end while another one is being finished: each is finished at once, on the thread that made it.
fn too_late_initialization() {
    static BEGUN: Barrier = Barrier::new(2);
    static SAID: Barrier = Barrier::new(2);
    static TURNS: [Moment; 3] = [const { Moment::new() }; 3];
    static DROPPED: DropAtExit<Value> = DropAtExit::new(|| late(0)).close_with(stops).name("dropped").time_limit(LONG);
    static CLOSED: CloseAtExit<Value> = CloseAtExit::new(|| late(1)).close_with(closes).time_limit(LONG);
    static FAILS: DropAtExit<Value> = DropAtExit::new(|| late(2)).close_with(fails).name("fails").time_limit(LONG);
    static OTHER: CloseAtExit<Value> = CloseAtExit::new(|| Value("other")).close_with(others);
    fn late(turn: usize) -> Value {
        BEGUN.wait();
        TURNS[turn].wait();
        Value(["a", "b", "c"][turn])
    }
    fn stops(value: Value) {
        println!("{} stopped on {}", value.0, place());
        drop(value);
    }
    fn closes(value: &Value) {
        println!("{} closed on {}", value.0, place());
    }
    fn fails(_: Value) -> Result<(), &'static str> {
        Err("no luck")
    }
    fn others(_: &Value) {
        for turn in &TURNS {
            turn.come();
            SAID.wait();
        }
    }
    let begin = |name: &str, asks: fn() -> String| {
        let asks = move || {
            println!("{}", caught(asks));
            SAID.wait();
        };
        thread::Builder::new().name(name.to_owned()).spawn(asks).expect("started");
        BEGUN.wait();
    };
    configure(Config::new().deadline(LONG * 5 / 2)); // the exit waits for both together
    OTHER.get();
    begin("one", || DROPPED.get().0.to_owned());
    begin("two", || format!("{:?}", (&CLOSED as &dyn Either).try_get()));
    begin("three", || format!("{:?}", FAILS.try_get().err()));
}

/// For one on another thread, which ends.
fn handler_waits() {
    static BEGUN: Barrier = Barrier::new(2);
    static ASKS: Moment = Moment::new();
    static VALUE: DropAtExit<Value> = DropAtExit::new(|| {
        BEGUN.wait();
        ASKS.wait();
        Value("made")
    });
    thread::spawn(|| caught(|| VALUE.get().0)); // which may be closed again before this sees it
    BEGUN.wait();
    register(|| {
        ASKS.come();
        println!("{}", VALUE.get().0);
    });
}

/// For one that does not end.
fn handler_waits_in_vain() {
    static BEGUN: Barrier = Barrier::new(2);
    static HANGS: CloseAtExit<Value> = CloseAtExit::new(hangs).close_with(close).name("hangs").time_limit(SHORT);
    fn hangs() -> Value {
        BEGUN.wait();
        hang();
    }
    thread::spawn(|| HANGS.get());
    BEGUN.wait();
    register(|| ask(&HANGS));
    println!("{} ran", run().ran());
}

/// By a function that C calls after the handlers: nothing waits there for a value that will never open.
fn asked_after_the_hook() {
    begin_what_hangs();
    register(ask_in_exit);
}

/// By a function that C calls before the handlers: it does not wait forever.
fn asked_before_the_hook() {
    begin_what_hangs();
    ask_in_exit();
}

static HANGS: DropAtExit<Value> = DropAtExit::new(|| {
    BEGUN.wait();
    hang();
})
.name("hangs")
.time_limit(SHORT);
static BEGUN: Barrier = Barrier::new(2);

fn begin_what_hangs() {
    thread::spawn(|| HANGS.get());
    BEGUN.wait();
}

/// Makes C's `exit` ask for it.
fn ask_in_exit() {
    extern "C" fn asks() {
        println!("{:?}", HANGS.try_get().err());
    }
    // SAFETY: ISO C allows it, even in an exit function.
    assert_eq!(unsafe { libc::atexit(asks) }, 0);
}

/// Threads make values for as long as they can. Each one is finished.
fn nothing_begins() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    static FINISHED: AtomicUsize = AtomicUsize::new(0);
    static STARTED: Barrier = Barrier::new(3);
    static THREADS: Mutex<Vec<thread::JoinHandle<()>>> = Mutex::new(Vec::new());
    struct Counted;
    impl Counted {
        fn make() -> Self {
            MADE.fetch_add(1, Ordering::SeqCst);
            Self
        }
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            FINISHED.fetch_add(1, Ordering::SeqCst);
        }
    }
    fn count(_: &Counted) {
        FINISHED.fetch_add(1, Ordering::SeqCst);
    }
    static FIRST: DropAtExit<Counted> = DropAtExit::new(Counted::make);
    FIRST.get();
    let mut threads = THREADS.lock().expect("no panic");
    for _ in 0..2 {
        threads.push(thread::spawn(|| {
            STARTED.wait();
            loop {
                let dropped: &DropAtExit<Counted> = Box::leak(Box::new(DropAtExit::new(Counted::make)));
                let closed: &CloseAtExit<Counted> =
                    Box::leak(Box::new(CloseAtExit::new(Counted::make).close_with(count)));
                if dropped.try_get().is_err() || closed.try_get().is_err() {
                    return;
                }
            }
        }));
    }
    drop(threads);
    Handler::new(|| {
        THREADS.lock().expect("no panic").drain(..).for_each(|thread| thread.join().expect("no panic"));
        let (made, finished) = (MADE.load(Ordering::SeqCst), FINISHED.load(Ordering::SeqCst));
        println!("{} left behind", made - finished);
    })
    .last()
    .register();
    STARTED.wait();
}

/// The same, but nothing is pending when the exit begins. All of it is checked from outside: a thread may outlive the exit.
fn nothing_begins_without_handlers() {
    static STARTED: Barrier = Barrier::new(2);
    struct Seen;
    impl Seen {
        fn make() -> Self {
            write("+");
            Self
        }
    }
    impl Drop for Seen {
        fn drop(&mut self) {
            write("-");
        }
    }
    fn write(text: &str) {
        // SAFETY: POSIX; these are the bytes of the text.
        assert_eq!(unsafe { libc::write(1, text.as_ptr().cast(), text.len()) }, 1);
    }
    thread::spawn(|| {
        STARTED.wait();
        loop {
            let cell: &DropAtExit<Seen> = Box::leak(Box::new(DropAtExit::new(Seen::make)));
            if cell.try_get().is_err() {
                return;
            }
        }
    });
    STARTED.wait();
}

// In a forked child.

/// Both may have the same number.
static IS_CHILD: AtomicBool = AtomicBool::new(false);

/// `parent` or `child`.
fn who() -> &'static str {
    if IS_CHILD.load(Ordering::Relaxed) { "child" } else { "parent" }
}

/// Forks; the parent waits for the child to end, and says how it did. `true` in the child. If the second argument says so, the child is process 1
/// of a namespace.
fn fork() -> bool {
    io::Write::flush(&mut io::stdout()).expect("stdout");
    if std::env::args().nth(2).as_deref() == Some("to_process_1") {
        // SAFETY: Linux; it concerns the children of this thread, which can start no threads from now on.
        assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWPID) }, 0);
    }
    // SAFETY: these tests are about just what the child does.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        IS_CHILD.store(true, Ordering::Relaxed);
    } else {
        let mut status = 0;
        // SAFETY: POSIX; the child is ours.
        unsafe { libc::waitpid(pid, &raw mut status, 0) };
        assert!(libc::WIFEXITED(status), "the child exits");
        println!("parent: the child exited with {}", libc::WEXITSTATUS(status));
    }
    pid == 0
}

struct Forked(&'static str);

impl Drop for Forked {
    fn drop(&mut self) {
        println!("{}: {} dropped", who(), self.0);
    }
}

fn close_forked(value: &Forked) {
    println!("{}: {} closed", who(), value.0);
}

fn inherited() {
    static DROPPED: DropAtExit<Forked> = DropAtExit::new(|| Forked("a"));
    static CLOSED: CloseAtExit<Forked> = CloseAtExit::new(|| Forked("b")).close_with(close_forked);
    static LATER: DropAtExit<Forked> = DropAtExit::new(|| Forked("c"));
    println!("{}{}", DROPPED.get().0, CLOSED.0);
    if fork() {
        println!("child: {}{}, {} pending", DROPPED.get().0, CLOSED.0, pending());
        println!("child: {}, {}", closing_of(DROPPED.close()), closing_of(CLOSED.close()));
        println!("child: {:?}{:?}", DROPPED.get_if_open().is_some(), CLOSED.get_if_open().is_some());
        println!("child: {}, {} pending", LATER.get().0, pending());
    }
}

/// The thread that was about to make the value belongs to the parent: the child makes its own.
fn inherits_initialization() {
    static BEGUN: Barrier = Barrier::new(2);
    static GO_ON: Moment = Moment::new();
    static VALUE: DropAtExit<Forked> = DropAtExit::new(|| {
        BEGUN.wait();
        GO_ON.wait();
        Forked("a")
    });
    let thread = thread::spawn(|| drop(VALUE.get()));
    BEGUN.wait();
    if fork() {
        println!("child: {}", VALUE.get_or_init(|| Forked("of its own")).0);
        return;
    }
    GO_ON.come();
    thread.join().expect("no panic");
}

/// Both continue, and each has a value of its own.
fn forked_in_initialization() {
    static VALUE: DropAtExit<Forked> =
        DropAtExit::new(|| Forked(if fork() { "of the child" } else { "of the parent" }));
    let value = VALUE.get();
    println!("{}: {}, {}", who(), value.0, VALUE.get_if_open().is_some());
}

/// The child continues where the parent was, and has none of its values to finish.
fn forked_by_a_handler() {
    static VALUE: DropAtExit<Forked> = DropAtExit::new(|| Forked("a"));
    static LATER: CloseAtExit<Forked> = CloseAtExit::new(|| Forked("b")).close_with(close_forked);
    VALUE.get();
    Handler::new(|| println!("{}: last, {:?}", who(), VALUE.try_get().map(|value| value.0).ok())).last().register();
    register(|| {
        if fork() {
            println!("child: {}{}", VALUE.get().0, LATER.0);
        }
    });
}

/// By another thread, while the process exits and initializes none any more: the child does.
fn forked_while_finishing() {
    static FINISHING: Barrier = Barrier::new(2);
    static FORKED: Barrier = Barrier::new(2);
    static VALUE: CloseAtExit<Forked> = CloseAtExit::new(|| Forked("a")).close_with(finish);
    static LATER: DropAtExit<Forked> = DropAtExit::new(|| Forked("b"));
    fn finish(value: &Forked) {
        FINISHING.wait();
        FORKED.wait();
        close_forked(value);
    }
    VALUE.get();
    thread::spawn(|| {
        FINISHING.wait();
        println!("{}: {:?}", who(), LATER.try_get().err());
        if fork() {
            println!("child: {}", LATER.get().0);
            atexit_core::exit(3); // neither std's nor C's, which the parent was inside
        }
        FORKED.wait();
    });
}
