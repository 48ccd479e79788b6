use atexit_core::at_exit;

macro_rules! of_a_macro {
    ($(#[$meta:meta])* $vis:vis $name:ident<$t:ident>($($parameters:tt)*) $body:block) => {
        $(#[$meta])*
        $vis fn $name<$t>($($parameters)*) $body //~ ERROR a handler cannot be generic
    };
}

of_a_macro!(#[at_exit] #[at_exit] pub in_a_macro<T>() {});

fn main() {}
