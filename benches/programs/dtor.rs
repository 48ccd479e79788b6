//! One function that the `dtor` crate has the loader call.

dtor::declarative::dtor! {
    #[dtor(unsafe)]
    fn handler() {}
}

fn main() {}
