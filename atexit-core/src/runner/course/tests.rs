//! Owns the proof of each cell in the table of states; must not know of threads, which are only names here.

use std::panic::Location;
use std::time::Duration;

use super::super::record::RunContext;
use super::*;
use crate::config::Config;
use crate::handler::error::{FailureKind, HandlerError};
use crate::handler::facts::Label;
use crate::report::{Cause, Failure, HandlerEnd};

#[expect(clippy::unnecessary_box_returns, reason = "it is only used boxed")]
fn record() -> Box<RunRecord> {
    RunRecord::new(&Arc::new(RunContext::new(Cause::Run, Config::new(), None)))
}

/// The threads in the table: the one that acts, and another one.
fn threads() -> (ThreadToken, ThreadToken) {
    (ThreadToken::new(), ThreadToken::new())
}

fn state(course: Course, exit: Exit) -> RunState {
    RunState { course, exit, ..RunState::new() }
}

/// How many runs are open, one inside another.
fn depth(run: &mut RunState) -> usize {
    (0..9).take_while(|&at| run.record_at(at).is_some()).count()
}

/// The state after a step.
fn after<R>(mut run: RunState, step: impl FnOnce(&mut RunState) -> R) -> (Course, Exit, R) {
    let result = step(&mut run);
    (run.course, run.exit, result)
}

#[test]
fn who_begins_a_run_runs_waits_leaves_or_ends_the_run_of_another() {
    let (me, other) = threads();
    let leaving = |by| Exit::Leaving { by, status: 7 };
    let (opening, ending) = (Course::Opening { by: other }, Course::Ending { by: other });
    // the state, whether the run is part of an exit, whether its deadline is over => what the thread does
    let table = [
        (Course::Idle, Exit::No, false, Begin::Mine),
        (Course::Idle, Exit::By(other), false, Begin::Mine),
        (Course::Idle, leaving(other), false, Begin::Mine),
        (Course::Idle, Exit::No, true, Begin::Mine),
        (Course::Idle, Exit::By(me), true, Begin::Mine),
        (Course::Idle, leaving(me), true, Begin::Mine),
        (Course::Idle, Exit::By(other), true, Begin::WaitForTheEnd),
        (Course::Idle, leaving(other), true, Begin::Leave(7)),
        (opening, Exit::No, false, Begin::Wait),
        (opening, Exit::No, true, Begin::Wait),
        (opening, Exit::By(me), true, Begin::Wait),
        (opening, Exit::By(other), true, Begin::WaitForTheEnd),
        (opening, leaving(other), true, Begin::WaitForTheEnd),
        (Course::Running { by: other }, Exit::No, false, Begin::Wait),
        (Course::Running { by: other }, Exit::By(other), false, Begin::Wait),
        (Course::Running { by: other }, Exit::No, true, Begin::Wait),
        (Course::Running { by: other }, Exit::By(me), true, Begin::Wait),
        (Course::Running { by: other }, Exit::By(other), true, Begin::WaitForTheEnd),
        (Course::Running { by: other }, leaving(other), true, Begin::WaitForTheEnd),
        (ending, Exit::No, false, Begin::Wait),
        (ending, Exit::No, true, Begin::Wait),
        (ending, Exit::By(other), true, Begin::WaitForTheEnd),
        (Course::Opening { by: me }, Exit::No, false, Begin::Within),
        (Course::Opening { by: me }, Exit::By(me), false, Begin::Within),
        (Course::Running { by: me }, Exit::No, false, Begin::Within),
        (Course::Ending { by: me }, Exit::By(me), false, Begin::Within),
    ];
    for (course, exit, ends_process, expected) in table {
        for is_past in [false, true] {
            let expected = match expected {
                Begin::Wait if is_past && course == (Course::Running { by: other }) => Begin::PastDeadline,
                Begin::Wait if is_past => Begin::WaitForTheEnd,
                expected => expected,
            };
            let (now, exits, verdict) = after(state(course, exit), |run| run.begin(me, ends_process, is_past));
            assert_eq!(verdict, expected, "{course:?} {exit:?} {ends_process} {is_past}");
            let becomes = match expected {
                Begin::Mine => Course::Opening { by: me },
                Begin::PastDeadline => Course::Ending { by: me },
                Begin::Within | Begin::Wait | Begin::WaitForTheEnd | Begin::Leave(_) => course,
            };
            assert_eq!(now, becomes, "{course:?} {exit:?} {ends_process} {is_past}");
            let takes_down = expected == Begin::Mine && ends_process && exit.by() != Some(me);
            assert_eq!(exits, if takes_down { Exit::By(me) } else { exit }, "{course:?} {ends_process}");
        }
    }
}

#[test]
fn every_other_cell_of_the_table() {
    use Course::{Ending, Idle, Opening, Running};
    let (me, other) = threads();
    let courses = [
        Idle,
        Opening { by: me },
        Opening { by: other },
        Running { by: me },
        Running { by: other },
        Ending { by: me },
        Ending { by: other },
    ];
    for course in courses {
        let fresh = || state(course, Exit::No);
        let is_running = matches!(course, Running { .. });
        assert_eq!(after(fresh(), |run| run.open(me, record())), (Running { by: me }, Exit::No, ()));
        assert_eq!(after(fresh(), |run| run.nest(record())), (course, Exit::No, ()));
        assert_eq!(after(fresh(), RunState::end), (Idle, Exit::No, ()));
        assert_eq!(after(fresh(), |run| run.leave(me, 3)), (course, Exit::Leaving { by: me, status: 3 }, ()));
        let goes_on = |exit| after(state(course, exit), |run| run.go_on_in_exit(me));
        assert_eq!(goes_on(Exit::By(other)), (course, Exit::By(other), Claim::Others));
        for by in [me, other] {
            assert_eq!(goes_on(Exit::Leaving { by, status: 3 }), (course, Exit::By(me), Claim::Mine));
        }
        assert_eq!(goes_on(Exit::No), (course, Exit::No, Claim::Mine));
        let claimed =
            |mine| if mine { (Ending { by: me }, Exit::No, Claim::Mine) } else { (course, Exit::No, Claim::Others) };
        assert_eq!(after(fresh(), |run| run.claim_end(me)), claimed(course == Running { by: me }));
        assert_eq!(after(fresh(), |run| run.claim_end_at_deadline(me)), claimed(is_running));
        let taken_over = match course {
            Ending { by } if by == me => (Running { by: me }, Exit::By(me), Claim::Mine),
            Running { .. } => (Running { by: me }, Exit::By(me), Claim::Mine),
            _ => (course, Exit::No, Claim::Others),
        };
        assert_eq!(after(fresh(), |run| run.take_over(me, &mut None)), taken_over);
        let stuck = |owner_id| {
            let run = RunState { owner_id: Some(1), ..fresh() };
            after(run, |run| run.take_over_from_stuck(me, owner_id, &mut None))
        };
        let is_open = is_running || matches!(course, Ending { .. });
        assert_eq!(
            stuck(1),
            if is_open { (Running { by: me }, Exit::By(me), true) } else { (course, Exit::No, false) }
        );
        assert_eq!(stuck(2), (course, Exit::No, false)); // it was another run's
        assert_eq!(after(fresh(), |run| run.may_run(me)).2, course == Running { by: me });
        let mut with_exit_thread = fresh();
        with_exit_thread.exit_thread = Some((me, Handover::new()));
        assert_eq!(with_exit_thread.may_run(me), is_running);
        assert_eq!(after(fresh(), |run| run.go_on_in_child(me, true)), (Running { by: me }, Exit::No, ()));
        assert_eq!(after(fresh(), |run| run.go_on_in_child(me, false)), (Idle, Exit::No, ()));
    }
}

#[test]
fn an_exit_goes_on_in_the_child_of_who_takes_part_in_it() {
    let (me, other) = threads();
    let leaving = |by| Exit::Leaving { by, status: 7 };
    let mine = Exit::By(me);
    // the exit in the parent => in a child that is inside the run, and in one that is not
    let table = [
        (Exit::No, Exit::No, Exit::No),
        (Exit::By(me), mine, mine),
        (Exit::By(other), mine, Exit::No),
        (leaving(me), mine, mine),
        (leaving(other), mine, Exit::No),
    ];
    for (exit, inside, outside) in table {
        for (goes_on, expected) in [(true, inside), (false, outside)] {
            let (_, exit, ()) =
                after(state(Course::Running { by: other }, exit), |run| run.go_on_in_child(me, goes_on));
            assert_eq!(exit, expected);
        }
    }
}

#[test]
fn the_first_thread_that_notices_a_late_end_ends_the_process_unless_the_handlers_have_run() {
    let (me, other) = threads();
    let mut hung = state(Course::Ending { by: other }, Exit::By(other));
    assert_eq!([hung.claim_late_end(), hung.claim_late_end()], [Claim::Mine, Claim::Others]);
    hung.go_on_in_child(me, true);
    assert_eq!(hung.claim_late_end(), Claim::Mine);
    assert_eq!(state(Course::Idle, Exit::By(other)).claim_late_end(), Claim::Others);
}

#[test]
fn a_child_has_the_records_of_a_run_that_goes_on_there_and_no_exit_thread() {
    let (me, other) = threads();
    for (goes_on, records) in [(true, 2), (false, 0)] {
        let mut run = state(Course::Running { by: other }, Exit::No);
        run.nest(record());
        run.nest(record());
        run.exit_thread = Some((other, Handover::new()));
        run.waiting = 3;
        run.go_on_in_child(me, goes_on);
        assert_eq!((depth(&mut run), run.waiting), (records, 0));
        assert!(run.exit_thread.is_none());
    }
}

#[test]
fn what_is_nested_is_told_by_the_outermost_run_once_it_is_abandoned() {
    fn abandoned(run: &mut RunState) -> usize {
        let mut nested = RunState { innermost: run.abandon_nested(), ..RunState::new() };
        depth(&mut nested)
    }
    let mut run = RunState::new();
    assert_eq!(abandoned(&mut run), 0);
    run.open(ThreadToken::new(), record());
    assert_eq!(abandoned(&mut run), 0);
    for code in [3, 4] {
        run.nest(record());
        run.innermost.as_mut().expect("it was nested").ask_for_status(code);
    }
    assert_eq!(abandoned(&mut run), 2);
    assert_eq!(depth(&mut run), 1);
    assert_eq!(run.unnest().expect("the outermost").asked_status().exit, Some(4));
    assert!(run.unnest().is_none());
}

#[test]
fn who_takes_over_meets_no_exit_thread() {
    let (me, other) = threads();
    let mut run = state(Course::Running { by: other }, Exit::By(other));
    let (handover, mut former) = (Handover::new(), None);
    run.exit_thread = Some((me, Arc::clone(&handover)));
    assert_eq!(run.take_over(me, &mut former), Claim::Mine);
    assert!(run.exit_thread.is_none());
    assert!(former.is_some_and(|(thread, place)| thread == me && Arc::ptr_eq(&place, &handover)));
}

#[test]
fn a_failure_takes_the_place_of_a_success_in_the_same_run_only() {
    let label = Label::Value { name: "", location: Location::caller() };
    let succeeded = || HandlerRecord::new(label.clone(), Duration::ZERO, HandlerEnd::Returned);
    let failed = || HandlerRecord::failed(Failure::new(&label, HandlerError::deadline()), Duration::ZERO);
    let mut run = RunState::new();
    run.open(ThreadToken::new(), record());
    run.note_ended(succeeded());
    run.nest(record());
    assert!(run.note_instead(failed(), |_| false).is_none());
    run.note_ended(succeeded());
    assert!(run.note_instead(failed(), |_| false).is_some());
    assert!(run.note_instead(failed(), |_| false).is_none());
    assert!(run.note_instead(failed(), |failure| failure.kind() == FailureKind::Deadline).is_some());
    let has_failed: Vec<bool> = run.ended.iter().map(|handler| handler.failure().is_some()).collect();
    assert_eq!(has_failed, [false, true, true, true]);
}
