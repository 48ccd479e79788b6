//! A crate whose `link!` contradicts that of the binary beside it.

atexit_core::link!(linked_alpha, linked_beta);
