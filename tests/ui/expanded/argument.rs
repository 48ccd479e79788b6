#![allow(unused)]

use atexit_core::at_exit;

macro_rules! of_a_macro {
    ($value:literal) => {
        #[at_exit(args = $value)] //~ ERROR `in_a_macro` takes 2 parameters: write `args = (value, value)`
        fn in_a_macro(a: i8, b: i8) {}
    };
}

of_a_macro!(-1);

fn main() {}
