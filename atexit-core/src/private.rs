//! Owns the names that macro expansions use and programs should not; must not know how any of it works.

pub use crate::handler::declaration::{Declared, Description, Link, LinkSite, Site, assert_names_function, identity};
pub use crate::handler::executor::Executor;
pub use atexit_macros::{instead, link_with};
pub use inventory;

use crate::handler::error::HandlerError;
use crate::handler::outcome::Outcome;

/// Requires a declared handler's return type to be an [`Outcome`].
pub fn outcome<T: Outcome>(value: T) -> Result<(), HandlerError> {
    value.into_result()
}

/// Requires the same of a closure's return type.
pub fn outcome_of<T: Outcome>(handler: impl FnOnce() -> T) -> Result<(), HandlerError> {
    handler().into_result()
}

/// The part that all expansions share: repeating it in each would slow down the user's build.
#[doc(hidden)]
#[macro_export]
macro_rules! __submit {
    (
        $collected:ident $said:ident
        ($function:literal $arguments:literal $package:literal $binary:literal $expansion:literal $name_line:expr, $name_column:expr)
        ($($more:tt)*) $($options:tt)*
    ) => {
        $crate::__private::inventory::submit! {
            {
                $crate::__private::$collected::new(|| $crate::__private::$said::new(
                    $crate::__private::Site {
                        function: $function,
                        arguments: $arguments,
                        package: $package,
                        binary: $binary,
                        test: ::core::cfg!(test),
                        module: ::core::module_path!(),
                        file: ::core::file!(),
                        line: ::core::line!(),
                        column: ::core::column!(),
                        name_line: $name_line,
                        name_column: $name_column,
                        expansion: $expansion,
                    },
                    $($more)*
                ) $($options)*)
            }
        }
    };
}
pub use __submit as submit;

/// Expands to the declaration, beside a free function; fails with a helpful name elsewhere.
///
/// An attribute cannot see whether its function is in an `impl` or a `trait`. But no `impl` may stand there: the compiler rejects this one
/// before it becomes the declaration, for which the error would be worse. The error names this macro, whose name says what to do.
#[doc(hidden)]
#[macro_export]
macro_rules! __beside_a_free_function {
    ($($declaration:tt)*) => {
        #[$crate::__private::instead($($declaration)*)]
        impl () {}
    };
}
pub use __beside_a_free_function as a_handler_is_a_free_function__move_it_out_of_the_impl_or_trait;
