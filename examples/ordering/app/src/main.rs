//! Shows the order in which the exit handlers of five crates run: each prints its name and why it runs where it does.
//!
//! ```text
//! ordering         runs the handlers
//! ordering plan    prints their order as a table instead
//! ordering dot     prints it for Graphviz instead
//! ```
//!
//! Everything follows from one rule: handlers run in the reverse order of their registration. Comments that begin with
//! `RULE`, here and in the other crates, say what that means in each place.

use std::env;

use atexit_core::{Handler, at_exit, clear, link, plan, register};

// RULE: the crates in `link!` register in this order, and the crate that contains it registers after them. So `web` runs
// before `cache`, although `cache` depends on `web` and the linker's order is the reverse. This order holds in every
// build, also with link-time optimization; and `link!` links a crate that nothing else names.
//
// RULE: list a renamed dependency as `its_own_name as its_name_here`.
link!(acme_db as db, cache, web);

// RULE: `after = path` moves a handler to just after another one, after the last of its registrations if it has several.
#[at_exit(after = cache::write_back)]
fn count_hits() {
    println!("ordering::count_hits: moved down by `after = cache::write_back`");
}

// RULE: if a handler must run after one and before another that would run earlier, the other one waits. Here the backup
// needs a closed database, and the operator hears about the backup.
#[at_exit(after = db::close, before = tell_operator)]
fn back_up() {
    println!("ordering::back_up: moved down by `after = db::close`");
}

#[at_exit]
fn tell_operator() {
    println!("ordering::tell_operator: waits for `back_up`, which says `before = tell_operator`");
}

// RULE: the other rules order the `last` handlers among themselves, and the `first` ones.
#[at_exit(last)]
fn say_goodbye() {
    println!("ordering::say_goodbye: marked `last`, but before `telemetry`");
}

#[at_exit]
fn stop_clock() {
    println!("ordering::stop_clock: before the crates in `link!`");
}

const USAGE: &str = "usage: ordering [plan | dot]\n";

fn main() {
    // RULE: declared handlers count as registered before `main`, so handlers registered by a call run before them, the
    // latest first.
    register(|| println!("ordering, registered: before all declared handlers"));
    let later = Handler::new(|| {
        println!("ordering, registered later: so it runs earlier");
        // RULE: a handler that a handler registers runs next.
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
    /// If the order matters to your program, put this test into the crate that links everything.
    #[test]
    fn the_order_has_no_contradictions() -> Result<(), atexit_core::PlanError> {
        atexit_core::check()
    }
}
