//! Registers and runs handlers of every kind that the library keeps in another way, for `.ci/miri`; prints what ran, and ends with 3.
//!
//! It does the same when it is compiled, for it leaves nothing to the end of the process.

use std::thread;
use std::time::Duration;

use atexit_core::{Config, Handler, at_exit, configure, guard, register};

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

/// Says so when it runs, and keeps as much as it is given.
fn says<T: Send + 'static>(text: &'static str, kept: T) -> impl FnOnce() + Send {
    move || {
        let _kept = kept;
        println!("{text}");
    }
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
    register(|| atexit_core::exit(3));
    register(|| println!("at the end"));
    atexit_core::exit(0);
}
