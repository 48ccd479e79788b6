//! Knows `atexit-core` by another name, directly and through a re-export.

/// Re-exports the crate under a third name.
pub mod facade {
    pub use way_out as exits;
}

#[way_out::at_exit(crate = way_out)]
fn renamed() {
    println!("renamed");
}

#[way_out::at_exit(crate = crate::facade::exits, args = 1 + 1)]
fn re_exported(number: i32) {
    println!("re-exported {number}");
}

fn main() {}
