//! Owns the facts about a handler besides its code, and the label that outlives the code; must not know who asks for them.

use std::any::TypeId;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::constraints::Constraints;
use super::declaration::{Declared, DeclaredHandler, Phase, RunsOn};
use super::info::{HandlerInfo, crate_of_type, function_name};
use crate::sys::Process;

/// The facts that decide whether it is a handler's turn.
#[derive(Clone, Copy, Default)]
pub(crate) struct Facts {
    pub(crate) phase: Phase,
    pub(crate) runs_on: RunsOn,
    /// The only process in which it may run.
    pub(crate) process: Option<Process>,
    pub(crate) has_time_limit: bool,
    /// It finishes a value; once it has started, no value of its phase is initialized.
    pub(crate) is_value: bool,
}

impl Facts {
    /// Whether this is a forked child that has inherited the handler, and must not run it.
    #[inline]
    pub(crate) fn are_of_another_process(self) -> bool {
        match self.process {
            Some(process) => !process.is_current(),
            None => false,
        }
    }
}

/// What a handler says about itself, if it has options or a declaration.
pub(crate) trait About {
    fn facts(&self) -> Facts;

    /// For a declared handler, this evaluates the user's expression.
    fn time_limit(&self) -> Option<Duration>;

    /// The type of the function, if it is one.
    fn identity(&self) -> Option<TypeId>;

    fn label(&self, location: &'static Location<'static>) -> Label;

    /// `None` if it was registered.
    fn declared(&self) -> Option<DeclaredHandler>;

    /// Those of a registration; a declared handler's constraints are already met when it becomes pending.
    fn constraints(&self) -> Option<&Arc<Constraints>> {
        None
    }
}

/// Identifies a handler after its code is gone.
#[derive(Clone)]
pub(crate) enum Label {
    Declared(Declared),
    /// The name is behind a thin pointer, because each handler's label is moved.
    Registered {
        type_name: fn() -> &'static str,
        location: &'static Location<'static>,
        name: Option<Arc<String>>,
    },
    Value {
        /// Empty if it has none.
        name: &'static str,
        location: &'static Location<'static>,
    },
}

impl Label {
    /// Whether it has a name of its own, or its place as a name.
    pub(crate) fn has_name(&self) -> bool {
        matches!(self, Self::Registered { name: Some(_), .. } | Self::Value { .. })
    }

    pub(crate) fn info(&self) -> HandlerInfo {
        match self {
            Self::Declared(declared) => declared.describe().info(),
            Self::Registered { type_name, location, name } => {
                let (file, line) = (location.file(), location.line());
                match name {
                    Some(name) => HandlerInfo::new(name, file, line),
                    None => HandlerInfo::new(&function_name(type_name()), file, line),
                }
            }
            Self::Value { name: "", location } => HandlerInfo::of_place(location.file(), location.line()),
            Self::Value { name, location } => HandlerInfo::new(name, location.file(), location.line()),
        }
    }

    #[inline]
    pub(crate) fn crate_name(&self) -> &'static str {
        match self {
            Self::Declared(declared) => declared.site().crate_name(),
            Self::Registered { type_name, .. } => crate_of_type(type_name()),
            Self::Value { .. } => "", // its place does not say
        }
    }
}
