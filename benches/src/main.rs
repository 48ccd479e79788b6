//! The cost of exit handlers, compared with the alternatives.
//!
//! ```text
//! cargo run --release -p benches                  one table
//! cargo run --release -p benches -- --plot DIR    the table, and pictures of the cost by number of handlers
//! ```
//!
//! Every figure is a comparison. Each round runs each subject once, in its own process, in turn; the table shows the median of the
//! rounds and the median of the ratios within a round. The scripts `instructions` and `build-cost` in this package's folder count
//! instructions and measure builds.

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

#[derive(Clone, Copy)]
struct Effort {
    /// Runs everything once with tiny counts, to see that the benchmarks work.
    smoke: bool,
}

impl Effort {
    fn rounds(self, rounds: usize) -> usize {
        if self.smoke { 1 } else { rounds }
    }

    /// All counts, or only the smallest.
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
    if !effort.smoke || !processes::are_built() {
        processes::build();
    }
    table::print(effort);
    if let Some(folder) = plots {
        plot::draw(&folder, effort);
    }
    ExitCode::SUCCESS
}
