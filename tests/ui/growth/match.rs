use atexit_core::{Cause, Event, Phase, Problem, Unavailable, Why};

fn of_cause(cause: Cause) {
    match cause { //~ ERROR non-exhaustive patterns: `_` not covered
        Cause::Exit { .. } | Cause::Signal(_) | Cause::Run | Cause::Unload => {}
    }
}

fn of_event(event: &Event) {
    match event { //~ ERROR non-exhaustive patterns: `&_` not covered
        Event::RunStarted { .. } | Event::Started { .. } | Event::Finished { .. } | Event::RunFinished { .. } => {}
    }
}

fn of_problem(problem: &Problem) {
    match problem { //~ ERROR non-exhaustive patterns: `&_` not covered
        Problem::NotAHandler { .. } | Problem::Contradiction { .. } | Problem::NoHandlers { .. } => {}
        Problem::Cycle { .. } | Problem::LinkCycle { .. } | Problem::MoreCycles { .. } => {}
    }
}

fn of_phase(phase: Phase) {
    match phase { //~ ERROR non-exhaustive patterns: `_` not covered
        Phase::First | Phase::Ordinary | Phase::Value | Phase::Last => {}
    }
}

fn of_why(why: &Why) {
    match why { //~ ERROR non-exhaustive patterns: `&_` not covered
        Why::Topmost | Why::RegisteredEarlier | Why::Declared | Why::Source | Why::Link | Why::Linker => {}
        Why::Phase | Why::Before { .. } | Why::After { .. } | Why::WaitsFor { .. } => {}
    }
}

fn of_unavailable(unavailable: Unavailable) {
    match unavailable { //~ ERROR non-exhaustive patterns: `_` not covered
        Unavailable::Closed | Unavailable::Empty | Unavailable::Initializing => {}
    }
}

fn main() {}
