//! A leaf of the crate graph, with modules in files and inline, before and after the handlers of the root.

use atexit_core::at_exit;

#[at_exit]
fn root_before_the_modules() {
    say(module_path!(), "root_before_the_modules");
}

mod zeta;

mod beta {
    mod inner {
        #[atexit_core::at_exit]
        fn handler() {
            crate::say(module_path!(), "handler");
        }
    }

    #[atexit_core::at_exit]
    fn handler() {
        crate::say(module_path!(), "handler");
    }
}

mod alpha;

#[at_exit]
fn root_after_the_modules() {
    say(module_path!(), "root_after_the_modules");
}

/// Says which handler runs.
pub fn say(module: &str, handler: &str) {
    println!("{module}: {handler}");
}
