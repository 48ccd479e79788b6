//! Registers and runs handlers of every kind that the library stores differently, for `.ci/miri`; prints which ran, and ends with 3.
//!
//! It does the same when compiled, because it leaves nothing to the end of the process.

use std::thread;
use std::time::Duration;

use atexit_core::{CloseAtExit, Config, DropAtExit, Handler, at_exit, configure, guard, register, register_async};

#[at_exit]
fn declared() {
    println!("declared");
}

#[at_exit(args = &String::from("argument"), first)]
fn with_argument(argument: &str) {
    println!("{argument}");
}

#[at_exit]
async fn asynchronous() {
    thread::spawn(|| println!("a thread of a handler")).join().expect("no panic");
}

struct Dropped(&'static str);

impl Drop for Dropped {
    fn drop(&mut self) {
        println!("dropped {}", self.0);
    }
}

/// Says that it runs, and keeps as much data as it is given.
fn says<T: Send + 'static>(text: &'static str, kept: T) -> impl FnOnce() + Send {
    move || {
        let _kept = kept;
        println!("{text}");
    }
}

/// Values of every kind: some are closed here, some by a run, the rest at the end.
fn values() {
    static DROPPED: DropAtExit<Dropped> = DropAtExit::new(|| Dropped("a value"));
    static HANDED: DropAtExit<Dropped> = DropAtExit::empty().close_with(|value| {
        println!("handed {}", value.0);
        Err::<(), _>("no space")
    });
    static DRIVEN: DropAtExit<Dropped> = DropAtExit::empty().close_with_async(|value: Dropped| async move {
        thread::spawn(move || drop(value)).join().expect("no panic");
    });
    static KEPT: CloseAtExit<String> =
        CloseAtExit::new(|| "kept".to_owned()).close_with(|kept: &String| println!("closed {kept}"));
    static KEPT_TOO: CloseAtExit<String> = CloseAtExit::<String>::empty()
        .close_with_async(|kept: &'static String| async move { println!("closed {kept}") });
    static BORROWED: DropAtExit<Dropped> = DropAtExit::new(|| Dropped("borrowed by a thread")).last();

    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (DROPPED.get().0, KEPT.len()));
        }
    });
    let handed = HANDED.get_or_init(|| Dropped("another value"));
    println!("{} {} {}", handed.clone().0, DROPPED.get().0, *KEPT);
    drop(handed);
    assert!(HANDED.set(Dropped("too much")).is_err());
    println!("closed by itself: {:?}", HANDED.close().map_err(|failure| failure.message().to_owned()));
    register_async(|| async {
        let driven = DRIVEN.get_or_init_async(async || Dropped("made by a future")).await;
        println!("{} {}", driven.0, KEPT_TOO.get_or_init_async(async || "kept, too".to_owned()).await);
    });
    println!("{} ran", atexit_core::run().ran());
    println!("{:?} {:?} {:?} {}", DROPPED.try_get().err(), KEPT.try_get().err(), DRIVEN.close().ok(), KEPT_TOO.get());

    let value = BORROWED.get();
    register(move || drop(thread::spawn(move || drop(value))));
}

fn main() {
    configure(Config::new().time_limit(Duration::from_secs(3600)).observer(|_| {}));
    register(|| println!("without captures"));
    register(says("small", Dropped("small")));
    register(says("large", [Dropped("large"), Dropped("large")]));
    Handler::new(says("with options", Dropped("with options"))).name("label").last().register();
    Handler::new(says("on the exiting thread", ())).caller_thread().register();
    for taken_back in [register(says("never", Dropped("never"))), register(says("never", [(); 0]))] {
        assert!(taken_back.is_pending() && taken_back.unregister() && !taken_back.unregister());
    }
    register(|| {
        let _dropped = Dropped("by a panic");
        std::panic::resume_unwind(Box::new("a panic without a word"));
    });
    register(|| println!("nested: {} ran", atexit_core::run().ran()));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| register(|| println!("of a thread")));
        }
    });
    println!("{} planned", atexit_core::plan().iter().count());
    let report = atexit_core::run();
    println!("{} ran, {} failed", report.ran(), report.failures().len());

    for _ in 0..100 {
        register(says("never", vec![0])).unregister();
        register(says("never", [vec![0], vec![0]]));
    }
    println!("{} forgotten", atexit_core::clear());
    drop(guard(says("guarded", Dropped("guarded"))));
    values();
    register(|| atexit_core::exit(3));
    register(|| println!("at the end"));
    atexit_core::exit(0);
}
