//! Owns what a declaration says, whether by the attribute or by `link!`; must not know what is pending, or how anything runs.

use std::any::{Any, TypeId};
use std::fmt;
use std::time::Duration;

use super::constraints::Constraint;
use super::error::HandlerError;
use super::executor::Executor;
use super::info::HandlerInfo;
use super::text::{one_line, split_at_any, text};

/// The phase in which a handler runs; each phase is over before the next begins.
///
/// Phases compare in the order in which they run: `First` is the least. Displayed, a phase reads as in the column of a
/// [`Plan`](crate::Plan): `first`, nothing for `Ordinary`, `value`, `last`.
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
#[doc(alias = "order")]
#[doc(alias = "priority")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Handlers marked `first`.
    First,
    /// Handlers marked neither `first` nor `last`.
    #[default]
    Ordinary,
    /// Values in a `static`, each a [`DropAtExit`](crate::DropAtExit) or a [`CloseAtExit`](crate::CloseAtExit), marked neither `first` nor `last`.
    Value,
    /// Handlers marked `last`.
    Last,
}

impl Phase {
    /// In running order.
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
/// It is a single pointer, because the dynamic loader relocates every pointer in a static before `main`. The description is code, so it
/// costs nothing at startup; it runs whenever it is needed, and must return the same each time.
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

    #[inline(never)] // one copy, to keep programs small
    pub(crate) fn site(self) -> Site {
        self.describe().site
    }

    /// Whether both say the same. The linker may merge the code of two declarations, but only if it is identical.
    pub(crate) fn is_same(self, other: Self) -> bool {
        std::ptr::fn_addr_eq(self.describe, other.describe)
    }
}

inventory::collect!(Declared);

/// Where a declaration is, and what it is called.
#[derive(Clone, Copy)]
pub struct Site {
    /// The function's name.
    pub function: &'static str,
    /// The source of the arguments; empty if there are none, or if a name replaces them.
    pub arguments: &'static str,
    /// Name and version of the package: two versions of a crate are two crates.
    pub package: &'static str,
    /// The name of the binary, or empty: a library and a binary of the same name are two crates.
    pub binary: &'static str,
    /// Whether it is a test: a library under test is a different crate from the library.
    pub test: bool,
    /// `module_path!()`.
    pub module: &'static str,
    /// `file!()`, and the attribute's own position.
    pub file: &'static str,
    /// One-based.
    pub line: u32,
    /// One-based.
    pub column: u32,
    /// The position of the function's name, which distinguishes handlers from one macro invocation.
    pub name_line: u32,
    /// One-based.
    pub name_column: u32,
    /// The number of the expansion in this crate, which breaks any remaining tie.
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

/// All uses that are linked in, as `inventory` yields them.
#[inline]
pub(crate) fn links() -> Vec<LinkSite> {
    let mut all = Vec::new();
    for link in inventory::iter::<Link> {
        all.push((link.describe)());
    }
    all
}

/// What a `link!` says.
#[derive(Clone, Copy)]
pub struct LinkSite {
    /// Where it is.
    pub site: Site,
    /// The crates' own names, as listed.
    pub crates: &'static [&'static str],
    /// Ranks the crates as all links state.
    pub(crate) rank: Rank,
}

impl Site {
    #[inline(never)] // one copy, to keep programs small
    pub(crate) fn crate_name(&self) -> &'static str {
        match split_at_any(self.module, b":") {
            Some((name, _)) => name,
            None => self.module,
        }
    }
}

/// Everything that a declared handler says about itself.
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
    pub(crate) constraints: Vec<Constraint>,
    /// If it has constraints: what moves handlers as they ask.
    pub(crate) constrain: Option<Constrain>,
}

/// Ranks crates. Only programs with links contain the code. Gets the crates and the notes of the order, whose types this room must not know.
pub(crate) type Rank = fn(crates: &mut dyn Any, notes: &mut dyn Any);

/// Moves handlers, which come in the order of registration. Only programs with constraints contain the code. Gets the notes, too.
pub(crate) type Constrain = fn(&mut Vec<DeclaredHandler>, notes: &mut dyn Any);

/// Identifies a function by its type, which is unique; works through re-exports, and adds no name.
#[must_use]
pub fn identity<F: 'static>(_: &F) -> TypeId {
    TypeId::of::<F>()
}

/// Calls `assert_function` for a path.
#[track_caller]
pub const fn assert_names_function<F>(_: &F) {
    assert_function::<F>();
}

/// Fails the build if the argument is not a function. Each function has a zero-sized type of its own; so does a closure without captures,
/// which is accepted because it may have been registered.
#[track_caller]
pub(crate) const fn assert_function<F>() {
    assert!(
        size_of::<F>() == 0,
        "expected the path of a function, not a value, a closure with captures or a function pointer"
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
            constraints: Vec::new(),
            constrain: None,
        }
    }

    #[must_use]
    #[inline]
    pub fn name(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    #[must_use]
    #[inline]
    pub fn first(mut self) -> Self {
        self.first = true;
        self
    }

    #[must_use]
    #[inline]
    pub fn last(mut self) -> Self {
        self.last = true;
        self
    }

    #[must_use]
    #[inline]
    pub fn caller_thread(mut self) -> Self {
        self.caller_thread = true;
        self
    }

    #[must_use]
    #[inline]
    pub fn this_process(mut self) -> Self {
        self.this_process = true;
        self
    }

    #[must_use]
    #[inline]
    pub fn time_limit(mut self, limit: fn() -> Duration) -> Self {
        self.time_limit = Some(limit);
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

    fn runs_on(&self) -> RunsOn {
        if self.caller_thread { RunsOn::Caller } else { RunsOn::ExitThread }
    }

    #[inline]
    pub(crate) fn info(&self) -> HandlerInfo {
        let site = &self.site;
        let name = self.name.unwrap_or(site.function);
        if site.arguments.is_empty() {
            return HandlerInfo::new(name, site.file, site.line);
        }
        HandlerInfo::new(&text(format_args!("{name}({})", one_line(site.arguments))), site.file, site.line)
    }
}

/// A declared handler. It keeps only what is often needed: a description is large, and cheap to make again.
#[derive(Clone, Copy)]
pub(crate) struct DeclaredHandler {
    pub(crate) declared: Declared,
    pub(crate) placed: Placed,
    pub(super) phase: Phase,
    pub(super) runs_on: RunsOn,
    pub(super) this_process: bool,
    pub(super) has_time_limit: bool,
}

/// What determines a declared handler's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// Its place in the source of its crate; the place of the crate is the linker's, or `stated` by a `link!`.
    BySource { stated: bool },
    /// A constraint of its own, or of another handler that it has to wait for: the number of the reason.
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
