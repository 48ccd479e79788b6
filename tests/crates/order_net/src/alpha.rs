//! Declared after its siblings, and before them in the alphabet.

#[rustfmt::skip]
mod positions {
    // One line, two columns.
    #[atexit_core::at_exit] fn left() { crate::say(module_path!(), "left"); } #[atexit_core::at_exit] fn right() { crate::say(module_path!(), "right"); }
}

#[atexit_core::at_exit]
fn handler() {
    // An item inside a function counts where it is in the source.
    #[atexit_core::at_exit]
    fn inside_a_function() {
        crate::say(module_path!(), "inside_a_function");
    }
    crate::say(module_path!(), "handler");
}
