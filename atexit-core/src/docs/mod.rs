//! The guide, a page for each subject.
//!
//! These pages exist only in the documentation: a program cannot name them.

// What this module must not know: anything that is not public.

macro_rules! pages {
    ($($page:ident: $first:literal, $file:literal;)*) => {
        $(
            #[doc = $first]
            #[cfg_attr(any(not(doctest), feature = "signals"), doc = include_str!($file))] // some of their programs catch signals
            pub mod $page {}
        )*
    };
}

pages! {
    when_handlers_run: "When handlers run, when they do not, and what C does at exit.\n\n", "when_handlers_run.md";
    order: "Which handler runs first, how you state it, and how you see it.\n\n", "order.md";
    failures: "What counts as a failure, and which status the process ends with.\n\n", "failures.md";
    threads: "Which thread runs a handler, and what works there.\n\n", "threads.md";
    time: "Time limits, the deadline, and handlers that hang.\n\n", "time.md";
    values: "Values in a `static` that are dropped or closed at exit.\n\n", "values.md";
    async_handlers: "Async handlers, executors and Tokio.\n\n", "async_handlers.md";
    signals: "Signals that run the handlers, beside other code that catches signals.\n\n", "signals.md";
    fork: "What a forked child runs, and what a daemon does.\n\n", "fork.md";
    plugins_and_hosts: "Shared libraries, unloading, and hosts in C, Python and Node.\n\n", "plugins_and_hosts.md";
    testing: "Test binaries, shared servers, and tests of the order.\n\n", "testing.md";
    diagnostics: "What this crate prints, and how a program observes a run.\n\n", "diagnostics.md";
    platforms: "What is tested on which system, and what differs.\n\n", "platforms.md";
    what_it_costs: "What it costs to have handlers, measured beside the alternatives.\n\n", "what_it_costs.md";
    for_authors_of_libraries: "What a library may call, and what belongs to the program.\n\n", "for_authors_of_libraries.md";
    examples: "Complete programs, and what each one shows.\n\n", "examples.md";
}
