//! Owns the proof that the program loses nothing and leaves nothing behind, however it ends, and that it does both without
//! its handlers; looks only from outside.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use spawn::{End, Seen, assert_seen, command, run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_word-index");

/// How often a word occurs in a file.
type Index = BTreeMap<(String, String), i64>;

/// A file for the program to read, and its words.
struct Input {
    path: String,
    text: String,
    words: BTreeMap<String, i64>,
}

/// A test's own directory, with inputs and the program's output directory.
struct Scratch {
    out: PathBuf,
    inputs: Vec<Input>,
}

impl Scratch {
    /// Writes `count` files. A small generator makes their words, capitals and separators, so the counts are known without
    /// reading the files.
    fn new(test: &str, count: usize) -> Self {
        const WORDS: [&str; 8] = ["exit", "handler", "über", "x", "42", "worker", "λόγος", "lock"];
        const SEPARATORS: [&str; 5] = [" ", ", ", "\n", "--", "_\t(«"];
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        let _ = fs::remove_dir_all(&root); // from an earlier test run
        fs::create_dir_all(&root).expect("a scratch directory");
        let mut state = 1_usize;
        let mut random = |below| {
            state = (state * 1_103_515_245 + 12_345) % (1 << 31);
            (state >> 8) % below
        };
        let inputs = (0..count).map(|file| {
            let mut input = Input {
                path: root.join(format!("{file}.txt")).display().to_string(),
                text: String::new(),
                words: BTreeMap::new(),
            };
            for _ in 0..random(300) {
                let word = format!("{}{}", WORDS[random(WORDS.len())], random(30));
                let written = if random(2) == 0 { word.to_uppercase() } else { word.clone() };
                input.text += &(written + SEPARATORS[random(SEPARATORS.len())]);
                *input.words.entry(word.replace("FÜSSE", "über")).or_default() += 1;
            }
            fs::write(&input.path, &input.text).expect("an input");
            input
        });
        Self { inputs: inputs.collect(), out: root.join("out") }
    }

    fn program<'a>(&self, files: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = command(PROGRAM, &[]);
        command.arg("--out").arg(&self.out).args(files);
        command
    }

    fn paths(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(|input| &*input.path)
    }

    /// The output of `main` for the first `count` files.
    fn progress(&self, count: usize) -> String {
        let line = |Input { path, text, .. }: &Input| format!("{path}, {} bytes\n", text.len());
        self.inputs[..count].iter().map(line).collect::<Vec<_>>().concat()
    }

    /// The files in the output directory.
    fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.out).expect("the program has made it");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
        names.sort();
        names
    }

    fn report(&self) -> String {
        fs::read_to_string(self.out.join("report.txt")).expect("the program has written it")
    }

    fn index(&self) -> Index {
        let database = Connection::open(self.out.join("index.db")).expect("the program has made it");
        let mut select = database
            .prepare("SELECT path, word, count FROM word JOIN file ON file.id = word.file")
            .expect("the program has made the tables");
        let rows = select.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?))).expect("rows");
        rows.collect::<Result<_, _>>().expect("rows")
    }

    /// Fails unless the first `count` files are indexed to the last word, and nothing else is left. Returns the summary that
    /// the program has to print.
    #[track_caller]
    fn assert_indexed(&self, count: usize) -> String {
        let inputs = &self.inputs[..count];
        assert_eq!(self.left(), ["index.db", "report.txt"], "no -wal, no -shm, no lock");

        let words_of = |input: &Input| -> Vec<_> {
            input.words.iter().map(|(word, &count)| ((input.path.clone(), word.clone()), count)).collect()
        };
        let expected: Index = inputs.iter().flat_map(words_of).collect();
        let index = self.index();
        let different = index.iter().find(|&(word, count)| expected.get(word) != Some(count));
        assert_eq!(different, None, "of {} entries", index.len());
        assert_eq!(index.len(), expected.len());

        let mut totals = BTreeMap::new();
        for ((_, word), count) in &expected {
            *totals.entry(word).or_insert(0) += count;
        }
        let (words, distinct) = (totals.values().sum::<i64>(), totals.len());
        let mut top: Vec<_> = totals.into_iter().collect();
        top.sort_by_key(|&(word, count)| (-count, word));
        let top: Vec<_> = top.into_iter().take(10).map(|(word, count)| format!("{count:8} {word}\n")).collect();
        let report = format!("{count:8} files\n{words:8} words\n{distinct:8} distinct words\n\n{}", top.concat());
        assert_eq!(self.report(), report);

        let path = self.out.join("report.txt");
        format!("files: {count}, words: {words}, distinct: {distinct}, report: {}\n", path.display())
    }
}

/// The place where a crate declares its handler.
fn handler_in(package: &str) -> String {
    let file = format!("examples/word_index/{package}/src/lib.rs");
    let source = fs::read_to_string(workspace().join(&file)).expect("the source");
    let above = source.lines().take_while(|line| !line.starts_with("#[at_exit")).count();
    format!("{file}:{}", above + 1)
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3).expect("the application is three levels down")
}

#[test]
fn return_from_main() {
    let scratch = Scratch::new("return_from_main", 100);
    let Seen { stdout, stderr, end } = run(&mut scratch.program(scratch.paths()));
    let summary = scratch.assert_indexed(100);
    assert_eq!(stdout, scratch.progress(100) + &summary);
    assert_eq!((&*stderr, end), ("", End::Status(0)));
}

#[test]
fn process_exit_at_an_unreadable_file() {
    let scratch = Scratch::new("process_exit_at_an_unreadable_file", 40);
    let missing = scratch.out.with_file_name("missing.txt").display().to_string();
    let files = scratch.paths().take(20).chain([&*missing]).chain(scratch.paths().skip(20));
    let Seen { stdout, stderr, end } = run(&mut scratch.program(files));
    let summary = scratch.assert_indexed(20);
    assert_eq!(stdout, scratch.progress(20) + &summary);
    assert_eq!(stderr, format!("Error: cannot read {missing}: No such file or directory (os error 2)\n"));
    assert_eq!(end, End::Status(2));
}

/// `println!` panics on a full disk, here for the first file. The summary cannot be printed either.
#[cfg(target_os = "linux")]
#[test]
fn panic_in_main() {
    let scratch = Scratch::new("panic_in_main", 3);
    let mut shell = command("sh", &["-c", r#"exec "$0" "$@" >/dev/full"#, PROGRAM]);
    let Seen { stderr, end, .. } = run(shell.args(scratch.program(scratch.paths()).get_args()));
    scratch.assert_indexed(1);
    let (panic, failure) = stderr.split_once("Error: ").expect("a failure after the panic");
    assert!(panic.contains("thread 'main'"), "{panic}");
    assert!(panic.contains("failed printing to stdout: No space left on device"), "{panic}");
    let at = handler_in("report");
    let expected = format!(
        "cannot print the summary\n\n    Caused by:\n        No space left on device (os error 28)\n\
         at_exit: 1 handler failed:\n\
         at_exit: write the report at {at}: cannot print the summary …\n"
    );
    assert_eq!((failure, end), (&*expected, End::Status(101)));
}

#[test]
fn a_crate_runs_before_its_dependencies() {
    let scratch = Scratch::new("a_crate_runs_before_its_dependencies", 1);
    let Seen { stderr, .. } = run(scratch.program(scratch.paths()).env("AT_EXIT_LOG", "trace"));
    let started: Vec<_> = stderr.lines().filter_map(|line| line.strip_prefix("at_exit: started ")).collect();
    let expected = [
        ("drain the queue", "worker"),
        ("close the database", "database"),
        ("write the report", "report"),
        ("release the lock", "lock"),
    ];
    assert_eq!(started, expected.map(|(name, package)| format!("{name} at {}", handler_in(package))));
}

#[test]
fn without_handlers_words_are_lost_and_files_stay_behind() {
    let scratch = Scratch::new("without_handlers_words_are_lost_and_files_stay_behind", 10);
    let mut program = scratch.program(scratch.paths());
    assert_seen(program.arg("--forget-handlers"), &scratch.progress(10), "", End::Status(0));
    assert_eq!(scratch.left(), ["index.db", "index.db-shm", "index.db-wal", "lock"]);
    assert_eq!(scratch.index(), Index::new());

    // The next run refuses to start until somebody removes the lock.
    let lock = scratch.out.join("lock");
    let Seen { stdout, stderr, end } = run(&mut scratch.program(scratch.paths()));
    let owner = fs::read_to_string(&lock).expect("it is still there");
    let (owner, out) = (owner.trim(), scratch.out.display());
    assert_eq!(
        stderr,
        format!("Error: process {owner} is writing to {out}; if it was killed, remove {}\n", lock.display())
    );
    assert_eq!((&*stdout, end), ("", End::Status(1)));
    fs::remove_file(lock).expect("it is still there");
    assert_eq!(run(&mut scratch.program(scratch.paths())).end, End::Status(0));
    scratch.assert_indexed(10);
}

#[test]
fn a_file_that_is_indexed_again_is_replaced() {
    let scratch = Scratch::new("a_file_that_is_indexed_again_is_replaced", 5);
    let Input { path, text, .. } = &scratch.inputs[2];
    fs::write(path, "other words").expect("an input");
    assert_eq!(run(&mut scratch.program(scratch.paths())).end, End::Status(0));
    fs::write(path, text).expect("an input");
    assert_eq!(run(&mut scratch.program([&**path])).end, End::Status(0));
    scratch.assert_indexed(5);
}

/// The database rejects new rows, and a directory is in the place of the report.
#[test]
fn a_failed_handler_stops_no_other_and_fails_the_program() {
    let scratch = Scratch::new("a_failed_handler_stops_no_other_and_fails_the_program", 1);
    assert_eq!(run(&mut scratch.program(scratch.paths())).end, End::Status(0));
    let database = Connection::open(scratch.out.join("index.db")).expect("the program has made it");
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON file BEGIN SELECT RAISE(ABORT, 'no more'); END";
    database.execute_batch(refuse).expect("a trigger");
    database.close().expect("closed");
    let report = scratch.out.join("report.txt");
    fs::remove_file(&report).expect("the program has written it");
    fs::create_dir(&report).expect("a directory");

    let (worker, reporter, report) = (handler_in("worker"), handler_in("report"), report.display());
    let stderr = format!(
        "Error: cannot write to the database\n\n    Caused by:\n        0: no more\n        1: Error code 1811: constraint failed\n\
         Error: cannot write {report}\n\n    Caused by:\n        Is a directory (os error 21)\n\
         at_exit: 2 handlers failed:\n\
         at_exit: drain the queue at {worker}: cannot write to the database …\n\
         at_exit: write the report at {reporter}: cannot write {report} …\n"
    );
    assert_seen(&mut scratch.program(scratch.paths()), &scratch.progress(1), &stderr, End::Status(1));
    assert_eq!(scratch.left(), ["index.db", "report.txt"], "closed and released all the same");
}

#[test]
fn without_files_it_reads_the_documentation() {
    let scratch = Scratch::new("without_files_it_reads_the_documentation", 0);
    let Seen { stdout, stderr, end } = run(scratch.program([]).current_dir(workspace()));
    assert_eq!((&*stderr, end), ("", End::Status(0)));
    for file in ["README.md", "examples/word_index/README.md"] {
        assert!(stdout.lines().any(|line| line.starts_with(&format!("{file}, "))), "{file} is not in {stdout}");
    }
    let handlers = ("examples/word_index/README.md".to_owned(), "handlers".to_owned());
    assert!(scratch.index().contains_key(&handlers));
}

#[test]
fn a_wrong_command_line_leaves_nothing() {
    let usage = "usage: word-index [--out DIR] [--forget-handlers] [FILE]...";
    for (argument, complaint) in [("--out", "--out names no directory"), ("--help", "there is no option --help")] {
        assert_seen(&mut command(PROGRAM, &[argument]), "", &format!("Error: {complaint}\n{usage}\n"), End::Status(1));
    }
}
