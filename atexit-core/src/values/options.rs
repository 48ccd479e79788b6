//! Owns the options that both kinds of cells have, as methods; must not know what a cell has beside its `options`.
//! Where it is used, `Phase` is to be known.

macro_rules! options {
    () => {
        /// Names it in reports, plans and messages; else it is named by its place, as `src/main.rs:3`.
        ///
        /// An empty name is none.
        #[must_use]
        pub const fn name(mut self, name: &'static str) -> Self {
            self.options.name = name;
            self
        }

        /// Finishes it among the handlers that say `first`, where one that was registered when the value was made would run.
        ///
        /// # Panics
        ///
        /// If it says [`last`](Self::last) already: in a `static` that is an error of the compiler's.
        #[must_use]
        #[track_caller]
        pub const fn first(mut self) -> Self {
            self.options.mark(Phase::First);
            self
        }

        /// Finishes it among the handlers that say `last`, where one that was registered when the value was made would run. Loggers want this.
        ///
        /// Handlers that `#[at_exit(last)]` declares run after it, and cannot use it.
        ///
        /// # Panics
        ///
        /// If it says [`first`](Self::first) already: in a `static` that is an error of the compiler's.
        #[must_use]
        #[track_caller]
        pub const fn last(mut self) -> Self {
            self.options.mark(Phase::Last);
            self
        }
    };
}
pub(super) use options;
