//! States the order of crates that it does not name otherwise, one of them renamed and not alphabetical, and the order of its own handlers.

use atexit_core::{Handler, at_exit, check, link, register};

link!(linked_gamma, linked_alpha as first_letter, linked_beta);

/// Under another path.
mod renamed {
    pub(crate) use linked_gamma::close as close_gamma;
}

#[at_exit]
fn first_here() {
    println!("first_here");
}

/// Delayed until just after both registrations of another crate's function.
#[at_exit(after = linked_beta::close)]
fn after_beta() {
    println!("after_beta");
}

/// Delayed by a path through a re-export.
#[at_exit(after = [renamed::close_gamma])]
fn after_gamma() {
    println!("after_gamma");
}

/// Is above the handler that it must precede, so it has to be pulled up.
#[at_exit(before = second_here)]
fn pulled() {
    println!("pulled");
}

#[at_exit]
fn second_here() {
    println!("second_here");
}

#[at_exit(last, before = logger)]
fn ahead_of_the_logger() {
    println!("ahead_of_the_logger");
}

#[at_exit(last)]
fn logger() {
    println!("logger");
}

#[at_exit(first)]
fn in_a_hurry() {
    println!("in_a_hurry");
}

/// Is below the handler that it must follow, so it has to be delayed.
#[at_exit(after = pulled, name = "late")]
fn waits_for_pulled() {
    println!("waits_for_pulled");
}

/// Follows a handler that runs later, and precedes one that runs earlier: that one has to wait.
#[at_exit(after = first_here, before = has_to_wait)]
fn squeezed() {
    println!("squeezed");
}

#[at_exit]
fn has_to_wait() {
    println!("has_to_wait");
}

fn main() {
    register(|| println!("registered"));
    Handler::new(|| println!("registered last of all")).last().register();
    Handler::new(|| println!("registered first")).first().register();
    Handler::new(|| println!("registered after beta")).name("after another").after(linked_beta::close).register();
    if std::env::args().nth(1).as_deref() == Some("dot") {
        print!("{}", atexit_core::plan().dot());
        atexit_core::clear();
    }
    if let Err(error) = check() {
        println!("{error}");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_crate_with_handlers_is_linked() -> Result<(), atexit_core::LinkError> {
        atexit_core::check_links()
    }
}
