//! Declares no handler in this build: `#[at_exit]` is written in comments and texts, excluded, for tests, or for other crates.

/// Registers, as whoever calls this wants. An `#[at_exit] fn close() {}` does not need that.
pub fn name() {
    let text = "#[at_exit] fn close() {}";
    atexit_core::register(move || println!("{text}"));
}

/// For other crates.
#[macro_export]
macro_rules! handler {
    ($name:ident) => {
        #[atexit_core::at_exit]
        fn $name() {}
    };
}

#[cfg(feature = "handlers")]
#[atexit_core::at_exit]
fn excluded() {}

#[cfg(not(all(any(unix, windows, target_family = "wasm"), not(feature = "handlers"))))]
mod excluded_too {
    #[atexit_core::at_exit]
    fn excluded() {}
}

#[cfg_attr(feature = "handlers", atexit_core::at_exit)]
#[allow(dead_code, reason = "it is there for its attribute")]
fn not_a_handler() {}

#[cfg(test)]
mod tests {
    #[atexit_core::at_exit]
    fn of_the_tests() {}
}
