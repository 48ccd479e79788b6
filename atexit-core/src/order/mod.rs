//! Owns the order in which declared handlers count as registered, and why; pure: must not know of threads, of the pending set or of a
//! run. Handlers that are registered by calls never get here.
//!
//! Between crates, `link!` and the linker decide (see `crates`). Inside a crate the linker promises nothing: there the module tree
//! and the position in the source decide. Constraints then move single handlers (see `settle`).

use std::any::TypeId;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

pub(crate) mod crates;
mod graph;
pub(crate) mod problem;
mod settle;
pub(crate) mod why;

use crate::handler::declaration::{Declared, DeclaredHandler, Description, LinkSite, Phase, Placed, Site};
use crates::{CrateKey, Rank, ranks, same};
use graph::{Cycles, Edge};
use problem::Problem;
use settle::Move;
use why::Why;

/// What there is to say about an order.
#[derive(Default)]
pub(crate) struct Notes {
    /// The reasons why constraints have moved handlers.
    pub(crate) reasons: Vec<Why>,
    /// What is wrong with the order that handlers and links ask for.
    pub(crate) problems: Vec<Problem>,
}

impl Notes {
    pub(crate) const fn new() -> Self {
        Self { reasons: Vec::new(), problems: Vec::new() }
    }
}

/// Puts the declared handlers, which come in the linker's order, into the order of registration.
pub(crate) fn arrange(declared: &[Declared], mut links: Vec<LinkSite>, notes: &mut Notes) -> Vec<DeclaredHandler> {
    let Reading { handlers, mut sources, mut keys, constrained } = Reading::of(declared);
    // The most common case needs none of the following, nor the memory pages that this code is on.
    if handlers.len() <= 1 && links.is_empty() && !constrained {
        return handlers;
    }
    // Inside a crate, the linker's order changes from build to build. What is reported about the links must not change with it.
    links.sort_unstable_by_key(|LinkSite { site, .. }| (site.file, site.line, site.column, site.expansion));
    let ranks = ranks(sources.iter().map(|source| source.of_crate), &links, &mut notes.problems);
    for (source, rank) in sources.iter_mut().zip(ranks) {
        source.rank = rank;
    }
    let numbers = numbers(&sources);
    for key in &mut keys {
        key.number = numbers[key.source as usize];
    }
    keys.sort_unstable();
    let placed = keys.iter().map(|key| {
        let mut handler = handlers[key.of as usize];
        handler.placed = Placed::BySource { stated: sources[key.source as usize].rank.stated };
        handler
    });
    let placed = placed.collect();
    if constrained { constrain(placed, notes) } else { placed }
}

/// The source of handlers that the linker yields one after another. There are usually many of these, and comparing is cheaper than a lookup.
struct Source {
    of_crate: CrateKey,
    module: &'static str,
    file: &'static str,
    rank: Rank,
}

impl Source {
    fn of(site: &Site) -> Self {
        Self { of_crate: CrateKey::of(site), module: site.module, file: site.file, rank: Rank::default() }
    }

    fn is_of(&self, site: &Site) -> bool {
        same(self.module, site.module) && same(self.file, site.file) && self.of_crate.is_of(site)
    }

    fn order(&self, other: &Self) -> Ordering {
        let by_module = || module_order(self.module, other.module);
        self.rank.at.cmp(&other.rank.at).then_with(by_module).then_with(|| self.file.cmp(other.file))
    }
}

/// What decides if there are no constraints, in this order. Numbers only: strings would make sorting several times slower.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct SortKey {
    /// The place of its source among all sources.
    number: u32,
    position: [u32; 5],
    source: u32,
    /// Whose key it is.
    of: u32,
}

/// What is needed to order handlers.
struct Reading {
    handlers: Vec<DeclaredHandler>,
    sources: Vec<Source>,
    keys: Vec<SortKey>,
    constrained: bool,
}

impl Reading {
    fn of(declared: &[Declared]) -> Self {
        let mut this = Self {
            handlers: Vec::with_capacity(declared.len()),
            sources: Vec::new(),
            keys: Vec::with_capacity(declared.len()),
            constrained: false,
        };
        let mut sources = 0;
        for (of, &declared) in (0..).zip(declared) {
            let description = declared.describe();
            let site = &description.site;
            if !this.sources.last().is_some_and(|last| last.is_of(site)) {
                this.sources.push(Source::of(site));
                sources += 1;
            }
            let position = [site.line, site.column, site.name_line, site.name_column, site.expansion];
            this.keys.push(SortKey { number: 0, position, source: sources - 1, of });
            this.handlers.push(DeclaredHandler::new(declared, &description));
            this.constrained |= description.is_constrained();
        }
        this
    }
}

/// The place of each source among all; equal sources have the same place.
fn numbers(sources: &[Source]) -> Vec<u32> {
    let mut order: Vec<usize> = (0..sources.len()).collect();
    order.sort_unstable_by(|&a, &b| sources[a].order(&sources[b]));
    let mut numbers = vec![0; sources.len()];
    let mut number = 0;
    for pair in order.windows(2) {
        number += u32::from(sources[pair[0]].order(&sources[pair[1]]).is_ne());
        numbers[pair[1]] = number;
    }
    numbers
}

/// Siblings in alphabetical order, a module after everything in it.
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
    /// The handler that asks for it, and that moves.
    of: usize,
    path: &'static str,
}

impl Constraint {
    fn is_pull(&self) -> bool {
        self.of == self.edge.0
    }
}

/// Moves handlers as the constraints ask.
fn constrain(mut placed: Vec<DeclaredHandler>, notes: &mut Notes) -> Vec<DeclaredHandler> {
    let descriptions: Vec<Description> = placed.iter().map(|handler| handler.declared.describe()).collect();
    let constraints = Constraints::read(&descriptions, &mut notes.problems);
    let (settled, moves) = constraints.settle(&descriptions);
    let first = u32::try_from(notes.reasons.len()).unwrap_or(u32::MAX);
    for (number, (whose, reason)) in (first..).zip(constraints.reasons(&descriptions, &settled, &moves)) {
        placed[whose].placed = Placed::ByConstraint(number);
        notes.reasons.push(reason);
    }
    settled.into_iter().rev().map(|at| placed[at]).collect()
}

struct Constraints(Vec<Constraint>);

impl Constraints {
    /// Finds the handlers that the paths name, and leaves out constraints that cannot hold.
    fn read(declared: &[Description], problems: &mut Vec<Problem>) -> Self {
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
        this.drop_cycles(declared, problems);
        this
    }

    /// A phase is over before the next begins: constraints between two phases hold by themselves, or never.
    fn drop_contradictions(&mut self, declared: &[Description], problems: &mut Vec<Problem>) {
        let mut told = HashSet::new();
        self.0.retain(|constraint| {
            let (early, late) = (declared[constraint.edge.0].phase(), declared[constraint.edge.1].phase());
            if (early as usize) > (late as usize) {
                let (handler, path) = (declared[constraint.of].info(), constraint.path);
                if told.insert((handler.clone(), path)) {
                    problems.push(Problem::Contradiction { handler, path });
                }
            }
            early == late
        });
    }

    fn drop_cycles(&mut self, declared: &[Description], problems: &mut Vec<Problem>) {
        let edges: Vec<Edge> = self.0.iter().map(|constraint| constraint.edge).collect();
        let cycles = Cycles::find(declared.len(), &edges);
        for cycle in &cycles.found {
            let (handlers, more) = problem::some_of(cycle.iter().map(|&at| declared[at].info()));
            problems.push(Problem::Cycle { handlers, more });
        }
        problems.extend(Problem::more_cycles(cycles.more));
        self.0.retain(|constraint| !cycles.have(constraint.edge));
    }

    /// The order of running after all moves.
    fn settle(&self, declared: &[Description]) -> (Vec<usize>, Vec<Move>) {
        let edges = |pulls: bool| -> Vec<Edge> {
            let those = self.0.iter().filter(|constraint| constraint.is_pull() == pulls);
            those.map(|constraint| constraint.edge).collect()
        };
        // No constraint joins two phases any more, so all phases can be settled at once.
        let mut running = Vec::with_capacity(declared.len());
        for phase in Phase::ALL {
            running.extend((0..declared.len()).rev().filter(|&at| declared[at].phase() == phase));
        }
        settle::settle_and_tell(&running, &edges(false), &edges(true))
    }

    /// For each handler that has moved, the constraint that moved it: the one that left it the least room.
    fn reasons(&self, declared: &[Description], settled: &[usize], moves: &[Move]) -> Vec<(usize, Why)> {
        let mut place = vec![0; declared.len()];
        settled.iter().enumerate().for_each(|(position, &at)| place[at] = position);
        let mut nearest: Vec<Option<(usize, &Constraint)>> = vec![None; declared.len()];
        for constraint in &self.0 {
            let (early, late) = constraint.edge;
            let whose = match (moves[early], moves[late], constraint.is_pull()) {
                (Move::Pulled, _, true) => early,
                (_, Move::Waited, _) | (_, Move::Delayed, false) => late,
                _ => continue,
            };
            let room = place[late] - place[early];
            if nearest[whose].is_none_or(|(least, _)| room < least) {
                nearest[whose] = Some((room, constraint));
            }
        }
        let reason = |(whose, nearest): (usize, Option<(usize, &Constraint)>)| {
            let constraint = nearest?.1;
            let path = constraint.path;
            let why = match constraint.is_pull() {
                false => Why::After { path },
                true if whose == constraint.of => Why::Before { path },
                true => Why::WaitsFor { handler: declared[constraint.of].info() },
            };
            Some((whose, why))
        };
        nearest.into_iter().enumerate().filter_map(reason).collect()
    }
}
