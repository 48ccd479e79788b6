//! Calls the library and its attribute by other names, in a file of a module.

mod outer {
    #[path = "renamed.rs"]
    pub(crate) mod inner;
}
