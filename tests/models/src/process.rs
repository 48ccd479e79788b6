//! Owns the end of the modeled process, as std and C implement it; must not know what its exit functions do.

use crate::exit::hook::Hook;
use crate::sys::{DeadEnd, call_at_exit};
use crate::world::{self, Id};

/// As many as the library registers before `main`.
pub(crate) const HOOKS: usize = 8;

/// The state of a process's end.
pub(crate) struct Exits {
    /// How many registered exit functions are the library's hook.
    hooks: usize,
    /// Those registered before the first hook, which run after the last.
    older: Vec<fn()>,
    /// The thread inside std's `exit`, which lets no second thread in.
    in_std: Option<Id>,
    /// The thread inside C's `exit`.
    in_c: Option<Id>,
    /// The threads that wait there forever.
    in_vain: Vec<(Id, DeadEnd)>,
    /// The thread on which C's `exit` last called the hook.
    in_hook: Option<Id>,
    /// Whether C's `exit` lets no second thread in either, as glibc does from 2.41 on.
    alone_in_c: bool,
}

impl Exits {
    pub(crate) fn new(alone_in_c: bool) -> Self {
        Self {
            hooks: HOOKS,
            older: Vec::new(),
            in_std: None,
            in_c: None,
            in_vain: Vec::new(),
            in_hook: None,
            alone_in_c,
        }
    }
}

pub(crate) fn plant() {
    world::step("plant");
    world::exits(|exits| exits.hooks += 1);
}

/// C's `atexit`, in a constructor that runs before the library's.
pub fn plant_before_the_hooks(function: fn()) {
    world::exits(|exits| exits.older.push(function));
}

/// `std::process::exit`.
pub fn exit(status: i32) -> ! {
    world::step("std's exit");
    let me = world::me();
    match world::exits(|exits| exits.in_std.replace(me)) {
        None => c_exit(status),
        Some(first) if first == me => world::fail("std aborts: a thread has called its exit twice"),
        first => {
            world::exits(|exits| {
                exits.in_std = first;
                exits.in_vain.push((me, DeadEnd::Exit));
            });
            world::hang()
        }
    }
}

/// C's `exit`: called by `libc::exit`, or by a host that is not Rust.
pub fn c_exit(status: i32) -> ! {
    world::step("C's exit");
    let me = world::me();
    let enters = world::exits(|exits| {
        let enters = !exits.alone_in_c || exits.in_c.is_none_or(|first| first == me);
        exits.in_c = exits.in_c.or(Some(me));
        enters
    });
    if !enters {
        world::exits(|exits| exits.in_vain.push((me, DeadEnd::Lock)));
        world::hang();
    }
    world::drop_locals();
    loop {
        world::step("next exit function");
        let found = world::exits(|exits| {
            let found = exits.hooks > 0;
            exits.hooks -= usize::from(found);
            exits.in_hook = if found { Some(me) } else { exits.in_hook };
            found
        });
        if found {
            call_at_exit::<Hook>(status);
            continue;
        }
        match world::exits(|exits| exits.older.pop()) {
            Some(function) => function(),
            None => end(status),
        }
    }
}

/// Whether this thread is inside C's `exit`.
pub(crate) fn is_in_exit() -> bool {
    let me = world::me();
    world::exits(|exits| exits.in_c == Some(me))
}

/// What this thread is stuck on, as far as one can tell.
pub(crate) fn dead_end(thread: Id) -> Option<DeadEnd> {
    world::exits(|exits| {
        let (_, dead_end) = *exits.in_vain.iter().find(|(waiting, _)| *waiting == thread)?;
        (dead_end == DeadEnd::Exit || exits.in_c == exits.in_hook).then_some(dead_end)
    })
}

/// `_exit`: at once.
pub fn end(status: i32) -> ! {
    world::step("end");
    world::end(status)
}
