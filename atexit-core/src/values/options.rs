//! Owns the option methods that both kinds of cells share; must not know what a cell has besides its `options`.
//! `Phase` must be in scope where the macro is used.

macro_rules! options {
    () => {
        /// Sets its name in reports, plans and messages; without one, that is its place, such as `src/main.rs:3`.
        ///
        /// An empty name counts as no name.
        #[must_use]
        pub const fn name(mut self, name: &'static str) -> Self {
            self.options.name = name;
            self
        }

        /// Finishes it among the handlers marked `first`, as if registered when the value was made.
        ///
        /// # Panics
        ///
        /// If it is already marked [`last`](Self::last); in a `static`, this is a compile error.
        #[doc(alias = "priority")]
        #[must_use]
        #[track_caller]
        pub const fn first(mut self) -> Self {
            self.options.mark(Phase::First);
            self
        }

        /// Finishes it among the handlers marked `last`, as if registered when the value was made: the right place for a logger.
        ///
        /// Handlers declared by `#[at_exit(last)]` run after it, and cannot use it.
        ///
        /// # Panics
        ///
        /// If it is already marked [`first`](Self::first); in a `static`, this is a compile error.
        #[doc(alias = "priority")]
        #[must_use]
        #[track_caller]
        pub const fn last(mut self) -> Self {
            self.options.mark(Phase::Last);
            self
        }
    };
}
pub(super) use options;
