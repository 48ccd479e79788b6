//! Owns what the library asks of the operating system, as the modelled [`process`] answers it; must not know who asks.

use std::any::TypeId;

use crate::handler::{About, Code};
use crate::process;
pub(crate) use crate::process::{c_exit as exit, c_exit as exit_again, end as exit_at_once, plant};
use crate::runner::Cause;
use crate::status::Fault;
use crate::world;

/// Code of any type. Nobody counts its words here.
pub(crate) struct Callback {
    code: Box<dyn AnyCode>,
    identity: Option<fn() -> TypeId>,
    type_name: fn() -> &'static str,
}

trait AnyCode: Send {
    fn call(self: Box<Self>) -> Option<Fault>;
    fn about(&self) -> Option<About<'_>>;
}

impl<C: Code> AnyCode for C {
    fn call(self: Box<Self>) -> Option<Fault> {
        Code::call(*self)
    }

    fn about(&self) -> Option<About<'_>> {
        Code::about(self)
    }
}

impl Callback {
    pub(crate) fn new<C: Code>(code: C) -> Self {
        Self {
            code: Box::new(code),
            identity: if size_of::<C::Function>() == 0 { Some(TypeId::of::<C::Function>) } else { None },
            type_name: std::any::type_name::<C::Function>,
        }
    }

    pub(crate) fn call(self) -> Option<Fault> {
        self.code.call()
    }

    pub(crate) fn about(&self) -> Option<About<'_>> {
        self.code.about()
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

pub(crate) fn plant_all() {
    (0..process::HOOKS).for_each(|_| process::plant());
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
