//! Owns what the library asks of the operating system, as the modelled [`process`] answers it; must not know who asks.

use std::any::TypeId;

use crate::process;
pub(crate) use crate::process::{c_exit as exit, c_exit as exit_again, end as exit_at_once, plant};
use crate::runner::Cause;
use crate::status::{Fault, Outcome};
use crate::world;

/// A closure of any type. Nobody counts its words here.
pub(crate) struct Callback {
    call: Box<dyn FnOnce() -> Option<Fault> + Send>,
    identity: Option<fn() -> TypeId>,
    type_name: fn() -> &'static str,
}

impl Callback {
    pub(crate) fn new<F, T>(f: F) -> Self
    where
        F: FnOnce() -> T + Send + 'static,
        T: Outcome,
    {
        Self {
            call: Box::new(move || f().fault()),
            identity: if size_of::<F>() == 0 { Some(TypeId::of::<F>) } else { None },
            type_name: std::any::type_name::<F>,
        }
    }

    pub(crate) fn call(self) -> Option<Fault> {
        (self.call)()
    }

    pub(crate) fn identity(&self) -> Option<TypeId> {
        self.identity.map(|identity| identity())
    }

    pub(crate) fn type_name(&self) -> fn() -> &'static str {
        self.type_name
    }
}

pub(crate) const STATUS_MASK: i32 = 0xff;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    Process,
    Library,
}

pub(crate) fn arm() {
    process::plant();
}

pub(crate) fn may_start_threads(cause: Cause) -> bool {
    cause != Cause::Unload
}

pub(crate) fn loaded_in() -> u32 {
    std::process::id()
}

pub(crate) fn exit_thread_pauses() -> bool {
    false
}

pub(crate) fn write_stderr(text: &str) {
    world::complain(text);
}
