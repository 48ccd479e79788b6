use std::rc::Rc;

use atexit_core::register;

fn main() {
    let counted = Rc::new(1);
    register(move || println!("{counted}")); //~ ERROR `Rc<i32>` cannot be sent between threads safely
}
