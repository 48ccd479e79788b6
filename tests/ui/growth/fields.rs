use atexit_core::{Cause, Event, Problem, Why};

fn of_cause(cause: Cause) -> bool {
    matches!(cause, Cause::Exit { status: _ }) //~ ERROR `..` required
}

fn of_event(event: &Event) {
    match event {
        Event::RunStarted { cause: _, pending: _ } => {} //~ ERROR `..` required
        Event::Started { handler: _ } => {} //~ ERROR `..` required
        Event::Finished { handler: _, elapsed: _, end: _, failure: _ } => {} //~ ERROR `..` required
        Event::RunFinished { report: _ } => {} //~ ERROR `..` required
        _ => {}
    }
}

fn of_problem(problem: &Problem) {
    match problem {
        Problem::NotAHandler { handler: _, path: _ } => {} //~ ERROR `..` required
        Problem::Contradiction { handler: _, path: _ } => {} //~ ERROR `..` required
        Problem::Cycle { handlers: _, more: _ } => {} //~ ERROR `..` required
        Problem::LinkCycle { steps: _, more: _ } => {} //~ ERROR `..` required
        Problem::MoreCycles { count: _ } => {} //~ ERROR `..` required
        Problem::NoHandlers { linked: _, file: _, line: _ } => {} //~ ERROR `..` required
        _ => {}
    }
}

fn of_why(why: &Why) {
    match why {
        Why::Before { path: _ } | Why::After { path: _ } => {} //~ ERROR `..` required
        //~^ ERROR `..` required
        Why::WaitsFor { handler: _ } => {} //~ ERROR `..` required
        _ => {}
    }
}

fn main() {
    let _ = Cause::Exit { status: Some(0) }; //~ ERROR cannot create non-exhaustive variant
}
