//! The crate that the others report to: it depends on none of them and outlives them.

use atexit_core::at_exit;

macro_rules! send {
    ($($what:ident)*) => { $(
        #[at_exit]
        fn $what() {
            println!(concat!("telemetry::", stringify!($what), ": from one macro, by the position of the name"));
        }
    )* };
}

// RULE: handlers from one macro call register by the position of their names in it.
send! {
    metrics
    traces
}

// RULE: `last` handlers run after all others, whichever crate they are in. Use it for a logger.
#[at_exit(last)]
fn flush() {
    println!("telemetry::flush: marked `last`");
}
