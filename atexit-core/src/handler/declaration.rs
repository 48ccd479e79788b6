//! Owns what a declaration says, a use of the attribute or of `link!`; must not know what is pending, nor how anything runs.

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::error::HandlerError;
use super::executor::Executor;
use super::info::HandlerInfo;
use super::text::one_line;

/// Where a handler stands among all: a phase is over before the next begins.
///
/// They compare as they run: `First` is the least. Displayed, it is what the column of a [`Plan`](crate::Plan) says: `first`, nothing for
/// `Ordinary`, `value`, `last`.
///
/// # Examples
///
/// ```
/// use atexit_core::{Handler, Phase, plan};
///
/// Handler::new(|| println!("closed")).name("close the log").last().register();
/// let plan = plan();
/// assert!(plan.iter().any(|planned| planned.label() == "close the log" && planned.phase() == Phase::Last));
/// assert!(Phase::First < Phase::Last);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// It says `first`.
    First,
    /// It says neither.
    #[default]
    Ordinary,
    /// It is a value in a `static`, a [`DropAtExit`](crate::DropAtExit) or a [`CloseAtExit`](crate::CloseAtExit), that says neither.
    Value,
    /// It says `last`.
    Last,
}

impl Phase {
    /// In the order of running.
    pub(crate) const ALL: [Self; 4] = [Self::First, Self::Ordinary, Self::Value, Self::Last];
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::First => "first",
            Self::Ordinary => "",
            Self::Value => "value",
            Self::Last => "last",
        })
    }
}

/// Which thread a handler runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RunsOn {
    #[default]
    ExitThread,
    /// The one that exits, or calls `run`.
    Caller,
}

/// One use of the attribute, as `inventory` collects it.
///
/// A single pointer, because the dynamic loader relocates every pointer in a static before `main`; the description
/// is code, runs at exit only, and costs a start nothing. It is asked for whenever it is of use, and must say the same each time.
#[derive(Clone, Copy)]
pub struct Declared {
    describe: fn() -> Description,
}

impl Declared {
    /// For the attribute's expansion.
    #[must_use]
    pub const fn new(describe: fn() -> Description) -> Self {
        Self { describe }
    }

    pub(crate) fn describe(self) -> Description {
        (self.describe)()
    }

    /// Whether both say the same. The linker may give the same code to two declarations, but only if it is the same code.
    pub(crate) fn is_same(self, other: Self) -> bool {
        std::ptr::fn_addr_eq(self.describe, other.describe)
    }
}

inventory::collect!(Declared);

/// Where a declaration stands, and what it is called.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    /// The function's name.
    pub function: &'static str,
    /// The source of the arguments; empty without any, and where a name stands in for them.
    pub arguments: &'static str,
    /// Name and version of the package, so that two versions of a crate are two crates.
    pub package: &'static str,
    /// The binary's name, or empty: a library and a binary of one name are two crates.
    pub binary: &'static str,
    /// A library under test is another crate than the library.
    pub test: bool,
    /// `module_path!()`.
    pub module: &'static str,
    /// `file!()`, and the attribute's own position.
    pub file: &'static str,
    /// One-based.
    pub line: u32,
    /// One-based.
    pub column: u32,
    /// Where the function's name stands, which tells handlers of one macro invocation apart.
    pub name_line: u32,
    /// One-based.
    pub name_column: u32,
    /// The number of the expansion in this crate, which decides the rest.
    pub expansion: u32,
}

/// One `link!`, as `inventory` collects it.
#[derive(Clone, Copy)]
pub struct Link {
    pub(crate) describe: fn() -> LinkSite,
}

impl Link {
    /// For the expansion of `link!`.
    #[must_use]
    pub const fn new(describe: fn() -> LinkSite) -> Self {
        Self { describe }
    }
}

inventory::collect!(Link);

/// What a `link!` says.
#[derive(Clone, Copy, Debug)]
pub struct LinkSite {
    /// Where it stands.
    pub site: Site,
    /// The crates' own names, as listed.
    pub crates: &'static [&'static str],
}

impl LinkSite {
    /// For the expansion of `link!`.
    #[must_use]
    pub fn new(site: Site, crates: &'static [&'static str]) -> Self {
        Self { site, crates }
    }
}

impl Site {
    pub(crate) fn crate_name(&self) -> &'static str {
        self.module.split_once("::").map_or(self.module, |(name, _)| name)
    }
}

/// All that a declared handler says of itself.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "one for each option that is a flag")]
pub struct Description {
    pub(crate) site: Site,
    pub(crate) identity: TypeId,
    pub(crate) run: fn(&Executor) -> Result<(), HandlerError>,
    pub(crate) name: Option<&'static str>,
    pub(crate) first: bool,
    pub(crate) last: bool,
    pub(crate) caller_thread: bool,
    pub(crate) this_process: bool,
    pub(crate) time_limit: Option<fn() -> Duration>,
    pub(crate) before: Vec<(TypeId, &'static str)>,
    pub(crate) after: Vec<(TypeId, &'static str)>,
}

/// Tells functions apart by the type that each has as a value; follows re-exports, adds no name.
#[must_use]
pub fn identity<F: 'static>(_: &F) -> TypeId {
    TypeId::of::<F>()
}

/// `assert_function`, for a path.
#[track_caller]
pub const fn assert_names_function<F>(_: &F) {
    assert_function::<F>();
}

/// Keeps a program from being built in which something else stands where a function is to be named. A function has a type of its own,
/// without a size. So does a closure without captures, which may have been registered.
#[track_caller]
pub(crate) const fn assert_function<F>() {
    assert!(
        size_of::<F>() == 0,
        "what is named here must be a function, by its path: a value, a closure with captures or a function pointer names none"
    );
}

#[allow(missing_docs)]
impl Description {
    #[must_use]
    pub fn new(site: Site, identity: TypeId, run: fn(&Executor) -> Result<(), HandlerError>) -> Self {
        Self {
            site,
            identity,
            run,
            name: None,
            first: false,
            last: false,
            caller_thread: false,
            this_process: false,
            time_limit: None,
            before: Vec::new(),
            after: Vec::new(),
        }
    }

    #[must_use]
    pub fn name(self, name: &'static str) -> Self {
        Self { name: Some(name), ..self }
    }

    #[must_use]
    pub fn first(self) -> Self {
        Self { first: true, ..self }
    }

    #[must_use]
    pub fn last(self) -> Self {
        Self { last: true, ..self }
    }

    #[must_use]
    pub fn caller_thread(self) -> Self {
        Self { caller_thread: true, ..self }
    }

    #[must_use]
    pub fn this_process(self) -> Self {
        Self { this_process: true, ..self }
    }

    #[must_use]
    pub fn time_limit(self, limit: fn() -> Duration) -> Self {
        Self { time_limit: Some(limit), ..self }
    }

    #[must_use]
    pub fn before(mut self, identity: TypeId, path: &'static str) -> Self {
        self.before.push((identity, path));
        self
    }

    #[must_use]
    pub fn after(mut self, identity: TypeId, path: &'static str) -> Self {
        self.after.push((identity, path));
        self
    }
}

impl Description {
    pub(crate) fn phase(&self) -> Phase {
        match (self.first, self.last) {
            (true, _) => Phase::First,
            (_, true) => Phase::Last,
            _ => Phase::Ordinary,
        }
    }

    pub(crate) fn runs_on(&self) -> RunsOn {
        if self.caller_thread { RunsOn::Caller } else { RunsOn::ExitThread }
    }

    pub(crate) fn is_constrained(&self) -> bool {
        !self.before.is_empty() || !self.after.is_empty()
    }

    pub(crate) fn info(&self) -> HandlerInfo {
        let site = &self.site;
        let name = self.name.unwrap_or(site.function);
        let label: Arc<str> = if site.arguments.is_empty() {
            name.into()
        } else {
            format!("{name}({})", one_line(site.arguments)).into()
        };
        HandlerInfo::new(label, site.file, site.line)
    }
}

/// A declared handler. What is seldom asked for is not kept: a description is large, and cheap to make again.
#[derive(Clone, Copy)]
pub(crate) struct DeclaredHandler {
    pub(crate) declared: Declared,
    pub(crate) placed: Placed,
    pub(super) phase: Phase,
    pub(super) runs_on: RunsOn,
    pub(super) this_process: bool,
    pub(super) has_time_limit: bool,
}

/// What has put a declared handler where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// Its place in the source of its crate, which stands where the linker put it, or where a `link!` states.
    BySource { stated: bool },
    /// A constraint of its own, or one of another that it has to wait for: the number of the reason.
    ByConstraint(u32),
}

impl DeclaredHandler {
    pub(crate) fn new(declared: Declared, description: &Description) -> Self {
        Self {
            declared,
            placed: Placed::BySource { stated: false },
            phase: description.phase(),
            runs_on: description.runs_on(),
            this_process: description.this_process,
            has_time_limit: description.time_limit.is_some(),
        }
    }
}
