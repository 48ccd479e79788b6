//! All options, alone and together.

#![forbid(unsafe_code)]
#![deny(missing_docs, warnings)]

use std::time::Duration;

use atexit_core::at_exit;

#[at_exit(name = "a label")]
#[at_exit(name = r#"a "raw" label"#,)]
#[at_exit(first)]
#[at_exit(last,)]
#[at_exit(caller_thread)]
#[at_exit(this_process)]
#[at_exit(time_limit = Duration::from_secs(5))]
#[at_exit(time_limit = LIMIT + Duration::from_millis(if 1 < 2 { 1 } else { 2 }))]
#[at_exit(time_limit = (|a, b| Duration::new(a, b))(1000, 2), last)]
#[at_exit(before = other)]
#[at_exit(before = [other],)]
#[at_exit(after = [other, self::other, crate::other, crate::module::r#type, module::inner::leaf,])]
#[at_exit(crate = atexit_core)]
#[at_exit(crate = ::atexit_core)]
#[at_exit(crate = self::reexported::atexit_core, after = module::inner::leaf, name = "reexported")]
#[at_exit(
    name = "everything",
    last,
    before = other,
    after = module::r#type,
    time_limit = LIMIT,
    caller_thread,
    this_process,
    crate = crate::reexported::atexit_core,
)]
fn options() {}

const LIMIT: Duration = Duration::from_secs(1000);

#[at_exit]
fn other() {}

mod reexported {
    pub(crate) use ::atexit_core;
}

mod module {
    #[atexit_core::at_exit(before = super::other)]
    pub(crate) fn r#type() {}

    pub(crate) mod inner {
        #[atexit_core::at_exit(args = 1, after = super::super::other)]
        #[atexit_core::at_exit(args = 2, before = self::leaf)]
        pub(crate) fn leaf(_: u8) {}
    }
}

fn main() {}
