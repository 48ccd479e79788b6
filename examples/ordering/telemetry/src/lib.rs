//! What the other crates report to: it depends on none of them and outlives them.

use atexit_core::at_exit;

macro_rules! send {
    ($($what:ident)*) => { $(
        #[at_exit]
        fn $what() {
            println!(concat!("telemetry::", stringify!($what), ": from one macro, by where the name stands"));
        }
    )* };
}

// RULE: handlers from one macro invocation are told apart by where their names stand.
send! {
    metrics
    traces
}

// RULE: `last` handlers run after all others, from whichever crate. Loggers want it.
#[at_exit(last)]
fn flush() {
    println!("telemetry::flush: marked `last`");
}
