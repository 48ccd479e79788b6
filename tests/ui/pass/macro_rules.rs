//! Handlers declared by `macro_rules!`.

#![forbid(unsafe_code)]
#![deny(missing_docs, warnings)]

use atexit_core::at_exit;

macro_rules! named {
    ($($name:ident)*) => {$(
        #[at_exit]
        fn $name() {}
    )*};
}

named!(one two three);

macro_rules! unnamed {
    () => {
        #[at_exit]
        fn first_of_macro() {}
        #[at_exit]
        fn second_of_macro() {}
        #[at_exit(args = "x")]
        #[at_exit(args = "y")]
        fn third_of_macro(text: &str) {
            let _ = text;
        }
    };
}

unnamed!();

mod again {
    use atexit_core::at_exit;

    unnamed!();
}

macro_rules! every_fragment {
    (
        $(#[$meta:meta])* $vis:vis fn $name:ident($pat:pat => $ty:ty) -> $output:ty $body:block
        $expr:expr, $literal:literal, $path:path, $life:lifetime, $options:tt
    ) => {
        $(#[$meta])*
        #[at_exit(args = $expr, name = $literal, before = $path)]
        #[at_exit(args = ($expr), after = [$path, $name], time_limit = std::time::Duration::from_secs($literal.len() as u64))]
        #[at_exit $options]
        $vis fn $name($pat: &$life $ty) -> $output $body
    };
}

every_fragment! {
    /// Documented.
    #[allow(unused)]
    pub fn fragments(text => str) -> Result<(), String> { Ok(()) }
    "x", "label", self::one, 'static, (args = "z", last)
}

every_fragment! {
    fn private_fragments(text => [u8]) -> () { let _ = text; }
    &[1, 2], "label", one, 'static, (args(text = &[3 | 4, 5]))
}

macro_rules! tuple {
    ($tuple:expr, $a:expr, $b:expr, $($all:tt)*) => {
        #[at_exit(args = $tuple)]
        #[at_exit(args = ($a, $b))]
        #[at_exit(args(b = $b, a = $a))]
        #[at_exit($($all)*)]
        fn tuple(a: u8, b: u8) {
            assert_eq!((a, b), (3, 4));
        }
    };
}

tuple!((3, 4), 1 + 2, 2 << 1, args = (1 | 2, 4), last,);

macro_rules! item {
    ($item:item) => {
        #[at_exit]
        $item
    };
}

item! {
    fn whole_item() {}
}

macro_rules! parts {
    ($(#[$meta:meta])* $name:ident, $parameter:ident: $type:ty, $value:expr) => {
        $(#[$meta])*
        #[at_exit(args($parameter = $value))]
        fn $name($parameter: $type) {
            let _ = $parameter;
        }
    };
}

parts!(parts, map: std::collections::BTreeMap<u8, u8>, std::collections::BTreeMap::<_, _>::new());
parts!(#[at_exit(args = 1)] stacked, n: u8, 2);

macro_rules! nested {
    ($($name:ident)*) => {
        named!($($name)* last_of_nested);
    };
}

nested!(four five);

fn main() {
    named!(local);
}
