//! `raftwire bench`

mod arguments;
mod bar;

use raftwire_bench::BenchError;

pub(super) use arguments::BenchCommand;
use bar::Bar;

use super::{Failure, Output};

/// The generator has threads of its own, and this one has nothing else to do: it blocks.
pub(super) fn run(command: BenchCommand) -> Result<(), Failure> {
    let (plan, is_json) = command.plan();
    let mut bar = Bar::new();
    let measured = raftwire_bench::run(&plan, &mut |progress| bar.show(progress));
    bar.clear();
    let report = measured.map_err(|error| match error {
        BenchError::Nothing(_) | BenchError::Rate(_) => Failure::usage(error),
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
