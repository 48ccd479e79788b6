//! Owns the order in which declared handlers count as registered, and why; pure: must not know of threads, of the pending set or of a
//! run.
//!
//! Between crates, `link!` and the linker decide (see `crates`). Inside a crate the linker promises nothing: there the module tree
//! and the position in the source decide. Constraints then move single handlers (see `graph`).

use std::any::TypeId;
use std::cmp::Ordering;
use std::collections::HashMap;

use crate::crates::{CrateKey, Rank, ranks};
use crate::declaration::{Description, LinkSite};
use crate::graph::{self, Edge, Move};
use crate::handler::Phase;
use crate::plan::Problem;

/// Why a declared handler stands where it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// By its place in the source of its crate, which stands where the linker put it, or where a `link!` states.
    Place { stated: bool },
    /// A constraint of its own, or one of another that it has to wait for, as a reader would say it.
    Constraint(String),
}

/// The order of registration, and what is wrong with what the handlers ask for.
pub(crate) struct Arrangement {
    /// Where each stands among the declared, and why it stands here.
    pub(crate) order: Vec<(usize, Why)>,
    pub(crate) problems: Vec<Problem>,
}

/// Arranges what the linker yielded, crates in its order.
pub(crate) fn arrange(declared: &[Description], mut links: Vec<LinkSite>) -> Arrangement {
    // The most usual case needs none of the following, nor the pages that it is on.
    if declared.len() == 1 && links.is_empty() && !declared[0].is_constrained() {
        return Arrangement { order: vec![(0, Why::Place { stated: false })], problems: Vec::new() };
    }
    // Inside a crate the linker's order changes from build to build, and what is said about the links is not to change with it.
    links.sort_by_key(|link| (link.site.file, link.site.line, link.site.column));
    let (ranks, mut problems) = ranks(declared.iter().map(|description| &description.site), &links);
    let mut places = places(declared, &ranks);
    places.sort_unstable();
    let mut order: Vec<(usize, Why)> =
        places.iter().map(|place| (place.of, Why::Place { stated: place.stated })).collect();
    if declared.iter().any(Description::is_constrained) {
        let by_place: Vec<&Description> = places.iter().map(|place| &declared[place.of]).collect();
        let mut whys: Vec<Why> = order.iter().map(|(_, why)| why.clone()).collect();
        let running: Vec<usize> = (0..declared.len()).rev().collect();
        let settled = Constraints::read(&by_place, &mut problems).apply(&by_place, running, &mut whys);
        order = settled.into_iter().rev().map(|at| (places[at].of, whys[at].clone())).collect();
    }
    Arrangement { order, problems }
}

/// What decides without constraints, in this order. Numbers only: strings would make sorting several times slower.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    rank: usize,
    module: usize,
    file: usize,
    position: [u32; 5],
    stated: bool,
    /// Whose place it is.
    of: usize,
}

fn places(declared: &[Description], ranks: &HashMap<CrateKey, Rank>) -> Vec<Place> {
    let modules = places_among(declared.iter().map(|description| description.site.module), module_order);
    let files = places_among(declared.iter().map(|description| description.site.file), str::cmp);
    // Neighbours mostly are of one file and one module, and comparing is cheaper than looking up.
    let mut last: Option<(CrateKey, &str, &str)> = None;
    let (mut rank, mut module, mut file) = (Rank { at: 0, stated: false }, 0, 0);
    let mut places = Vec::with_capacity(declared.len());
    for (of, Description { site, .. }) in declared.iter().enumerate() {
        let here = (CrateKey::of(site), site.module, site.file);
        if last.replace(here) != Some(here) {
            rank = ranks.get(&here.0).copied().unwrap_or(Rank { at: 0, stated: false });
            module = modules.get(site.module).copied().unwrap_or_default();
            file = files.get(site.file).copied().unwrap_or_default();
        }
        let position = [site.line, site.column, site.name_line, site.name_column, site.expansion];
        places.push(Place { rank: rank.at, module, file, position, stated: rank.stated, of });
    }
    places
}

/// The place of each name among all, in this order.
fn places_among(
    names: impl Iterator<Item = &'static str>,
    order: impl Fn(&str, &str) -> Ordering,
) -> HashMap<&'static str, usize> {
    let mut names: Vec<&str> = names.collect();
    names.dedup();
    names.sort_unstable_by(|a, b| order(a, b));
    names.dedup();
    names.into_iter().enumerate().map(|(place, name)| (name, place)).collect()
}

/// Siblings in alphabetical order, a module after all that is in it.
fn module_order(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split("::"), b.split("::"));
    loop {
        match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Greater,
            (Some(_), None) => return Ordering::Less,
            (Some(a), Some(b)) if a != b => return a.cmp(b),
            _ => {}
        }
    }
}

/// One `before` or `after` between two handlers that exist, in the order of running.
#[derive(Clone, Copy)]
struct Constraint {
    edge: Edge,
    /// Who asks for it: the handler that moves.
    of: usize,
    path: &'static str,
}

impl Constraint {
    fn is_pull(&self) -> bool {
        self.of == self.edge.0
    }
}

#[derive(Default)]
struct Constraints(Vec<Constraint>);

impl Constraints {
    /// Finds whom the paths mean, and leaves out what cannot hold.
    fn read(declared: &[&Description], problems: &mut Vec<Problem>) -> Self {
        let mut registrations: HashMap<TypeId, Vec<usize>> = HashMap::new();
        for (at, description) in declared.iter().enumerate() {
            registrations.entry(description.identity).or_default().push(at);
        }
        let mut all = Vec::new();
        for (of, description) in declared.iter().enumerate() {
            let before = description.before.iter().map(|target| (target, true));
            let after = description.after.iter().map(|target| (target, false));
            for (&(identity, path), is_pull) in before.chain(after) {
                let Some(targets) = registrations.get(&identity) else {
                    problems.push(Problem::NotAHandler { handler: description.info(), path });
                    continue;
                };
                // Other registrations of the same function are meant, unless there are none.
                let others = targets.iter().copied().filter(|&target| target != of || targets.len() == 1);
                let edge = |target| if is_pull { (of, target) } else { (target, of) };
                all.extend(others.map(|target| Constraint { edge: edge(target), of, path }));
            }
        }
        let mut this = Self(all);
        this.drop_contradictions(declared, problems);
        this.drop_circles(declared, problems);
        this
    }

    /// A phase is over before the next begins: constraints between two hold by themselves, or never.
    fn drop_contradictions(&mut self, declared: &[&Description], problems: &mut Vec<Problem>) {
        self.0.retain(|constraint| {
            let (early, late) = (declared[constraint.edge.0].phase(), declared[constraint.edge.1].phase());
            if (early as usize) > (late as usize) {
                let handler = declared[constraint.of].info();
                let problem = Problem::Contradiction { handler, path: constraint.path };
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
            early == late
        });
    }

    fn drop_circles(&mut self, declared: &[&Description], problems: &mut Vec<Problem>) {
        let edges: Vec<Edge> = self.0.iter().map(|constraint| constraint.edge).collect();
        for circle in graph::circles(declared.len(), &edges) {
            problems.push(Problem::Circle { handlers: circle.iter().map(|&at| declared[at].info()).collect() });
        }
        let component = graph::components(declared.len(), &edges);
        self.0.retain(|constraint| component[constraint.edge.0] != component[constraint.edge.1]);
    }

    /// Moves what has to move in the order of running, and notes why.
    fn apply(&self, declared: &[&Description], running: Vec<usize>, why: &mut [Why]) -> Vec<usize> {
        let (pulls, delays): (Vec<Constraint>, Vec<Constraint>) =
            self.0.iter().partition(|constraint| constraint.is_pull());
        let edges =
            |constraints: &[Constraint]| constraints.iter().map(|constraint| constraint.edge).collect::<Vec<_>>();
        // A handler without the mark of a phase never comes between two with one, so that all phases can be settled at once.
        let mut by_phase = running;
        by_phase.sort_by_key(|&at| declared[at].phase() as usize);
        let (settled, moves) = graph::settle_and_tell(&by_phase, &edges(&delays), &edges(&pulls));
        self.note(declared, &settled, &moves, why);
        settled
    }

    /// Says of each handler that has moved by which constraint: the one that left it the least room.
    fn note(&self, declared: &[&Description], settled: &[usize], moves: &[Move], why: &mut [Why]) {
        let mut place = vec![0; declared.len()];
        settled.iter().enumerate().for_each(|(position, &at)| place[at] = position);
        let mut room = vec![usize::MAX; declared.len()];
        for constraint in &self.0 {
            let (early, late) = constraint.edge;
            let (whose, text) = match (moves[early], moves[late], constraint.is_pull()) {
                (Move::Pulled, _, true) => (early, format!("before {}", constraint.path)),
                (_, Move::Delayed | Move::Waited, false) => (late, format!("after {}", constraint.path)),
                (_, Move::Waited, true) => (late, format!("waits for {}", declared[early].info().label())),
                _ => continue,
            };
            let gap = place[late] - place[early];
            if gap < room[whose] {
                room[whose] = gap;
                why[whose] = Why::Constraint(text);
            }
        }
    }
}

impl Description {
    fn is_constrained(&self) -> bool {
        !self.before.is_empty() || !self.after.is_empty()
    }

    pub(crate) fn phase(&self) -> Phase {
        match (self.first, self.last) {
            (true, _) => Phase::First,
            (_, true) => Phase::Last,
            _ => Phase::Unmarked,
        }
    }
}
