//! Owns what the library asks of a handler beyond its code, and the label that outlives the code; must not know who asks.

use std::any::TypeId;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::constraints::Constraints;
use super::declaration::{Declared, DeclaredHandler, Phase, RunsOn};
use super::info::{HandlerInfo, crate_of_type, function_name};
use crate::sys::Process;

/// What is asked of a handler each time that it may be its turn.
#[derive(Clone, Copy, Default)]
pub(crate) struct Facts {
    pub(crate) phase: Phase,
    pub(crate) runs_on: RunsOn,
    /// The only process in which it may run.
    pub(crate) process: Option<Process>,
    pub(crate) has_time_limit: bool,
    /// It finishes a value, and none of its phase is made any more when it has started.
    pub(crate) is_value: bool,
}

impl Facts {
    /// Whether a forked child has the handler from its parent, and must not run it.
    #[inline]
    pub(crate) fn are_of_another_process(self) -> bool {
        self.process.is_some_and(|process| !process.is_current())
    }
}

/// What a handler says of itself. One that says nothing has neither options nor a declaration.
pub(crate) trait About {
    fn facts(&self) -> Facts;

    /// An expression of the user's, which is evaluated here, if the handler is declared.
    fn time_limit(&self) -> Option<Duration>;

    /// The type of the function, where it is one.
    fn identity(&self) -> Option<TypeId>;

    fn label(&self, location: &'static Location<'static>) -> Label;

    /// `None`: it was registered.
    fn declared(&self) -> Option<DeclaredHandler>;

    /// Those of a registration; a declared handler has obeyed its own when it becomes pending.
    fn constraints(&self) -> Option<&Arc<Constraints>> {
        None
    }
}

/// What is left of a handler when its code is gone: enough to say which it was.
#[derive(Clone)]
pub(crate) enum Label {
    Declared(Declared),
    /// The name is behind a thin pointer: a label is moved for each handler.
    Registered {
        type_name: fn() -> &'static str,
        location: &'static Location<'static>,
        name: Option<Arc<String>>,
    },
    Value {
        /// Empty: none.
        name: &'static str,
        location: &'static Location<'static>,
    },
}

impl Label {
    /// Whether it has a name of its own, or is named by its place.
    pub(crate) fn has_name(&self) -> bool {
        matches!(self, Self::Registered { name: Some(_), .. } | Self::Value { .. })
    }

    pub(crate) fn info(&self) -> HandlerInfo {
        match self {
            Self::Declared(declared) => declared.describe().info(),
            Self::Registered { type_name, location, name } => {
                let label = name.as_deref().map_or_else(|| function_name(type_name()), Into::into);
                HandlerInfo::new(label, location.file(), location.line())
            }
            Self::Value { name: "", location } => HandlerInfo::of_place(location.file(), location.line()),
            Self::Value { name, location } => HandlerInfo::new(*name, location.file(), location.line()),
        }
    }

    pub(crate) fn crate_name(&self) -> &'static str {
        match self {
            Self::Declared(declared) => declared.describe().site.crate_name(),
            Self::Registered { type_name, .. } => crate_of_type(type_name()),
            Self::Value { .. } => "", // a place does not tell
        }
    }
}
