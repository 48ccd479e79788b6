//! Doctests of edition 2024 are one program, so these two share their handlers:
//!
//! ```
//! #[atexit_core::at_exit]
//! fn first() {}
//! assert_eq!(atexit_core::pending(), 2);
//! ```
//!
//! ```
//! #[atexit_core::at_exit]
//! fn second() {}
//! assert_eq!(atexit_core::pending(), 2);
//! ```
//!
//! This one is a program of its own:
//!
//! ```standalone_crate
//! #[atexit_core::at_exit]
//! fn third() {}
//! assert_eq!(atexit_core::pending(), 1);
//! ```
