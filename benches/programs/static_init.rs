//! One value that the `static_init` crate makes before `main` and drops at exit.

struct Value;

impl Drop for Value {
    fn drop(&mut self) {}
}

#[static_init::dynamic(drop)]
static mut VALUE: Value = Value;

fn main() {}
