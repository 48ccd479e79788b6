//! Owns the promises about a run inside a handler that is abandoned, and about what follows both; must not know how they are told apart.

use std::time::Duration;

use models::model::{explore, handler};
use models::sys::sync::thread::sleep;
use models::world::{hang, me, one_of, say, threads_are_fast};
use models::{Cause, Config, Event, Handler, cause, configure, register, run};

const LIMIT: Duration = Duration::from_secs(5);

/// The thread that exits here.
const MAIN: usize = 0;

#[test]
fn a_run_that_begins_or_ends_as_its_handler_is_abandoned_changes_nothing_of_the_outer_one() {
    /// A handler that reports where it runs, and why.
    fn sited(name: &'static str, takes: Duration) {
        register(move || {
            let is_exit = matches!(cause(), Some(Cause::Exit { .. }));
            say(format!("on {} at exit: {is_exit}", me()));
            handler(name)();
            sleep(takes);
        });
    }
    explore(
        || {
            // Alone, in a handler of the inner run, or in the observer when it is told of that.
            let [alone, inside, observed] = one_of(&[0, 1, 2].map(|at| [0, 1, 2].map(|i| LIMIT * u32::from(i == at))));
            configure(Config::new().observer(move |event| match event {
                Event::Finished { failure: Some(_), .. } => say("slow is abandoned"),
                Event::RunFinished { .. } if me() != MAIN => sleep(observed),
                Event::RunFinished { report, .. } => {
                    let outside = if cause().is_none() { "told outside of the run, " } else { "" };
                    say(format!("{outside}ran: {}", report.ran()));
                }
                _ => {}
            }));
            sited("a", Duration::ZERO);
            sited("b", Duration::ZERO);
            sited("c", inside);
            let slow = move || {
                say(format!("slow runs on {}", me()));
                sleep(alone);
                run();
            };
            Handler::new(slow).name("slow").time_limit(LIMIT).register();
        },
        |seen| {
            let Some(abandoned) = seen.at("slow is abandoned") else {
                return assert_eq!((seen.status, seen.stderr.as_str()), (0, ""), "{seen:?}");
            };
            let there = seen.lines.iter().find_map(|line| line.strip_prefix("slow runs ")).unwrap_or_default();
            let after = seen.lines.iter().skip(abandoned);
            let mut others = after.clone().filter(|line| line.starts_with("on ") && !line.starts_with(there));
            assert!(others.all(|line| line.ends_with(": true")), "another cause: {seen:?}");
            let begun = after.filter(|line| line.ends_with(" begins")).count();
            let told = seen.lines.iter().rev().find_map(|line| line.strip_prefix("ran: ")?.parse().ok());
            assert!(told >= Some(begun), "{begun} began: {seen:?}");
            assert_eq!(seen.stderr.matches("1 handler failed").count(), 1, "{seen:?}");
            assert_eq!((seen.stderr.matches("exceeded its time limit").count(), seen.status), (1, 1), "{seen:?}");
        },
    );
}

#[test]
fn the_outcome_of_a_run_inside_an_abandoned_handler_counts_in_the_outer_one() {
    explore(
        || {
            threads_are_fast();
            register(|| say(format!("last at exit: {}", matches!(cause(), Some(Cause::Exit { .. })))));
            let outer = || {
                Handler::new(|| hang()).name("hangs").register();
                Handler::new(|| Err::<(), _>("no space")).name("fails").register();
                register(|| models::exit(7));
                run();
            };
            let outer = Handler::new(outer).name("outer");
            if one_of(&[true, false]) {
                outer.time_limit(LIMIT).register();
            } else {
                configure(Config::new().deadline(LIMIT));
                outer.register();
            }
            Handler::new(|| Err::<(), _>("no space")).name("fails first").register();
        },
        |seen| {
            assert_eq!((seen.status, seen.lived), (7, LIMIT), "{seen:?}");
            assert_eq!(seen.count("last at exit: false"), 0, "{seen:?}");
            assert!(seen.stderr.contains("3 handlers failed"), "{seen:?}");
            for name in ["fails first", "fails"] {
                assert!(seen.stderr.contains(&format!("at_exit: {name} at ")), "{name}: {seen:?}");
            }
            let is_over = ["outer", "hangs"].map(|name| seen.stderr.contains(&format!("at_exit: {name} at ")));
            assert!(is_over.contains(&true), "{seen:?}");
        },
    );
}
