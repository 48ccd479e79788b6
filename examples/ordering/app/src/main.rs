//! Shows in which order the exit handlers of five crates run: each prints who it is, and why it runs where it does.
//!
//! ```text
//! ordering         lets the handlers run
//! ordering plan    prints their order as a table instead
//! ordering dot     prints it for Graphviz instead
//! ```
//!
//! It all follows from one sentence: handlers run in the reverse order of their registration. What that means is said
//! in comments that begin with `RULE`, here and in the other crates, where it applies.

use std::env;

use atexit_core::{Handler, at_exit, clear, link, plan, register};

// RULE: the crates that `link!` lists register in this order, and the one that says it after them. So `web` runs before
// `cache`, although `cache` depends on `web`, and the linker has it the other way round. What is stated holds in every
// build, also with link-time optimization; and a crate that nothing else names is linked.
//
// RULE: a renamed dependency is listed by its own name and by the one that it has here.
link!(acme_db as db, cache, web);

// RULE: `after = path` delays a handler until just after another, or after all, if that has several registrations.
#[at_exit(after = cache::write_back)]
fn count_hits() {
    println!("ordering::count_hits: delayed by `after = cache::write_back`");
}

// RULE: where a handler must follow one thing and precede an earlier one, the earlier one waits. Only a closed database
// can be copied, and the operator is told of the copy.
#[at_exit(after = db::close, before = tell_operator)]
fn back_up() {
    println!("ordering::back_up: delayed by `after = db::close`");
}

#[at_exit]
fn tell_operator() {
    println!("ordering::tell_operator: waits for `back_up`, which says `before = tell_operator`");
}

// RULE: among `last` handlers, as among `first` ones, the other rules hold.
#[at_exit(last)]
fn say_goodbye() {
    println!("ordering::say_goodbye: marked `last`, but ahead of `telemetry`");
}

#[at_exit]
fn stop_clock() {
    println!("ordering::stop_clock: ahead of the crates that `link!` lists");
}

const USAGE: &str = "usage: ordering [plan | dot]\n";

fn main() {
    // RULE: declared handlers count as registered before `main`, so those registered by a call run before them, the
    // latest first.
    register(|| println!("ordering, registered: ahead of all that is declared"));
    let later = Handler::new(|| {
        println!("ordering, registered later: so it runs earlier");
        // RULE: what a handler registers runs next.
        register(|| println!("ordering, registered by a handler: so it runs next"));
    });
    later.name("registered later").register();

    let shown = match env::args().nth(1).as_deref() {
        None => return,
        Some("plan") => plan().to_string(),
        Some("dot") => plan().dot(),
        Some(_) => USAGE.to_owned(),
    };
    clear();
    print!("{shown}");
}

#[cfg(test)]
mod tests {
    /// A program in which the order matters has this test, in the crate that links everything.
    #[test]
    fn the_order_can_be_had() -> Result<(), atexit_core::PlanError> {
        atexit_core::check()
    }
}
