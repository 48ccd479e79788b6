//! Only a feature brings it in, and it says `link!` of nothing with handlers.

atexit_core::link!(atexit_core);
