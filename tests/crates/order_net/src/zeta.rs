//! Declared before its siblings, and after them in the alphabet.

#[atexit_core::at_exit]
fn handler() {
    crate::say(module_path!(), "handler");
}
