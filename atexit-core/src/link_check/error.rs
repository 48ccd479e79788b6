//! Owns what a test learns of crates that are not linked, and the words for it; must not know how they are found.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::handler::text::escaped;

/// The first thing in the sources of a library that a program has if it links the library; displayed as what is lost otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Contribution {
    /// It is a `link!`, else a handler.
    pub(super) is_link: bool,
    pub(super) file: PathBuf,
    pub(super) line: usize,
}

impl Contribution {
    pub(super) fn relative_to(mut self, folder: &Path) -> Self {
        if let Ok(file) = self.file.strip_prefix(folder) {
            self.file = file.to_owned();
        }
        self
    }
}

impl fmt::Display for Contribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, lost) = if self.is_link { ("link!", "links nothing") } else { ("handler", "does not run") };
        write!(f, "{what} at {}:{} {lost}", escaped(&self.file.to_string_lossy()), self.line)
    }
}

/// A crate whose handlers are not in the program; displayed on one line that says what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnlinkedCrate {
    pub(super) package: String,
    pub(super) version: String,
    pub(super) lost: Contribution,
    pub(super) statement: String,
    pub(super) belongs_in: String,
    pub(super) note: Note,
}

/// What has to be done beside writing the statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    None,
    /// It is the library of the package under test.
    OwnLibrary,
    /// The crate that depends on the missing one is not its user's to change, so the final crate has to depend on it.
    NeedsDependency,
    /// The crate that depends on the missing one may be missing itself, without handlers to tell by.
    NeedsLink,
}

impl UnlinkedCrate {
    /// The name of its package.
    #[must_use]
    pub fn package(&self) -> &str {
        &self.package
    }

    /// The version of its package.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The line that links it: `atexit_core::link!(acme_db);`, for example.
    #[must_use]
    pub fn statement(&self) -> &str {
        &self.statement
    }

    /// The package to write the [`statement`](Self::statement) in.
    #[must_use]
    pub fn belongs_in(&self) -> &str {
        &self.belongs_in
    }
}

impl fmt::Display for UnlinkedCrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { package, version, lost, statement, belongs_in, note } = self;
        write!(f, "{package} {version} is not linked, so its {lost}: ")?;
        match note {
            Note::None => write!(f, "write `{statement}` in {belongs_in}"),
            Note::OwnLibrary => write!(f, "write `{statement}` in the program or test that needs it"),
            Note::NeedsDependency => {
                write!(f, "add {package} to the dependencies of {belongs_in}, and write `{statement}` there")
            }
            Note::NeedsLink => {
                write!(f, "write `{statement}` in {belongs_in}, and link {belongs_in} if nothing names it")
            }
        }
    }
}

/// The crates that [`check_links`](crate::check_links) finds unlinked, or why it cannot check.
///
/// It is displayed with a line for each crate. Its `Debug` is the same, because a test that returns or unwraps it shows that. Where there is
/// a [`source`](Error::source), `Debug` adds it.
pub struct LinkError(Kind);

enum Kind {
    Unlinked(Vec<UnlinkedCrate>),
    Unknown { what: String, source: Option<Source> },
}

type Source = Box<dyn Error + Send + Sync>;

impl LinkError {
    pub(super) fn unlinked(crates: Vec<UnlinkedCrate>) -> Self {
        Self(Kind::Unlinked(crates))
    }

    pub(super) fn unknown(what: impl Into<String>, source: Option<Source>) -> Self {
        Self(Kind::Unknown { what: what.into(), source })
    }

    pub(super) fn unreadable(path: &Path, source: impl Into<Source>) -> Self {
        Self::unknown(format!("cannot read {}", escaped(&path.to_string_lossy())), Some(source.into()))
    }

    /// The crates that are not linked; none if the check could not be made.
    #[must_use]
    pub fn crates(&self) -> &[UnlinkedCrate] {
        match &self.0 {
            Kind::Unlinked(crates) => crates,
            Kind::Unknown { .. } => &[],
        }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Unlinked(crates) => {
                let lines: Vec<String> = crates.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            Kind::Unknown { what, .. } => f.write_str(what),
        }
    }
}

impl fmt::Debug for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        self.source().map_or(Ok(()), |source| write!(f, ": {source}"))
    }
}

impl Error for LinkError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Kind::Unknown { source: Some(source), .. } => Some(&**source),
            _ => None,
        }
    }
}
