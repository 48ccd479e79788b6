//! Forgets most of its dependencies with handlers, and says what the check finds. Its arguments are exceptions, and after `--` options for cargo.

use atexit_core::{LinkCheck, LinkError, check_links, link};

link!(linked_alpha, unlinked_excluded);

#[cfg(feature = "fixed")]
mod fixed {
    atexit_core::link!(linked_beta);
    atexit_core::link!(linked_gamma as gamma);
    atexit_core::link!(unlinked);
}

fn main() {
    unlinked_glue::name();
    unlinked_calls::name();
    unlinked_macro::nothing!();
    atexit_core::clear();
    let mut arguments = std::env::args().skip(1);
    let exceptions: Vec<String> = arguments.by_ref().take_while(|argument| argument != "--").collect();
    let options: Vec<String> = arguments.collect();
    let found = if exceptions.is_empty() && options.is_empty() {
        check_links()
    } else {
        let check = exceptions.into_iter().fold(LinkCheck::new(), LinkCheck::except);
        check.cargo_options(options).run()
    };
    match found {
        Ok(()) => println!("all is linked"),
        Err(error) => say(&error),
    }
}

fn say(error: &LinkError) {
    println!("{error:?}");
    for unlinked in error.crates() {
        println!("{} {} {}", unlinked.package(), unlinked.statement(), unlinked.belongs_in());
    }
}
