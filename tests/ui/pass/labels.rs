//! Without a name, a label shows the arguments as in the source, whatever their tokens.

#![forbid(unsafe_code)]
#![deny(missing_docs, warnings)]

use std::collections::BTreeMap;
use std::time::Duration;

use atexit_core::at_exit;

type Failed = Result<(), ()>;

#[at_exit]
fn nothing() -> Failed {
    Err(())
}

#[at_exit(args = "a, b")]
#[at_exit(args = std::any::type_name::<BTreeMap<u8, u8>>())]
#[at_exit(args = &format!("{}-{}", -1, !2), time_limit = Duration::MAX)]
#[at_exit(last, args = {
    let text = "several lines";
    &text[1..]
})]
#[at_exit(args(text = "by name",))]
#[at_exit(name = "label", args = "of its own")]
fn text(text: &str) -> Failed {
    let _ = text;
    Err(())
}

#[at_exit(args = |a, b| a+b)]
fn closure(_: fn(u8, u8) -> u8) -> Failed {
    Err(())
}

#[at_exit(args = (1, -2))]
fn tuple(_: (u8, i8)) -> Failed {
    Err(())
}

#[at_exit(args = (1, -2))]
#[at_exit(args = ((1, -2,)))]
#[at_exit(args = pair())]
#[at_exit(args(b = -2, a = 1))]
fn r#dyn(a: u8, b: i8) -> Failed {
    let _ = (a, b);
    Err(())
}

const fn pair() -> (u8, i8) {
    (1, -2)
}

macro_rules! of_a_macro {
    ($name:ident, $value:expr, $($options:meta),*) => {
        #[at_exit(args = $value, $($options),*)]
        fn $name(value: i32) -> Failed {
            let _ = value;
            Err(())
        }
    };
}

of_a_macro!(expression, 1 + i32::from(2_u8), time_limit = Duration::MAX, last);
of_a_macro!(named, -1, name = "name");

fn main() {
    let report = atexit_core::run();
    let mut labels: Vec<_> = report.failures().iter().map(|failure| failure.handler().label()).collect();
    labels.sort_unstable();
    assert_eq!(
        labels,
        [
            "closure(|a, b| a+b)",
            "dyn(1, -2)",
            "dyn(1, -2)",
            "dyn(b = -2, a = 1)",
            "dyn(pair())",
            "expression(1 + i32::from(2_u8))",
            "label",
            "name",
            "nothing",
            "text(\"a, b\")",
            "text(&format!(\"{}-{}\", -1, !2))",
            "text(std::any::type_name::<BTreeMap<u8, u8>>())",
            "text(text = \"by name\")",
            "text({ let text = \"several lines\"; &text[1..] })",
            "tuple((1, -2))",
        ]
    );
}
