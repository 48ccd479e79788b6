//! Owns the comparison of what is linked in with what the package under test depends on, and what a test learns of it; must not know how
//! packages and sources are read.

use std::collections::HashSet;

use crate::handler::declaration;
use crate::registry;

mod error;
mod packages;
mod sources;

use error::{Contribution, Note};
pub use error::{LinkError, UnlinkedCrate};
use packages::{Graph, Library, Package};

/// Checks that every crate with handlers on which this package depends is linked.
///
/// A dependency that no code names is not linked, and its handlers silently disappear. This check compares the handlers in the program it
/// runs in with the dependencies that `cargo metadata` reports. It names each crate that is missing, the [`link!`](crate::link) to write,
/// and the crate to write it in.
///
/// Put it in a test of the final crate, beside the `link!`s: in `src/main.rs`, or in `src/lib.rs` of a library. It sees what *this* test
/// links: an integration test in `tests/` does not see a `link!` in `src/main.rs`, and a crate that only a test names counts as linked. Enable
/// the feature `link-check` for tests only, so that it costs the program nothing:
///
/// ```toml
/// [dev-dependencies]
/// atexit-core = { version = "0.1", features = ["link-check"] }
/// ```
///
/// [`LinkCheck`] has options: exceptions, and features other than the default ones.
///
/// # Which crates count
///
/// - All normal dependencies for this target, direct and indirect, and the library of the package itself. Development dependencies, build
///   dependencies and procedural macros are left alone.
/// - A crate has handlers if the sources of its library use `#[at_exit]`, under any path, also if a `use` renames it, and no `cfg` excludes
///   them. A crate that says `link!` counts as well. A crate that only registers handlers by calls does not: whoever calls it has linked it.
/// - A crate is linked if one of its handlers or `link!`s is in this program, or if a `link!` in this program names it.
/// - While a crate is missing, the crates that only it depends on are not named: they may be linked along with it.
///
/// It reads the sources without the compiler. It does not see a handler that the macro of another crate writes, that stands in an `include!`, or
/// whose attribute another crate re-exports by another name. In the package itself, handlers under `cfg(test)` or `cfg(not(test))` do not count.
/// Where a `cfg` tests something other than features, `debug_assertions`, the operating system and its family, the architecture, the endianness or
/// the pointer width, it counts as unset; all arms of a `cfg_select!`, and what follows the `else` of a `cfg_if!`, count. `cargo metadata` unites the
/// features of all packages in a workspace, so a dependency that only another member enables counts too. Where any of this leads to a wrong answer,
/// use [`LinkCheck::except`].
///
/// # Errors
///
/// A [`LinkError`] that names each missing crate, or says why the check cannot be made: the variable `CARGO_MANIFEST_DIR`, which `cargo test`
/// and `cargo nextest` set, is missing; cargo does not start; `cargo metadata` fails; a source file cannot be read.
///
/// # Examples
///
/// ```
/// #[test]
/// fn every_crate_with_handlers_is_linked() -> Result<(), atexit_core::LinkError> {
///     atexit_core::check_links()
/// }
/// # atexit_core::check_links().expect("this crate depends on no other with handlers");
/// ```
///
/// If `acme-db` is forgotten, the test fails and says:
///
/// ```text
/// acme-db 1.2.0 is not linked, so its handler at acme-db/src/lib.rs:5 does not run: write `atexit_core::link!(acme_db);` in app
/// ```
#[allow(clippy::test_attr_in_doctest, reason = "these are the lines to copy")]
pub fn check_links() -> Result<(), LinkError> {
    LinkCheck::new().run()
}

/// [`check_links`] with options.
///
/// # Examples
///
/// ```
/// use atexit_core::LinkCheck;
///
/// # fn test() -> Result<(), atexit_core::LinkError> {
/// LinkCheck::new().except("acme-metrics").run()
/// # }
/// # test().expect("this crate depends on none");
/// ```
#[derive(Clone, Debug, Default)]
pub struct LinkCheck {
    exceptions: HashSet<String>,
    cargo_options: Vec<String>,
}

impl LinkCheck {
    /// The check as [`check_links`] makes it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts this package as linked. Its name is spelled as in its `Cargo.toml`.
    ///
    /// A name that no package has is no error, because an optional dependency may be off.
    ///
    /// Use it for a package that you leave out on purpose, and for one whose handlers are not compiled although the check expects them: where a
    /// custom `cfg` excludes them, for example.
    #[must_use]
    pub fn except(mut self, package: impl Into<String>) -> Self {
        self.exceptions.insert(package.into());
        self
    }

    /// Passes options to `cargo metadata`, for a test that is not built with the default features for the machine's own target.
    ///
    /// A test does not know the options of the `cargo test` that runs it. Repeat those that choose features, and write `--filter-platform TRIPLE`
    /// in place of `--target TRIPLE`.
    ///
    /// # Examples
    ///
    /// ```
    /// use atexit_core::LinkCheck;
    ///
    /// # fn test() -> Result<(), atexit_core::LinkError> {
    /// let options: &[&str] = if cfg!(feature = "signals") { &["--features", "signals"] } else { &[] };
    /// LinkCheck::new().cargo_options(options.iter().copied()).run()
    /// # }
    /// # test().expect("this crate depends on none");
    /// ```
    #[must_use]
    pub fn cargo_options(mut self, options: impl IntoIterator<Item: Into<String>>) -> Self {
        self.cargo_options.extend(options.into_iter().map(Into::into));
        self
    }

    /// Makes the check.
    ///
    /// # Errors
    ///
    /// Those of [`check_links`].
    pub fn run(&self) -> Result<(), LinkError> {
        let graph = packages::of_this_test(&self.cargo_options)?;
        let missing = self.missing(&graph, &Linked::here())?;
        let crates: Vec<_> = missing
            .iter()
            .enumerate()
            .filter_map(|(at, found)| advice(&graph, &missing, at, found.as_ref()?))
            .collect();
        if crates.is_empty() { Ok(()) } else { Err(LinkError::unlinked(crates)) }
    }

    /// For each package what it should contribute, if nothing of it is linked.
    fn missing(&self, graph: &Graph, linked: &Linked) -> Result<Vec<Option<Contribution>>, LinkError> {
        let missing = |(at, package): (usize, &Package)| match &package.library {
            Some(library) if !linked.has(graph, at, library) && !self.exceptions.contains(&package.name) => {
                sources::contribution(&library.root, &package.features, graph.is_root(package))
            }
            _ => Ok(None),
        };
        graph.packages.iter().enumerate().map(missing).collect()
    }
}

/// What this program consists of, as far as handlers and links tell. A package is its name and its version.
struct Linked {
    /// The package and the name of each library.
    libraries: HashSet<(&'static str, &'static str)>,
    /// The package of each `link!`, and a library that it names.
    named: HashSet<(&'static str, &'static str)>,
}

impl Linked {
    fn here() -> Self {
        let links = declaration::links();
        let declared = registry::declared().into_iter().map(|declared| declared.describe().site);
        let sites = declared.chain(links.iter().map(|link| link.site)).filter(|site| site.binary.is_empty());
        let named = links.iter().flat_map(|link| link.crates.iter().map(|name| (link.site.package, *name)));
        Self { libraries: sites.map(|site| (site.package, site.crate_name())).collect(), named: named.collect() }
    }

    /// Whether something of the library is here, or one that can name it says `link!`: then its handlers are excluded.
    fn has(&self, graph: &Graph, at: usize, library: &Library) -> bool {
        let is_in = |set: &HashSet<(&str, &str)>, by: &Package| {
            set.contains(&(&*format!("{} {}", by.name, by.version), &*library.name))
        };
        let names_it = |by: &&Package| by.dependencies.iter().any(|dependency| dependency.at == at);
        let package = &graph.packages[at];
        is_in(&self.libraries, package)
            || graph.packages.iter().filter(names_it).chain([package]).any(|by| is_in(&self.named, by))
    }
}

/// What to do about a missing package; nothing if it may come along with another one that is missing.
fn advice(graph: &Graph, missing: &[Option<Contribution>], at: usize, lost: &Contribution) -> Option<UnlinkedCrate> {
    let package = &graph.packages[at];
    let own_name = &package.library.as_ref()?.name;
    let root = graph.root();
    let (dependent, here) = if graph.is_root(package) { (root, own_name) } else { dependent(graph, missing, at)? };
    let is_within_reach = dependent.is_local || graph.is_root(dependent);
    let (writer, here) = if is_within_reach { (dependent, here) } else { (root, own_name) };
    let names = if here == own_name { here.clone() } else { format!("{own_name} as {here}") };
    Some(UnlinkedCrate {
        package: package.name.clone(),
        version: package.version.clone(),
        lost: lost.clone().relative_to(&graph.workspace),
        statement: match &writer.at_exit {
            Some(at_exit) => format!("{at_exit}::link!({names});"),
            None => format!("use {here} as _;"),
        },
        belongs_in: writer.name.clone(),
        note: match is_within_reach {
            _ if graph.is_root(package) => Note::OwnLibrary,
            false => Note::NeedsDependency,
            true if graph.is_root(writer) => Note::None,
            true => Note::NeedsLink,
        },
    })
}

/// The package that should link one that is missing, and the name that this has there: the package under test if it can, else one whose sources
/// are the user's. One that is missing itself comes first.
fn dependent<'a>(graph: &'a Graph, missing: &[Option<Contribution>], at: usize) -> Option<(&'a Package, &'a String)> {
    let present =
        graph.packages.iter().zip(missing).filter(|(_, missing)| missing.is_none()).map(|(package, _)| package);
    let name_in = |package: &'a Package| package.dependencies.iter().find(|dependency| dependency.at == at);
    let dependents = present.chain([graph.root()]).filter_map(|package| Some((package, &name_in(package)?.here)));
    let preference = |(package, _): &(&Package, &String)| (graph.is_root(package), package.is_local);
    dependents.max_by_key(preference)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::packages::Dependency;
    use super::*;

    /// Packages and the names and numbers of their dependencies. Cargo has downloaded those with an `@`.
    fn graph(packages: &[(&str, &[(&str, usize)])]) -> Graph {
        let package = |&(name, dependencies): &(&str, &[(&str, usize)])| Package {
            name: name.trim_end_matches('@').to_owned(),
            version: "1.0.0".to_owned(),
            library: Some(Library { name: name.trim_end_matches('@').replace('-', "_"), root: PathBuf::new() }),
            features: Vec::new(),
            is_local: !name.ends_with('@'),
            at_exit: Some("way_out".to_owned()),
            dependencies: dependencies.iter().map(|&(here, at)| Dependency { here: here.to_owned(), at }).collect(),
        };
        Graph { packages: packages.iter().map(package).collect(), workspace: PathBuf::from("/w") }
    }

    /// What is said where these packages are missing, without what is always the same.
    fn said(graph: &Graph, missing: &[usize]) -> Vec<String> {
        let lost = |at| Contribution { is_link: false, file: "/w/a.rs".into(), line: at };
        let missing: Vec<_> = (0..graph.packages.len()).map(|at| missing.contains(&at).then(|| lost(at))).collect();
        let said = missing.iter().enumerate().filter_map(|(at, lost)| advice(graph, &missing, at, lost.as_ref()?));
        let of = |unlinked: UnlinkedCrate| unlinked.to_string().replace(" is not linked, so its handler at a.rs:", " ");
        said.map(of).collect()
    }

    #[test]
    fn the_line_belongs_into_a_crate_that_its_user_can_change() {
        let graph = graph(&[
            ("db-x@", &[]),
            ("theirs@", &[("db", 0)]),
            ("ours", &[("db", 0)]),
            ("app", &[("theirs", 1), ("ours", 2)]),
        ]);
        let ours =
            "db-x 1.0.0 0 does not run: write `way_out::link!(db_x as db);` in ours, and link ours if nothing names it";
        assert_eq!(said(&graph, &[0]), [ours]);
        let ours = "ours 1.0.0 2 does not run: write `way_out::link!(ours);` in app";
        let app = "db-x 1.0.0 0 does not run: \
            add db-x to the dependencies of app, and write `way_out::link!(db_x);` there";
        assert_eq!(said(&graph, &[0, 2]), [app, ours]);
    }

    #[test]
    fn a_crate_that_only_missing_ones_depend_on_is_not_named() {
        let graph = graph(&[("db", &[]), ("cache", &[("db", 0)]), ("app", &[("cache", 1)])]);
        assert_eq!(said(&graph, &[0, 1]), ["cache 1.0.0 1 does not run: write `way_out::link!(cache);` in app"]);
        assert_eq!(said(&graph, &[]), [""; 0]);
    }

    #[test]
    fn what_the_package_itself_depends_on_it_links() {
        let graph = graph(&[("db@", &[]), ("cache", &[("db", 0)]), ("app", &[("cache", 1), ("base", 0)])]);
        assert_eq!(said(&graph, &[0]), ["db 1.0.0 0 does not run: write `way_out::link!(db as base);` in app"]);
        let own = "app 1.0.0 2 does not run: write `way_out::link!(app);` in the program or test that needs it";
        assert_eq!(said(&graph, &[2]), [own]);
    }
}
