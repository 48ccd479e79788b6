//! Owns the table: the comparisons, the number of rounds, and the goals; must not know how anything is measured.

use crate::rounds::{self, Sample};
use crate::subject::{ATEXIT, CXA_ATEXIT, LANGUAGES, Measure, NAIVE, OURS, SORT, Subject, VALUES};
use crate::{Effort, processes};

#[derive(Clone, Copy)]
enum Goal {
    /// The highest ratio to the first line of the block.
    Ratio(f64),
    /// The highest value.
    Value(f64),
}

struct Line {
    name: String,
    sample: Sample,
    goal: Option<Goal>,
}

impl Line {
    fn new(name: impl Into<String>, sample: impl Fn() -> f64 + 'static) -> Self {
        Self { name: name.into(), sample: Box::new(sample), goal: None }
    }

    fn of(subject: Subject, measure: Measure, count: usize) -> Self {
        Self::new(subject.name, move || subject.measure(measure, count))
    }

    fn goal(self, goal: Goal) -> Self {
        Self { goal: Some(goal), ..self }
    }
}

/// Lines measured in the same rounds, and compared with the first.
struct Block {
    title: String,
    unit: &'static str,
    rounds: usize,
    lines: Vec<Line>,
}

impl Block {
    fn print(self) {
        let Self { title, unit, rounds, lines } = self;
        let (heads, samples): (Vec<_>, Vec<_>) =
            lines.into_iter().map(|line| ((line.name, line.goal), line.sample)).unzip();
        let samples = rounds::run(rounds, &samples);
        println!("\n{title:<58}{unit:>10}{:>9}{:>8}", "ratio", "goal");
        for ((name, goal), own) in heads.iter().zip(&samples) {
            let (value, ratio) = (rounds::median(own), rounds::ratio(own, &samples[0]));
            let goal = match goal {
                None => String::new(),
                Some(Goal::Ratio(most)) => format!("{most:>8}{}", if ratio > *most { "  missed" } else { "" }),
                Some(Goal::Value(most)) => {
                    format!("{:>8}{}", format!("{most} {unit}"), if value > *most { "  missed" } else { "" })
                }
            };
            println!("  {name:<56}{value:>10.1}{ratio:>9.3}{goal}");
        }
    }
}

/// Measures and prints all comparisons.
pub(crate) fn print(effort: Effort) {
    let count = |count| effort.count(count);
    let in_process = |measure, of: usize, goal| Block {
        title: String::new(),
        unit: "ns",
        rounds: effort.rounds(21),
        lines: vec![
            Line::of(ATEXIT, measure, of),
            Line::of(OURS, measure, of).goal(goal),
            Line::of(CXA_ATEXIT, measure, of),
            Line::of(NAIVE, measure, of),
        ],
    };

    for of in [count(100_000), count(1_000_000)] {
        let mut block = in_process(Measure::Register, of, Goal::Ratio(1.2));
        let again = Line::new("atexit_core, again", move || OURS.measure(Measure::RegisterAgain, of));
        block.lines.insert(2, again.goal(Goal::Ratio(1.2)));
        Block { title: format!("registering one of {of} handlers"), ..block }.print();
    }
    for of in [count(100_000), count(1_000_000)] {
        let block = in_process(Measure::RegisterFromTwo, of, Goal::Ratio(1.05));
        Block { title: format!("registering one of {of} handlers, from two threads"), ..block }.print();
    }

    let of = count(100_000);
    let mut block = in_process(Measure::Run, of, Goal::Ratio(0.6));
    let call = Line::new("atexit_core, by run()", move || OURS.measure(Measure::Call, of));
    block.lines.insert(2, call);
    Block { title: format!("running one of {of} handlers at exit"), ..block }.print();

    Block {
        title: "removing one handler, in random order".to_owned(),
        unit: "ns",
        rounds: effort.rounds(21),
        lines: [1_000, 1_000_000]
            .map(|of| {
                Line::new(format!("atexit_core, of {of}"), move || OURS.measure(Measure::Remove, effort.count(of)))
                    .goal(Goal::Ratio(3.5))
            })
            .into(),
    }
    .print();

    for of in [100_000, 1_000_000] {
        for (measure, what) in [(Measure::Allocated, "allocated"), (Measure::Resident, "resident")] {
            let block = in_process(measure, count(of), Goal::Value(48.5));
            let title = format!("memory of one of {of} handlers, {what}");
            Block { title, unit: "B", rounds: effort.rounds(3), ..block }.print();
        }
    }

    let of = count(10_000);
    Block {
        title: format!("collecting and ordering one of {of} declared handlers"),
        unit: "ns",
        rounds: effort.rounds(21),
        lines: vec![Line::of(SORT, Measure::Order, of), Line::of(OURS, Measure::Order, of).goal(Goal::Ratio(1.7))],
    }
    .print();
    Block {
        title: "the same, with each constrained".to_owned(),
        unit: "ns",
        rounds: effort.rounds(21),
        lines: [1_000, 10_000, 100_000]
            .map(|of| {
                let sample = move || OURS.measure(Measure::OrderConstrained, effort.count(of));
                Line::new(format!("atexit_core, of {of}"), sample)
            })
            .into(),
    }
    .print();

    let of = count(1_000_000);
    let none = [None; VALUES.len()];
    let goals = [None, None, Some(3.0), Some(1.1)].map(|most: Option<f64>| most.map(Goal::Ratio)); // in the order of `VALUES`
    for (measure, from, goals) in [(Measure::Borrow, "", goals), (Measure::BorrowFromTwo, ", from two threads", none)] {
        let line = |(subject, goal)| Line { goal, ..Line::of(subject, measure, of) };
        Block {
            title: format!("borrowing a value in a static{from}"),
            unit: "ns",
            rounds: effort.rounds(21),
            lines: VALUES.into_iter().zip(goals).map(line).collect(),
        }
        .print();
    }

    let program = |name, program| Line::new(name, move || processes::measure(program));
    Block {
        title: "a whole process".to_owned(),
        unit: "µs",
        rounds: effort.rounds(1001),
        lines: vec![
            program("empty", "empty"),
            program("atexit_core, nothing pending", "linked").goal(Goal::Ratio(1.02)),
            program("atexit_core, one handler with caller_thread", "caller_thread").goal(Goal::Ratio(1.02)),
            program("atexit_core, one handler", "ordinary").goal(Goal::Ratio(1.2)),
            program("libc atexit, one function", "libc_atexit"),
            program("dtor, one function", "dtor"),
            program("static_init, one value to drop", "static_init"),
        ],
    }
    .print();

    languages(effort);
}

fn languages(effort: Effort) {
    let of = effort.count(10_000);
    let (installed, missing): (Vec<_>, Vec<_>) = LANGUAGES.into_iter().partition(Subject::is_installed);
    let words = [(Measure::Register, "registering"), (Measure::Run, "running"), (Measure::Remove, "removing")];
    for (measure, word) in words {
        let able = [OURS].into_iter().chain(installed.iter().copied()).filter(|subject| subject.can(measure));
        Block {
            title: format!("{word} one of {of} handlers, in other languages"),
            unit: "ns",
            rounds: effort.rounds(5),
            lines: able.map(|subject| Line::of(subject, measure, of)).collect(),
        }
        .print();
    }
    for subject in missing {
        println!("\nskipped, because it is not installed: {}", subject.name);
    }
}
