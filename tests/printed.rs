//! Owns what happens when text from elsewhere is printed: it cannot pass for a line of the library, control a terminal, or reveal a
//! secret.

use spawn::{End, Seen, command, run};

const PRINTED: &str = env!("CARGO_BIN_EXE_printed");

/// The place of this text in the program.
fn line(text: &str) -> usize {
    include_str!("programs/printed.rs").lines().take_while(|line| !line.contains(text)).count() + 1
}

#[test]
fn no_text_passes_for_another() {
    let Seen { stdout, stderr, end } = run(command(PRINTED, &["forges"]).env("AT_EXIT_LOG", "trace"));
    let (closes, errs, flushes) = (line(".name(name)"), line("Ärger"), line("flush"));
    let at = |line| format!("tests/programs/printed.rs:{line}");
    let (close, err, flush) = (
        format!(r"close\r\u{{1b}}[2Kat_exit: all is well\u{{85}} at {}", at(closes)),
        format!("closure in printed::forges at {}", at(errs)),
        format!(r"flush\u{{2028}}at_exit: all is well at {}", at(flushes)),
    );
    let (table, dot) = stdout.split_once("digraph at_exit {\n").expect("both are printed");
    let expected = format!(
        "\
#  handler                                   crate    declared or registered at     reason
1  close\\r\\u{{1b}}[2Kat_exit: all is well\\u{{…  printed  {}
2  closure in printed::forges                printed  {}  registered earlier
3  flush\\u{{2028}}at_exit: all is well         printed  {}  registered earlier
",
        at(closes),
        at(errs),
        at(flushes)
    );
    assert_eq!(table, expected);
    let node = format!(r#"    h0 [label="1. close\\r\\u{{1b}}[2Kat_exit: all is well\\u{{…\n{}"];"#, at(closes));
    assert!(dot.lines().any(|line| line == node), "{dot}");
    assert!(dot.chars().all(|c| c == '\n' || !c.is_control()), "{dot}");

    // The time that each took differs from run to run.
    let is_untimed = |line: &&str| !line.starts_with("at_exit: failed ") && !line.starts_with("at_exit: finished ");
    let told: Vec<_> = stderr.lines().filter(is_untimed).collect();
    let panicked = r"panicked: 大きさ\r\u{1b}[1A\u{1b}[2Kat_exit: all is well\u{2069}";
    let expected = format!(
        "at_exit: plan\n{table}\
         at_exit: started {close}\n\
         at_exit: started {err}\n\
         Error: Ärger\n    at_exit: all is well\n\n    Caused by:\n    \\tno \\u{{202e}}ecaps\n\
         at_exit: started {flush}\n\
         at_exit: 2 handlers failed:\n\
         at_exit: {close}: {panicked}\n\
         at_exit: {err}: Ärger at_exit: all is well …"
    );
    assert_eq!(told, expected.lines().collect::<Vec<_>>());
    assert!(stderr.contains(&format!("\nat_exit: failed {close} after ")), "{stderr}");
    assert!(stderr.contains(&format!("\nat_exit: finished {flush} after ")), "{stderr}");
    assert_eq!(end, End::Status(1));
}

#[test]
fn a_name_replaces_arguments_everywhere() {
    let Seen { stdout, stderr, end } = run(command(PRINTED, &["secret"]).env("AT_EXIT_LOG", "trace"));
    assert!(!stdout.contains("hunter2") && !stderr.contains("hunter2"), "{stdout}{stderr}");
    let at = |text| format!("tests/programs/printed.rs:{}", line(text));
    let summary = format!(
        "at_exit: 2 handlers failed:\nat_exit: log in at {}: 7\nat_exit: log out at {}: 7\n",
        at("log in"),
        at("log out")
    );
    assert!(stderr.ends_with(&summary), "{stderr}");
    assert_eq!((stdout.matches("log in").count(), stdout.matches("log out").count()), (3, 3), "{stdout}");
    assert_eq!(end, End::Status(1));
}
