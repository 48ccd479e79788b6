//! Owns how the constraints of declared handlers move them, and why; must not know how the moves are found (see `settle`).

use std::any::{Any, TypeId};
use std::cmp::Ordering;

use super::graph::{self, Cycles, Edge, Groups};
use super::notes::{Lists, Notes};
use super::problem::{Problem, some_of};
use super::settle::{self, Move};
use super::sort;
use super::why::Why;
use crate::handler::constraints::Constraint as Asked;
use crate::handler::declaration::{DeclaredHandler, Description, Phase, Placed};

/// One `before` or `after`, and the handler that asks for it.
struct Wanted {
    of: usize,
    asked: Asked,
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
    #[inline]
    fn is_pull(&self) -> bool {
        self.of == self.edge.0
    }
}

/// Moves handlers as the constraints ask. It is only called through a [`Description`] with a constraint, so programs without do not contain
/// this code, nor what finds cycles and moves. All of that is `#[inline]`: only crates with constraints compile it.
#[inline]
fn constrain(handlers: &mut Vec<DeclaredHandler>, notes: &mut dyn Any) {
    if let Some(notes) = notes.downcast_mut::<Notes>() {
        notes.add(&mut |lists| move_all(handlers, lists));
    }
}

#[inline]
fn move_all(handlers: &mut Vec<DeclaredHandler>, Lists { reasons, problems }: &mut Lists) {
    let mut declared = Vec::with_capacity(handlers.len());
    for handler in &*handlers {
        declared.push(handler.declared.describe());
    }
    let mut constraints = Constraints { declared: &declared, all: Vec::new() };
    constraints.read(problems);
    constraints.drop_contradictions(problems);
    constraints.drop_cycles(problems);
    let (settled, moves) = constraints.settle();
    for (whose, nearest) in constraints.decisive(&settled, &moves).into_iter().enumerate() {
        if let Some(&constraint) = constraints.all.get(nearest) {
            handlers[whose].placed = Placed::ByConstraint(u32::try_from(reasons.len()).unwrap_or(u32::MAX));
            reasons.push(constraints.reason(whose, constraint));
        }
    }
    let mut arranged = Vec::with_capacity(handlers.len());
    for &at in settled.iter().rev() {
        arranged.push(handlers[at]);
    }
    *handlers = arranged;
}

#[allow(missing_docs)]
impl Description {
    #[must_use]
    #[inline]
    pub fn before(self, identity: TypeId, path: &'static str) -> Self {
        self.constrained(Asked { is_before: true, identity, path })
    }

    #[must_use]
    #[inline]
    pub fn after(self, identity: TypeId, path: &'static str) -> Self {
        self.constrained(Asked { is_before: false, identity, path })
    }

    #[inline]
    fn constrained(mut self, constraint: Asked) -> Self {
        self.constraints.push(constraint);
        self.constrain = Some(constrain);
        self
    }
}

struct Constraints<'a> {
    declared: &'a [Description],
    all: Vec<Constraint>,
}

impl Constraints<'_> {
    /// Finds the handlers that the paths name.
    #[inline]
    fn read(&mut self, problems: &mut Vec<Problem>) {
        let wanted = self.wanted();
        let handlers = self.declared.len();
        let function = |number: usize| match self.declared.get(number) {
            Some(description) => description.identity,
            None => wanted[number - handlers].asked.identity,
        };
        let count = handlers + wanted.len();
        let places = sort::places(count, &|a, b| function(a).cmp(&function(b)));
        let handlers_at = Groups::new(count, &graph::numbers(handlers), &|handler| places[handler]);
        for (number, wanted) in wanted.iter().enumerate() {
            self.add(wanted, handlers_at.of(places[handlers + number]), problems);
        }
    }

    #[inline]
    fn wanted(&self) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        for (of, description) in self.declared.iter().enumerate() {
            for &asked in &description.constraints {
                wanted.push(Wanted { of, asked });
            }
        }
        wanted
    }

    #[inline]
    fn add(&mut self, wanted: &Wanted, targets: &[usize], problems: &mut Vec<Problem>) {
        let &Wanted { of, asked: Asked { is_before, path, .. } } = wanted;
        if targets.is_empty() {
            problems.push(Problem::NotAHandler { handler: self.declared[of].info(), path });
        }
        for &target in targets {
            // Other registrations of the same function are meant, unless there are none.
            if target != of || targets.len() == 1 {
                let edge = if is_before { (of, target) } else { (target, of) };
                self.all.push(Constraint { edge, of, path });
            }
        }
    }

    /// A phase is over before the next begins: constraints between two phases hold by themselves, or never.
    #[inline]
    fn drop_contradictions(&mut self, problems: &mut Vec<Problem>) {
        let (mut kept, mut contradictions) = (Vec::new(), Vec::new());
        for &constraint in &self.all {
            let (early, late) = constraint.edge;
            match self.declared[early].phase().cmp(&self.declared[late].phase()) {
                Ordering::Equal => kept.push(constraint),
                Ordering::Less => {}
                Ordering::Greater => contradictions.push(constraint),
            }
        }
        self.all = kept;
        self.tell(&contradictions, problems);
    }

    /// Reports each contradiction once, even if it is one with several handlers.
    #[inline]
    fn tell(&self, contradictions: &[Constraint], problems: &mut Vec<Problem>) {
        let looks = |constraint: usize| {
            let Constraint { of, path, .. } = contradictions[constraint];
            let Description { site, name, .. } = &self.declared[of];
            (name.unwrap_or(site.function), site.arguments, site.file, site.line, path)
        };
        let places = sort::places(contradictions.len(), &|a, b| looks(a).cmp(&looks(b)));
        let mut told = vec![false; contradictions.len()];
        for (number, &Constraint { of, path, .. }) in contradictions.iter().enumerate() {
            if !told[places[number]] {
                told[places[number]] = true;
                problems.push(Problem::Contradiction { handler: self.declared[of].info(), path });
            }
        }
    }

    #[inline]
    fn drop_cycles(&mut self, problems: &mut Vec<Problem>) {
        let cycles = Cycles::find(self.declared.len(), &self.edges(&|_| true));
        if cycles.found.is_empty() {
            return;
        }
        for cycle in &cycles.found {
            let (shown, more) = some_of(cycle);
            let mut handlers = Vec::with_capacity(shown.len());
            for &at in shown {
                handlers.push(self.declared[at].info());
            }
            problems.push(Problem::Cycle { handlers, more });
        }
        Problem::more_cycles(cycles.more, problems);
        let mut kept = Vec::new();
        for &constraint in &self.all {
            if !cycles.have(constraint.edge) {
                kept.push(constraint);
            }
        }
        self.all = kept;
    }

    #[inline]
    fn edges(&self, are_meant: &dyn Fn(&Constraint) -> bool) -> Vec<Edge> {
        let mut edges = Vec::new();
        for constraint in &self.all {
            if are_meant(constraint) {
                edges.push(constraint.edge);
            }
        }
        edges
    }

    /// The order of running after all moves.
    #[inline]
    fn settle(&self) -> (Vec<usize>, Vec<Move>) {
        // No constraint joins two phases any more, so all phases can be settled at once.
        let mut running = Vec::with_capacity(self.declared.len());
        for &phase in &Phase::ALL {
            for at in (0..self.declared.len()).rev() {
                if self.declared[at].phase() == phase {
                    running.push(at);
                }
            }
        }
        settle::settle(running, &self.edges(&|those| !those.is_pull()), &self.edges(&Constraint::is_pull))
    }

    /// For each handler that has moved, the number of the constraint that moved it: the one that left it the least room. There is none with
    /// the number of others.
    #[inline]
    fn decisive(&self, settled: &[usize], moves: &[Move]) -> Vec<usize> {
        let mut place = vec![0; settled.len()];
        for (position, &at) in settled.iter().enumerate() {
            place[at] = position;
        }
        let room = |constraint: &Constraint| place[constraint.edge.1] - place[constraint.edge.0];
        let mut decisive = vec![usize::MAX; settled.len()];
        for (number, constraint) in self.all.iter().enumerate() {
            let (early, late) = constraint.edge;
            let whose = match (moves[early], moves[late], constraint.is_pull()) {
                (Move::Pulled, _, true) => early,
                (_, Move::Waited, _) | (_, Move::Delayed, false) => late,
                _ => continue,
            };
            match self.all.get(decisive[whose]) {
                Some(other) if room(other) <= room(constraint) => {}
                _ => decisive[whose] = number,
            }
        }
        decisive
    }

    #[inline]
    fn reason(&self, whose: usize, Constraint { edge, of, path }: Constraint) -> Why {
        match of {
            _ if of == edge.1 => Why::After { path },
            _ if of == whose => Why::Before { path },
            _ => Why::WaitsFor { handler: self.declared[of].info() },
        }
    }
}
