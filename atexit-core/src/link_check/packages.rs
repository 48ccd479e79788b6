//! Owns what cargo says of the package under test and of the packages it depends on; must not know what is linked.

use std::collections::HashMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Node, NodeDep, PackageId, TargetKind};

use super::error::LinkError;

/// The name of this library's package.
const AT_EXIT: &str = env!("CARGO_PKG_NAME");

/// The packages with this library among their dependencies, each after those it depends on, and last the package under test.
pub(super) struct Graph {
    pub(super) packages: Vec<Package>,
    pub(super) workspace: PathBuf,
}

/// A package, with the features that this build enables.
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    /// What others link; a package of programs alone has none.
    pub(super) library: Option<Library>,
    pub(super) features: Vec<String>,
    /// Its sources are a folder of the user's, not what cargo has downloaded.
    pub(super) is_local: bool,
    /// What this library is called there, if it is a direct dependency.
    pub(super) at_exit: Option<String>,
    pub(super) dependencies: Vec<Dependency>,
}

pub(super) struct Library {
    /// As code names it.
    pub(super) name: String,
    /// Its first source file.
    pub(super) root: PathBuf,
}

/// A normal dependency on another package of the graph.
pub(super) struct Dependency {
    /// The name that the library has here.
    pub(super) here: String,
    pub(super) at: usize,
}

impl Graph {
    /// The package under test.
    pub(super) fn root(&self) -> &Package {
        &self.packages[self.packages.len() - 1]
    }

    pub(super) fn is_root(&self, package: &Package) -> bool {
        std::ptr::eq(package, self.root())
    }
}

/// Asks cargo about the package whose test this is.
pub(super) fn of_this_test(options: &[String]) -> Result<Graph, LinkError> {
    let folder = env::var_os("CARGO_MANIFEST_DIR").ok_or_else(|| {
        LinkError::unknown(
            "CARGO_MANIFEST_DIR is not set, so the package is unknown: run this test by `cargo test`",
            None,
        )
    })?;
    let manifest = Path::new(&folder).join("Cargo.toml");
    let metadata = metadata(&manifest, options)?;
    graph(&metadata).ok_or_else(|| {
        LinkError::unknown(format!("`cargo metadata` knows no package with the manifest {}", manifest.display()), None)
    })
}

fn metadata(manifest: &Path, options: &[String]) -> Result<Metadata, LinkError> {
    let mut options = options.to_vec();
    if !options.iter().any(|option| option == "--locked") {
        options.push("--locked".to_owned()); // the build has brought the lock file up to date, and a test must not change it
    }
    if !options.iter().any(|option| option.starts_with("--filter-platform")) {
        // Without it, cargo downloads what the other targets need.
        options.extend(host()?.map(|host| format!("--filter-platform={host}")));
    }
    let asked = MetadataCommand::new().manifest_path(manifest).other_options(options).exec();
    asked.map_err(|error| LinkError::unknown("cannot learn the dependencies", Some(error.into())))
}

/// The target that cargo builds for unless it is told otherwise.
fn host() -> Result<Option<String>, LinkError> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(&cargo).arg("-vV").output();
    let output = output.map_err(|error| {
        LinkError::unknown(format!("cannot start {}", Path::new(&cargo).display()), Some(error.into()))
    })?;
    let output = String::from_utf8_lossy(&output.stdout);
    Ok(output.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned))
}

fn graph(metadata: &Metadata) -> Option<Graph> {
    let resolve = metadata.resolve.as_ref()?;
    let mut walk = Walk {
        packages: metadata.packages.iter().map(|package| (&package.id, package)).collect(),
        nodes: resolve.nodes.iter().map(|node| (&node.id, node)).collect(),
        seen: HashMap::new(),
        found: Vec::new(),
    };
    walk.take(resolve.root.as_ref()?)?;
    Some(Graph { packages: walk.found, workspace: metadata.workspace_root.clone().into() })
}

/// From the package under test to all that it depends on.
struct Walk<'a> {
    packages: HashMap<&'a PackageId, &'a cargo_metadata::Package>,
    nodes: HashMap<&'a PackageId, &'a Node>,
    /// Where each package is in `found`, or that it does not belong there.
    seen: HashMap<&'a PackageId, Option<usize>>,
    found: Vec<Package>,
}

impl<'a> Walk<'a> {
    /// Takes in what a package depends on, and the package itself unless this library is out of its reach.
    fn take(&mut self, id: &'a PackageId) -> Option<usize> {
        let (node, package) = (*self.nodes.get(id)?, *self.packages.get(id)?);
        let is_root = self.seen.is_empty();
        self.seen.insert(id, None);
        let (mut at_exit, mut dependencies) = (None, Vec::new());
        for NodeDep { name, pkg, .. } in node.deps.iter().filter(|dependency| is_normal(dependency)) {
            if self.packages.get(pkg).is_some_and(|package| package.name == AT_EXIT) {
                at_exit = Some(name.clone());
            } else if let Some(at) = self.at(pkg) {
                dependencies.push(Dependency { here: name.clone(), at });
            }
        }
        if !is_root && at_exit.is_none() && dependencies.is_empty() {
            return None;
        }
        self.found.push(Package {
            name: package.name.clone(),
            version: package.version.to_string(),
            library: library(package),
            features: node.features.clone(),
            is_local: package.source.is_none(),
            at_exit,
            dependencies,
        });
        self.seen.insert(id, Some(self.found.len() - 1));
        Some(self.found.len() - 1)
    }

    /// Where a dependency is in `found`, if it belongs there.
    fn at(&mut self, id: &'a PackageId) -> Option<usize> {
        if let Some(&at) = self.seen.get(id) {
            return at;
        }
        library(self.packages.get(id)?)?;
        self.take(id)
    }
}

fn is_normal(dependency: &NodeDep) -> bool {
    dependency.dep_kinds.iter().any(|of| of.kind == DependencyKind::Normal)
}

/// The library of a package that a Rust crate can link.
fn library(package: &cargo_metadata::Package) -> Option<Library> {
    let kinds = [TargetKind::Lib, TargetKind::RLib, TargetKind::DyLib];
    let target = package.targets.iter().find(|target| target.kind.iter().any(|kind| kinds.contains(kind)))?;
    Some(Library { name: target.name.replace('-', "_"), root: target.src_path.clone().into() })
}
