//! `raftwire bench`

mod arguments;
mod bar;

use std::fmt::Display;
use std::io;

use raftwire_bench::{BenchError, Progress};
use serde::Serialize;

pub(super) use arguments::BenchCommand;
use bar::Bar;

use super::{Failure, Output};

/// The generator has threads of its own, and this one has nothing else to do: it blocks.
pub(super) fn run(command: BenchCommand) -> Result<(), Failure> {
    match command {
        BenchCommand::Echo(arguments) => {
            let (plan, is_json) = arguments.plan().map_err(Failure::usage)?;
            measure(is_json, |watch| raftwire_bench::run(&plan, watch))
        }
        BenchCommand::Route(arguments) => {
            let (plan, is_json) = arguments.plan().map_err(Failure::usage)?;
            measure(is_json, |watch| raftwire_bench::run(&plan, watch))
        }
        BenchCommand::Fanout(arguments) => {
            let (plan, is_json) = arguments.plan().map_err(Failure::usage)?;
            measure(is_json, |watch| raftwire_bench::fanout(&plan, watch))
        }
        BenchCommand::Idle(arguments) => {
            let is_json = arguments.crowd.json;
            let plan = arguments.plan().map_err(Failure::usage)?;
            measure(is_json, |watch| raftwire_bench::idle(&plan, watch))
        }
        BenchCommand::Names(arguments) => {
            let is_json = arguments.crowd.json;
            let plan = arguments.plan().map_err(Failure::usage)?;
            measure(is_json, |watch| raftwire_bench::names(&plan, watch))
        }
        BenchCommand::HelpAlong => {
            let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
            raftwire_bench::help(&mut input, &mut output).map_err(Failure::new)
        }
        BenchCommand::Storm(arguments) => {
            let is_json = arguments.crowd.json;
            let plan = arguments.plan().map_err(Failure::usage)?;
            measure(is_json, |watch| raftwire_bench::storm(&plan, watch))
        }
    }
}

/// Measures with a bar, and prints the report.
fn measure<R: Display + Serialize>(
    is_json: bool,
    measure: impl FnOnce(&mut dyn FnMut(Progress)) -> Result<R, BenchError>,
) -> Result<(), Failure> {
    let mut bar = Bar::new();
    let measured = measure(&mut |progress| bar.show(progress));
    bar.clear();
    let report = measured.map_err(|error| match error {
        BenchError::Nothing(_)
        | BenchError::Rate(_)
        | BenchError::Short { .. }
        | BenchError::Bare
        | BenchError::NoAuthorities(_)
        | BenchError::ServerName(_) => Failure::usage(error),
        _ => Failure::new(error),
    })?;
    let output = Output::stdout();
    if is_json {
        let json = serde_json::to_value(&report).map_err(Failure::new)?;
        output.line(&format!("{json:#}"));
    } else {
        output.line(&report.to_string());
    }
    Ok(())
}
