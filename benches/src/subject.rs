//! Owns the compared programs, which take a measure and a count and print one number; must not know what they do.

use std::path::Path;
use std::process::{Command, Stdio};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Nanoseconds to register one of `count` handlers.
    Register,
    /// The same, after as many were registered and removed: the memory is allocated already.
    RegisterAgain,
    /// Nanoseconds to register one of `count` handlers, while another thread registers half of them.
    RegisterFromTwo,
    /// Nanoseconds to run one of `count` handlers, from the call of `exit` to the last handler.
    Run,
    /// The same, from the call of `run()` to its return.
    Call,
    /// Nanoseconds to remove one of `count` handlers, in random order.
    Remove,
    /// Allocated bytes for one of `count` handlers.
    Allocated,
    /// Bytes of resident memory for one of `count` handlers.
    Resident,
    /// Nanoseconds to collect and order one of `count` declared handlers, or to sort one of `count` records.
    Order,
    /// The same, with all handlers but one constrained.
    OrderConstrained,
    /// Nanoseconds to borrow and read a value in a `static`, of `count` times.
    Borrow,
    /// The same, while another thread does so too.
    BorrowFromTwo,
}

impl Measure {
    const NAMES: [(&str, Self); 12] = [
        ("register", Self::Register),
        ("register-again", Self::RegisterAgain),
        ("register-from-two", Self::RegisterFromTwo),
        ("run", Self::Run),
        ("call", Self::Call),
        ("remove", Self::Remove),
        ("allocated", Self::Allocated),
        ("resident", Self::Resident),
        ("order", Self::Order),
        ("order-constrained", Self::OrderConstrained),
        ("borrow", Self::Borrow),
        ("borrow-from-two", Self::BorrowFromTwo),
    ];

    pub(crate) fn named(name: &str) -> Self {
        Self::NAMES.iter().find(|(known, _)| *known == name).expect("the name of a measure").1
    }

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, measure)| *measure == self).expect("every measure has a name").0
    }
}

/// A program to compare.
#[derive(Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    program: Program,
    measures: &'static [Measure],
    /// The highest count that takes a reasonable time.
    pub(crate) most: usize,
}

#[derive(Clone, Copy)]
enum Program {
    /// This program, as a child.
    Child(&'static str),
    /// An interpreter, and a script in `languages`.
    Script(&'static [&'static str], &'static str),
}

const fn child(name: &'static str, argument: &'static str, measures: &'static [Measure]) -> Subject {
    Subject { name, program: Program::Child(argument), measures, most: 1_000_000 }
}

const ALLOCATIONS: [Measure; 5] =
    [Measure::Register, Measure::RegisterFromTwo, Measure::Run, Measure::Allocated, Measure::Resident];

pub(crate) const OURS: Subject = child(
    "atexit_core",
    "ours",
    &[
        Measure::Register,
        Measure::RegisterAgain,
        Measure::RegisterFromTwo,
        Measure::Run,
        Measure::Call,
        Measure::Remove,
        Measure::Allocated,
        Measure::Resident,
        Measure::Order,
        Measure::OrderConstrained,
    ],
);
/// Values in a `static`.
pub(crate) const VALUES: [Subject; 4] = [
    child("LazyLock", "lazy_lock", &BORROWS),
    child("RwLock", "rw_lock", &BORROWS),
    child("DropAtExit", "drop_at_exit", &BORROWS),
    child("CloseAtExit", "close_at_exit", &BORROWS),
];
const BORROWS: [Measure; 2] = [Measure::Borrow, Measure::BorrowFromTwo];
pub(crate) const ATEXIT: Subject = child("libc atexit", "atexit", &ALLOCATIONS);
pub(crate) const CXA_ATEXIT: Subject = child("libc __cxa_atexit", "cxa_atexit", &ALLOCATIONS);
pub(crate) const NAIVE: Subject = child("Mutex<Vec<Box<dyn FnOnce>>>", "naive", &ALLOCATIONS);
pub(crate) const SORT: Subject = child("sort of 64-byte records", "sort", &[Measure::Order]);

pub(crate) const LANGUAGES: [Subject; 6] = [
    Subject {
        name: "CPython atexit.register",
        program: Program::Script(&["python3"], "atexit.py"),
        measures: &[Measure::Register, Measure::Run, Measure::Remove],
        most: 10_000,
    },
    Subject {
        name: "Ruby at_exit",
        program: Program::Script(&["ruby"], "at_exit.rb"),
        measures: &[Measure::Register, Measure::Run],
        most: 10_000,
    },
    Subject {
        name: "Perl END, in a string eval",
        program: Program::Script(&["perl"], "end.pl"),
        measures: &[Measure::Register, Measure::Run],
        most: 10_000,
    },
    Subject {
        name: "Node process.on('exit')",
        program: Program::Script(&["node"], "exit.js"),
        measures: &[Measure::Register, Measure::Run, Measure::Remove],
        most: 10_000,
    },
    Subject {
        name: "PHP register_shutdown_function",
        program: Program::Script(&["php"], "shutdown.php"),
        measures: &[Measure::Register, Measure::Run],
        most: 10_000,
    },
    Subject {
        name: "Java addShutdownHook",
        program: Program::Script(&["java", "-Xshare:auto"], "ShutdownHook.java"),
        measures: &[Measure::Register, Measure::Run, Measure::Remove],
        most: 10_000,
    },
];

impl Subject {
    pub(crate) fn can(&self, measure: Measure) -> bool {
        self.measures.contains(&measure)
    }

    pub(crate) fn is_installed(&self) -> bool {
        match self.program {
            Program::Child(_) => true,
            Program::Script(..) => self.try_measure(self.measures[0], 1).is_some(),
        }
    }

    /// Measures once.
    ///
    /// # Panics
    ///
    /// If the program fails.
    pub(crate) fn measure(&self, measure: Measure, count: usize) -> f64 {
        self.try_measure(measure, count).unwrap_or_else(|| panic!("{} fails at {measure:?}", self.name))
    }

    fn try_measure(&self, measure: Measure, count: usize) -> Option<f64> {
        let mut command = match self.program {
            Program::Child(subject) => {
                let mut command = Command::new(std::env::current_exe().ok()?);
                command.args(["--child", subject]);
                command
            }
            Program::Script(interpreter, script) => {
                let mut command = Command::new(interpreter[0]);
                command.args(&interpreter[1..]);
                command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("languages").join(script));
                command
            }
        };
        command.arg(measure.name()).arg(count.to_string()).stdin(Stdio::null());
        command.env_remove("AT_EXIT_LOG").stderr(Stdio::inherit());
        let output = command.output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        if output.status.success() { text.trim().parse().ok() } else { None }
    }
}
