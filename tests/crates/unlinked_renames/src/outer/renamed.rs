//! The handler is one that a macro writes.

use way_out::at_exit as on_exit;

macro_rules! handler {
    ($name:ident) => {
        #[on_exit(crate = way_out)]
        fn $name() {
            println!("{}: close", module_path!());
        }
    };
}
handler!(close);
