//! One function that the `dtor` crate puts where the loader calls it.

dtor::declarative::dtor! {
    #[dtor(unsafe)]
    fn handler() {}
}

fn main() {}
