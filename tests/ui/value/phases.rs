//! In a `static`, this is a compile error.

use atexit_core::{CloseAtExit, DropAtExit};

static GOOD: DropAtExit<u8> = DropAtExit::new(|| 1).first().first();
static DROPPED: DropAtExit<u8> = DropAtExit::new(|| 2).first().last(); //~ ERROR evaluation panicked: a value cannot be finished both `first` and `last`
static EMPTY: DropAtExit<u8> = DropAtExit::empty().last().first(); //~ ERROR evaluation panicked: a value cannot be finished both `first` and `last`
static CLOSED: CloseAtExit<u8> = CloseAtExit::new(|| 3).close_with(|_| ()).last().first(); //~ ERROR evaluation panicked: a value cannot be finished both `first` and `last`

fn main() {
    GOOD.get();
    DROPPED.get();
    EMPTY.get();
    CLOSED.get();
}
