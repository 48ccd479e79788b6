//! What exit handlers cost, side by side with what else one would pick.
//!
//! ```text
//! cargo run --release -p benches                  one table
//! cargo run --release -p benches -- --plot DIR    the table, and pictures of cost against number of handlers
//! ```
//!
//! No figure stands alone. In every round each subject runs once, in a process of its own, one after the other; the table shows the
//! median of the rounds, and the median of the ratios within a round. Instructions and the cost of building are measured by the
//! scripts `instructions` and `build-cost` beside this package's manifest.

mod child;
mod contender;
mod order;
mod plot;
mod processes;
mod rounds;
mod subject;
mod table;
mod values;

use std::path::PathBuf;
use std::process::ExitCode;

use subject::Measure;

const USAGE: &str = "usage: benches [--plot DIR] [--smoke]";

/// How much is measured.
#[derive(Clone, Copy)]
struct Effort {
    /// Everything once and with next to nothing: whether the benchmarks still work, not what they measure.
    smoke: bool,
}

impl Effort {
    fn rounds(self, rounds: usize) -> usize {
        if self.smoke { 1 } else { rounds }
    }

    /// All of them, or the smallest.
    fn of(self, counts: &[usize]) -> &[usize] {
        if self.smoke { &counts[..1] } else { counts }
    }

    fn count(self, count: usize) -> usize {
        if self.smoke { count.min(10) } else { count }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut arguments = arguments.iter().map(String::as_str);
    let mut effort = Effort { smoke: false };
    let mut plots = None;
    while let Some(argument) = arguments.next() {
        match argument {
            "--child" => {
                let mut word = || arguments.next().expect("a subject, a measure and a count");
                let (subject, measure, count) = (word(), Measure::named(word()), word());
                child::measure(subject, measure, count.parse().expect("a count"));
                return ExitCode::SUCCESS;
            }
            "--plot" => plots = arguments.next().map(PathBuf::from),
            "--smoke" => effort.smoke = true,
            _ => {
                eprintln!("{USAGE}");
                return ExitCode::FAILURE;
            }
        }
    }
    if !effort.smoke {
        processes::build();
    }
    table::print(effort);
    if let Some(folder) = plots {
        plot::draw(&folder, effort);
    }
    ExitCode::SUCCESS
}
